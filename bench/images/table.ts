/** The results about images as text: for a terminal, and for the README. */

import { duration, round } from '../../src/bench/report.js';
import { type Measurement, ratioTo, rowsOf, spreadIn } from '../../src/bench/results.js';
import { spreadOf } from '../../src/bench/statistics.js';
import type { ImageResults } from './session.js';

/** A header, then a row for each step and archive. */
export function imageTable(results: ImageResults): string[][] {
  const rows = rowsOf(results).map(({ step, stack }) => {
    const cells = results.subjects.map((subject) => {
      const found = results.measurements.find((each) => each.step === step && each.stack === stack && each.subject === subject);
      return found === undefined ? '' : cell(results, found);
    });
    return [stack === 'gzip' ? `${step}, gzip` : step, ...cells];
  });
  return [['step', ...results.subjects], ...rows];
}

/** `1.2 s (x4), cpu 900 ms`: the median, its ratio to that of plyfs, the processor time of the program and the daemon. */
function cell(results: ImageResults, measurement: Measurement): string {
  const ratio = measurement.subject === 'plyfs' ? undefined : ratioTo(results, measurement, 'plyfs');
  const cpu = spreadOf(measurement.clientCpu.map((client, i) => client + (measurement.daemonCpu[i] ?? 0))).median;
  const text = `${duration(spreadIn(measurement).median)}${ratio === undefined ? '' : ` (x${round(ratio)})`}`;
  return `${text}, cpu ${duration(cpu)}`;
}

export function indexLines(results: ImageResults): string[] {
  return results.index.map(
    ({ names, bytesPerName, buildSeconds, loadSeconds, rssBytesPerName }) =>
      `Index of ${names.toLocaleString('en')} names: ${round(bytesPerName)} bytes a name (the process grows by ${round(rssBytesPerName)}), ` +
      `loaded from its file in ${duration(spreadOf(loadSeconds).median)}, built in ${duration(buildSeconds)}.`,
  );
}

export function memoryLines(results: ImageResults): string[] {
  return results.memory
    .filter((each) => each.stack === 'plain')
    .map((each) => `Daemon after the find, ${each.subject}: ${(each.rss / 1024).toFixed(0)} MiB resident.`);
}

export function gapLines(results: ImageResults): string[] {
  return results.gaps.map((gap) => `Not measured: ${gap.subject}, ${gap.workload}: ${gap.reason}`);
}

export function introLines(results: ImageResults): string[] {
  const { machine, image } = results;
  const mib = (bytes: number) => (bytes / 2 ** 20).toFixed(0);
  return [
    `An image of ${image.layers} layers and ${image.files.toLocaleString('en')} files (${mib(image.bytes)} MiB; with gzip layers ${mib(image.gzipBytes)} MiB), archive in the page cache.`,
    `Medians of up to ${results.repetitions} runs (steps over 3 s run once) on ${machine.processors}, Linux ${machine.kernel}, Node ${machine.node}, commit ${machine.commit}, ${machine.date.slice(0, 10)}, load ${machine.load.toFixed(1)} at the start.`,
    'First byte and find count from the archive: with the mount, load or unpacking. In brackets how many times as long as plyfs without a saved index; cpu is processor time, daemon included.',
  ];
}

export function imageMarkdown(results: ImageResults): string[] {
  const [header = [], ...rows] = imageTable(results);
  return [
    ...introLines(results),
    '',
    ...[header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`),
    '',
    ...[...indexLines(results), ...memoryLines(results), ...gapLines(results)].map((line) => `- ${line}`),
  ];
}
