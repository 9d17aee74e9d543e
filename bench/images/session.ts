/** Runs commands, counts their time and processor time, and keeps the results. */

import { spawnSync } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import { PlyfsError } from '../../src/base/errors.js';
import type { Measurement, Results } from '../../src/bench/results.js';
import { childrenCpu, daemonsOf, useOf } from '../../src/bench/subjects.js';
import type { ImageFacts } from './archive.js';

export type Format = 'plain' | 'gzip';

export interface IndexCost {
  names: number;
  bytesPerName: number;
  buildSeconds: number;
  loadSeconds: number[];
  rssBytesPerName: number;
}

/** The content of results/images.json: `stack` of a measurement is the archive's Format. */
export interface ImageResults extends Results {
  image: ImageFacts & { gzipBytes: number };
  index: IndexCost[];
}

/** What a command took: seconds, and processor seconds of it and of the daemons that it left behind. */
export interface Cost {
  seconds: number;
  client: number;
  daemon: number;
  output: string;
}

const limitMs = 150_000;
/** Steps that take longer are done once. */
const quickSeconds = 3;

export class Session {
  constructor(
    readonly results: ImageResults,
    readonly repetitions: number,
    readonly environment: NodeJS.ProcessEnv,
    readonly note: (text: string) => void,
  ) {}

  /** Runs `script` in sh. `mount` is where a FUSE daemon serves that works for it. PlyfsError if it fails. */
  run(script: string, mount?: string): Cost {
    const before = { client: childrenCpu(), daemon: this.#daemonCpu(mount), at: performance.now() };
    const done = spawnSync('sh', ['-euc', script], {
      encoding: 'utf8',
      env: this.environment,
      timeout: limitMs,
      maxBuffer: 64 << 20,
    });
    const seconds = (performance.now() - before.at) / 1e3;
    if (done.status !== 0)
      throw new PlyfsError('bench', `${script}: ${done.stderr.slice(-500) || (done.signal ?? done.error?.message)}`);
    return {
      seconds,
      client: childrenCpu() - before.client,
      daemon: this.#daemonCpu(mount) - before.daemon,
      output: done.stdout,
    };
  }

  /** Runs it for what it does, not for its time. */
  prepare(script: string): string {
    return this.run(script).output.trim();
  }

  /** One more repetition of a step. */
  record(step: string, stack: Format, subject: string, ...costs: readonly Cost[]): void {
    const { measurements } = this.results;
    const isIt = (each: Measurement) => each.step === step && each.stack === stack && each.subject === subject;
    let found = measurements.find(isIt);
    if (found === undefined) {
      found = { workload: 'images', step, stack, subject, unit: '', operations: 1, seconds: [], clientCpu: [], daemonCpu: [] };
      measurements.push(found);
    }
    const sum = (of: (cost: Cost) => number) => costs.reduce((total, cost) => total + of(cost), 0);
    found.seconds.push(sum((cost) => cost.seconds));
    found.clientCpu.push(sum((cost) => cost.client));
    found.daemonCpu.push(sum((cost) => cost.daemon));
    this.note(`${step}, ${stack}, ${subject}: ${found.seconds.at(-1)?.toFixed(3)} s`);
  }

  /** Calls `once`, which returns the seconds it took, as often as there are repetitions; once if that is slow. */
  repeat(once: (repetition: number) => number): void {
    for (let i = 0; i < this.repetitions; i++) if (once(i) > quickSeconds) return;
  }

  /** Runs `measure`; if it fails the reason is kept with the results and the bench goes on. */
  attempt(workload: string, subject: string, measure: () => void): void {
    try {
      measure();
    } catch (error) {
      if (!(error instanceof PlyfsError)) throw error;
      this.results.gaps.push({ workload, stack: '', subject, reason: error.message });
      this.note(`${subject}, ${workload}: ${error.message}`);
    }
  }

  #daemonCpu(mount: string | undefined): number {
    return mount === undefined ? 0 : useOf(daemonsOf(mount)).cpu;
  }
}
