/** The results as text: a table per question, for a terminal and for the README. */

import { type Results, ratioTo, rowsOf, spreadIn, totalOf } from './results.js';
import { spreadOf } from './statistics.js';

export function printResults(results: Results, print: (line: string) => void): void {
  const { machine, repetitions } = results;
  print(
    `kernel ${machine.kernel}, Node ${machine.node}, commit ${machine.commit}, ${machine.processors}, load ${machine.load.toFixed(1)}`,
  );
  const drops = machine.cacheDrops === 0 ? '' : `; somebody dropped the kernel's caches ${machine.cacheDrops} times meanwhile`;
  print(`medians of ${repetitions} repetitions${results.isQuick ? ', quick' : ''}${drops}`);
  print('');
  for (const line of columns(timeTable(results))) print(line);
  print('');
  print('processor time an operation, client + daemon');
  for (const line of columns(cpuTable(results))) print(line);
  const requests = requestTable(results);
  if (requests.length > 1) {
    print('');
    print('requests an operation');
    for (const line of columns(requests)) print(line);
  }
  if (results.memory.length > 0) {
    print('');
    print('daemon memory after a workload, MiB resident');
    for (const line of columns(memoryTable(results))) print(line);
  }
  for (const { step, subject, latencyUs } of results.measurements) {
    if (latencyUs === undefined) continue;
    const { median, p99, max } = latencyUs;
    print(
      `${step}: a lookup beside it on ${subject} took ${round(median)} us (median), ${round(p99)} us (99 of 100), ${round(max)} us (longest)`,
    );
  }
  for (const gap of uniqueGaps(results)) print(gap);
}

/** Median per operation in the first subject, then for each subject its ratios; a header first. */
export function timeTable(results: Results): string[][] {
  const table = [['step', 'stack', ...results.subjects]];
  for (const row of rowsOf(results)) {
    const cells = results.subjects.map((subject) => timeCell(results, row, subject));
    table.push([row.step, row.stack, ...cells]);
  }
  return table;
}

/** `12.3 us ±5% x0.8`: the median for an operation, half the distance from the smallest to the largest, the ratio to the kernel. */
function timeCell(results: Results, row: { step: string; stack: string; workload: string }, subject: string): string {
  const measurement = results.measurements.find(
    (each) => each.step === row.step && each.stack === row.stack && each.subject === subject,
  );
  if (measurement === undefined) return '-';
  const { median, min, max } = spreadIn(measurement);
  const ratio = ratioTo(results, measurement, results.subjects[0] ?? '');
  const spread = measurement.seconds.length > 1 ? ` ±${Math.round(((max - min) / 2 / median) * 100)}%` : '';
  return `${duration(median / measurement.operations)}${spread}${ratio === undefined ? '' : ` x${round(ratio)}`}`;
}

function cpuTable(results: Results): string[][] {
  const table = [['step', 'stack', ...results.subjects]];
  for (const { step, stack } of rowsOf(results)) {
    const cells = results.subjects.map((subject) => {
      const found = results.measurements.find((each) => each.step === step && each.stack === stack && each.subject === subject);
      if (found === undefined || found.clientCpu.length === 0) return '-';
      const [client, daemon] = [spreadOf(found.clientCpu).median, spreadOf(found.daemonCpu).median];
      return `${duration(client / found.operations)}${daemon === 0 ? '' : ` + ${duration(daemon / found.operations)}`}`;
    });
    if (cells.some((cell) => cell !== '-')) table.push([step, stack, ...cells]);
  }
  return table;
}

function requestTable(results: Results): string[][] {
  const asked = new Set(results.measurements.filter((each) => each.requests !== undefined).map((each) => each.subject));
  const subjects = results.subjects.filter((subject) => asked.has(subject));
  const table = [['step', 'stack', ...subjects]];
  for (const { step, stack } of rowsOf(results)) {
    const cells = subjects.map((subject) => {
      const found = results.measurements.find((each) => each.step === step && each.stack === stack && each.subject === subject);
      return found?.requests === undefined ? '-' : describeRequests(found.requests, found.operations);
    });
    if (cells.some((cell) => cell !== '-')) table.push([step, stack, ...cells]);
  }
  return table;
}

