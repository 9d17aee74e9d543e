/** A workload: steps that are measured one after the other on one fresh mount. */

import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { PlyfsError } from '../base/errors.js';
import type { Inputs } from './inputs.js';
import type { ClientJob, JobResult } from './jobs.js';
import type { Stack } from './stack.js';

/** What a step works with. */
export interface Run {
  /** The mount's directory. */
  root: string;
  stack: Stack;
  inputs: Inputs;
  /** A directory outside the mount, thrown away with it. */
  scratch: string;
  /** Smaller counts, for a look while tuning; not comparable with full runs. */
  isQuick: boolean;
}

export interface BenchStep {
  /** Unique among all workloads. */
  name: string;
  /** What is counted: time and requests are given per one of these. */
  unit: string;
  prepare?: (run: Run) => void;
  measure: (run: Run) => JobResult;
}

export interface Workload {
  name: string;
  /** `none`: nothing, though the mount is writable as a container's is; `new`: adds files; `lower`: also changes what the layers hold. */
  writes: 'none' | 'new' | 'lower';
  /** Measured on a mount without an upper. Subjects that cannot write always are. */
  isReadOnly?: boolean;
  /** What of the layers must be in the kernel's caches before the mount, so that the disk has no part in it. Some machines take pages away
   *  that nobody used for half a minute. */
  warm?: 'names' | 'files' | 'large';
  /** Measured on the stacks of many depths instead of the mixed one. */
  isAboutDepth?: boolean;
  /** Says nothing about a directory that is no union. */
  isUnionOnly?: boolean;
  /** Only when asked for by name. */
  isOptional?: boolean;
  /** Why it cannot be measured on this stack. */
  unfit?: (stack: Stack) => string | undefined;
  steps: readonly BenchStep[];
}

const clientFile = fileURLToPath(new URL('client.js', import.meta.url));
const limitMs = 300_000;

/** Runs the job in a client process. */
export function runJob(job: ClientJob): JobResult {
  const done = spawnSync(process.execPath, [clientFile, JSON.stringify(job)], { timeout: limitMs, encoding: 'utf8' });
  if (done.status !== 0) throw new PlyfsError('bench', `${job.kind}: ${reasonOf(done)}`);
  return JSON.parse(done.stdout) as JobResult; // as: client.ts printed it
}

/** Runs a program, its output thrown away, and takes the time from its start to its end. */
export function runTool(operations: number, cwd: string, ...command: readonly string[]): JobResult {
  const [program, ...args] = command;
  if (program === undefined) throw new Error('no program');
  const sink = openSync('/dev/null', 'w');
  const start = process.hrtime.bigint();
  const done = spawnSync(program, args, { cwd, stdio: ['ignore', sink, 'pipe'], timeout: limitMs });
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  closeSync(sink);
  if (done.status !== 0) throw new PlyfsError('bench', `${program}: ${reasonOf(done)}`);
  return { seconds, operations };
}

function reasonOf(done: { error?: Error; signal: string | null; stderr: string | Buffer }): string {
  const text = done.stderr?.toString().trim().split('\n').slice(-6).join(' | ');
  return done.error?.message ?? (text || `ended by ${done.signal}`);
}
