/** What a run of the bench leaves: plain data, the content of results/latest.json. */

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { RequestCounts } from './requests.js';
import { type Spread, spreadOf } from './statistics.js';

export interface Machine {
  date: string;
  kernel: string;
  node: string;
  /** Of the tree that was measured; `-dirty` if it had changes. */
  commit: string;
  processors: string;
  memoryGiB: number;
  /** Others on the machine are noise: the one-minute load average when the run began, and how often somebody dropped the kernel's
   *  caches while it ran. */
  load: number;
  cacheDrops: number;
}

/** One step on one subject: a row's cell. */
export interface Measurement {
  workload: string;
  step: string;
  stack: string;
  subject: string;
  unit: string;
  operations: number;
  /** One for each repetition. */
  seconds: number[];
  /** Requests of all operations together, in the first repetition. */
  requests?: RequestCounts;
  /** Seconds of processor time, user and system, of the client and of the daemon, in each repetition: to 0.01 s. Less at the mercy of
   *  others on the machine than time is. */
  clientCpu: number[];
  daemonCpu: number[];
  /** In microseconds, of the last repetition. */
  latencyUs?: { median: number; p99: number; max: number };
}

/** Memory of a daemon after a workload, in KiB, the largest of the repetitions. */
export interface MemoryUse {
  workload: string;
  stack: string;
  subject: string;
  rss: number;
  pss: number;
}

/** What was asked for and could not be measured. */
export interface Gap {
  workload: string;
  stack: string;
  subject: string;
  reason: string;
}

export interface Results {
  machine: Machine;
  isQuick: boolean;
  repetitions: number;
  subjects: string[];
  stacks: { name: string; layers: number; objects: number }[];
  measurements: Measurement[];
  memory: MemoryUse[];
  gaps: Gap[];
}

export function describeMachine(load: number): Machine {
  return {
    date: new Date().toISOString(),
    kernel: release(),
    node: process.version,
    commit: commit(),
    processors: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    load,
    cacheDrops: 0,
  };
}

function commit(): string {
  const cwd = fileURLToPath(new URL('../../..', import.meta.url));
  const done = spawnSync('git', ['describe', '--always', '--dirty', '--exclude', '*'], {
    cwd,
    encoding: 'utf8',
    timeout: 10_000,
  });
  return done.status === 0 ? done.stdout.trim() : 'not in a git tree';
}

/** How often the kernel's dentry and inode caches were dropped by hand since it started (/proc/vmstat). */
export function cacheDrops(): number {
  return Number(/^drop_slab (\d+)$/m.exec(readFileSync('/proc/vmstat', 'utf8'))?.[1] ?? 0);
}

export function spreadIn(measurement: Measurement): Spread {
  return spreadOf(measurement.seconds);
}

export function totalOf(requests: RequestCounts): number {
  return Object.values(requests).reduce((sum, count) => sum + count, 0);
}

/** The measurement of the same step and stack on another subject. */
export function peerOf(results: Results, measurement: Measurement, subject: string): Measurement | undefined {
  const { step, stack } = measurement;
  return results.measurements.find((each) => each.subject === subject && each.step === step && each.stack === stack);
}

/** Median time relative to that of `reference`; below 1 is faster. undefined where the reference was not measured. */
export function ratioTo(results: Results, measurement: Measurement, reference: string): number | undefined {
  const peer = peerOf(results, measurement, reference);
  return peer === undefined ? undefined : spreadIn(measurement).median / spreadIn(peer).median;
}

/** Each step and stack once, in the order measured. */
export function rowsOf(results: Results): { workload: string; step: string; stack: string }[] {
  const seen = new Map<string, { workload: string; step: string; stack: string }>();
  for (const { workload, step, stack } of results.measurements) seen.set(`${stack}/${step}`, { workload, step, stack });
  return [...seen.values()];
}