/** `3.02 (LOOKUP 1, CREATE 1, ...)`, opcodes below a hundredth of an operation left out. */
export function describeRequests(requests: Record<string, number>, operations: number): string {
  const parts = Object.entries(requests)
    .filter(([, count]) => count / operations >= 0.01)
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => `${name} ${round(count / operations)}`);
  const total = round(totalOf(requests) / operations);
  return parts.length === 0 ? total : `${total} (${parts.join(', ')})`;
}

function memoryTable(results: Results): string[][] {
  const subjects = results.subjects.filter((subject) => results.memory.some((each) => each.subject === subject));
  const rows = new Map(results.memory.map(({ workload, stack }) => [`${workload}/${stack}`, { workload, stack }]));
  const table = [['workload', 'stack', ...subjects]];
  for (const { workload, stack } of rows.values()) {
    const cells = subjects.map((subject) => {
      const found = results.memory.find((each) => each.workload === workload && each.stack === stack && each.subject === subject);
      return found === undefined ? '-' : (found.rss / 1024).toFixed(0);
    });
    table.push([workload, stack, ...cells]);
  }
  return table;
}

/** One line for each subject and reason. */
export function uniqueGaps(results: Results): string[] {
  const by = new Map<string, Set<string>>();
  for (const { subject, workload, reason } of results.gaps) {
    const key = `${subject}: ${reason}`;
    by.set(key, (by.get(key) ?? new Set()).add(workload));
  }
  return [...by].map(([key, workloads]) => `not measured: ${key} (${[...workloads].join(', ')})`);
}

/** Lines of aligned columns. */
export function columns(table: readonly (readonly string[])[]): string[] {
  const widths = (table[0] ?? []).map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  return table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

export function duration(seconds: number): string {
  if (seconds < 1e-3) return `${round(seconds * 1e6)} us`;
  return seconds < 1 ? `${round(seconds * 1e3)} ms` : `${round(seconds)} s`;
}

/** Three significant digits at most, no exponent. */
export function round(value: number): string {
  if (value >= 99.95) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : String(Number(value.toFixed(2)));
}

/** The table for the README: plyfs against its peers, losses included. */
export function markdownTable(results: Results): string[] {
  const { machine, subjects } = results;
  const drops =
    machine.cacheDrops === 0 ? '' : ` The kernel's caches were dropped ${machine.cacheDrops} times meanwhile by something else.`;
  const intro = [
    `Medians of ${results.repetitions} runs on ${machine.processors}, Linux ${machine.kernel}, Node ${machine.node}, commit ${machine.commit}, ${machine.date.slice(0, 10)},`,
    `load ${machine.load.toFixed(1)} at the start.${drops} Times are for one operation; in brackets the ratio to kernel overlayfs, below 1 is faster.`,
    'Requests are what the kernel asked plyfs for one operation.',
  ];
  const rows = rowsOf(results).map((row) => {
    const cells = subjects.map((subject) => markdownCell(results, row, subject));
    const mine = results.measurements.find((each) => isAt(each, row) && each.subject === 'plyfs');
    const requests = mine?.requests === undefined ? '' : round(totalOf(mine.requests) / mine.operations);
    return [row.stack === 'mixed' ? row.step : `${row.step}, ${row.stack}`, ...cells, requests];
  });
  const header = ['workload', ...subjects, 'requests'];
  return [...intro, '', ...[header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`)];
}

function markdownCell(results: Results, row: { step: string; stack: string }, subject: string): string {
  const measurement = results.measurements.find((each) => isAt(each, row) && each.subject === subject);
  if (measurement === undefined) return '';
  const time = duration(spreadIn(measurement).median / measurement.operations);
  const ratio = subject === 'kernel' ? undefined : ratioTo(results, measurement, 'kernel');
  return ratio === undefined ? time : `${time} (${round(ratio)})`;
}

function isAt(measurement: { step: string; stack: string }, row: { step: string; stack: string }): boolean {
  return measurement.step === row.step && measurement.stack === row.stack;
}
