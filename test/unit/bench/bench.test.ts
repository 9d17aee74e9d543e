import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { writeCharts } from '../../../src/bench/charts.js';
import { columns, describeRequests, duration, markdownTable } from '../../../src/bench/report.js';
import { type Measurement, type Results, ratioTo } from '../../../src/bench/results.js';
import { quantile, seededRandom, shuffle, spreadOf } from '../../../src/bench/statistics.js';

function measurement(step: string, stack: string, subject: string, ...seconds: number[]): Measurement {
  return { workload: 'w', step, stack, subject, unit: 'call', operations: 1000, seconds, clientCpu: [], daemonCpu: [] };
}

const results: Results = {
  machine: {
    date: '2026-01-02T00:00:00Z',
    kernel: '6.18',
    node: 'v20',
    commit: 'abc',
    processors: '2 x <cpu>',
    memoryGiB: 8,
    load: 0.5,
    cacheDrops: 0,
  },
  isQuick: false,
  repetitions: 3,
  subjects: ['kernel', 'plyfs'],
  stacks: [
    { name: 'mixed', layers: 10, objects: 5 },
    { name: '1 layers', layers: 1, objects: 5 },
    { name: '100 layers', layers: 100, objects: 5 },
  ],
  measurements: [
    measurement('stat', 'mixed', 'kernel', 0.01, 0.04, 0.02),
    { ...measurement('stat', 'mixed', 'plyfs', 0.01, 0.01, 0.05), requests: { LOOKUP: 1500, GETATTR: 4 } },
    measurement('deep stat first', '1 layers', 'kernel', 0.01),
    measurement('deep stat first', '100 layers', 'kernel', 1),
  ],
  memory: [],
  gaps: [],
};

test('a median is the middle of the sorted values, and between the two middle ones', () => {
  assert.deepEqual(spreadOf([3, 1, 2]), { median: 2, min: 1, max: 3 });
  assert.equal(spreadOf([4, 1]).median, 2.5);
  assert.equal(quantile([0, 10], 0.99), 9.9);
  assert.throws(() => spreadOf([]));
});

test('the same seed shuffles alike and loses nothing', () => {
  const all = Array.from({ length: 50 }, (_, i) => i);
  const first = shuffle([...all], seededRandom(1));
  assert.deepEqual(first, shuffle([...all], seededRandom(1)));
  assert.notDeepEqual(first, shuffle([...all], seededRandom(2)));
  assert.deepEqual(
    [...first].sort((a, b) => a - b),
    all,
  );
});

test('a ratio compares the medians of the same step on the same stack', () => {
  assert.equal(ratioTo(results, results.measurements[1]!, 'kernel'), 0.5);
  assert.equal(ratioTo(results, results.measurements[2]!, 'plyfs'), undefined);
});

test('the README table has a row for each step, with ratios and requests', () => {
  const table = markdownTable(results);
  assert.ok(table.includes('| stat | 20.0 us | 10.0 us (0.5) | 1.5 |'), table.join('\n'));
  assert.ok(table.includes('| deep stat first, 100 layers | 1 ms |  |  |'), table.join('\n'));
});

test('numbers are short and requests say which', () => {
  assert.equal(duration(0.0000123), '12.3 us');
  assert.equal(duration(2.5), '2.5 s');
  assert.equal(describeRequests({ LOOKUP: 1500, GETATTR: 4 }, 1000), '1.5 (LOOKUP 1.5)');
  assert.deepEqual(
    columns([
      ['a', 'b'],
      ['long', 'c'],
    ]),
    ['a     b', 'long  c'],
  );
});

test('the charts are drawn, escaped, for what was measured', () => {
  const directory = mkdtempSync(join(tmpdir(), 'plyfs-charts-'));
  try {
    const files = writeCharts(results, join(directory, 'out.svg'));
    assert.deepEqual(files, [join(directory, 'out.svg'), join(directory, 'out-layers.svg')]);
    const [ratios, layers] = files.map((file) => readFileSync(file, 'utf8'));
    assert.match(ratios ?? '', /plyfs 0\.5x/);
    assert.match(layers ?? '', /<polyline/);
    assert.deepEqual(writeCharts({ ...results, measurements: [] }, join(directory, 'none.svg')), []);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
