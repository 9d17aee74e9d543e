/** Runs workloads round robin over the subjects, each on a fresh mount, and collects the results. */

import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { PlyfsError } from '../base/errors.js';
import { letSignalsIn } from '../base/interruption.js';
import type { Inputs } from './inputs.js';
import type { JobResult } from './jobs.js';
import { RequestCounter, type RequestCounts } from './requests.js';
import { cacheDrops, describeMachine, type Measurement, type Results } from './results.js';
import type { Stack } from './stack.js';
import { childrenCpu, connectionOf, daemonsOf, type MountPlace, removeHome, type Subject, unmount, useOf } from './subjects.js';
import type { BenchStep, Run, Workload } from './workload.js';

export interface Plan {
  subjects: readonly Subject[];
  workloads: readonly Workload[];
  /** The ordinary stack, and those for workloads about depth. */
  stack: Stack | undefined;
  deepStacks: readonly Stack[];
  inputs: Inputs;
  repetitions: number;
  isQuick: boolean;
  /** Where mounts and uppers go: on the file system of the layers, made and removed by the run. */
  home: string;
  note: (text: string) => void;
}

interface Cell {
  workload: Workload;
  stack: Stack;
  subject: Subject;
}

/** One step measured once. */
interface Sample {
  step: Pick<BenchStep, 'name' | 'unit'>;
  result: JobResult;
  cpu?: { client: number; daemon: number };
  requests?: RequestCounts;
}

export function runPlan(plan: Plan): Promise<Results> {
  return new Runner(plan).run();
}

class Runner {
  private readonly results: Results;
  private readonly counter = RequestCounter.open();
  private readonly broken = new Set<string>();

  constructor(private readonly plan: Plan) {
    const stacks = [...(plan.stack === undefined ? [] : [plan.stack]), ...plan.deepStacks];
    this.results = {
      machine: describeMachine(loadavg()[0] ?? 0),
      isQuick: plan.isQuick,
      repetitions: plan.repetitions,
      subjects: plan.subjects.map((subject) => subject.name),
      stacks: stacks.map(({ name, layers, survey }) => ({ name, layers: layers.length, objects: survey.objects })),
      measurements: [],
      memory: [],
      gaps: [],
    };
  }

  async run(): Promise<Results> {
    const cells = this.cells();
    const drops = cacheDrops();
    mkdirSync(this.plan.home, { recursive: true });
    try {
      for (let repetition = 0; repetition < this.plan.repetitions; repetition++) {
        for (const [index, cell] of this.inTurn(cells, repetition).entries()) {
          const { workload, stack, subject } = cell;
          const progress = `${repetition + 1}/${this.plan.repetitions} ${index + 1}/${cells.length}`;
          this.plan.note(`${progress} ${workload.name} on ${subject.name} (${stack.name})`);
          if (!this.broken.has(keyOf(cell))) await this.attempt(cell, repetition);
        }
      }
    } finally {
      this.counter?.close();
      removeHome(this.plan.home);
    }
    this.results.machine.cacheDrops = cacheDrops() - drops;
    return this.results;
  }

  /** What can be measured; the rest becomes gaps. */
  private cells(): Cell[] {
    const cells: Cell[] = [];
    for (const workload of this.plan.workloads) {
      const stacks = workload.isAboutDepth ? this.plan.deepStacks : this.plan.stack === undefined ? [] : [this.plan.stack];
      for (const stack of stacks) {
        for (const subject of this.plan.subjects) {
          const reason = reasonAgainst(workload, stack, subject);
          if (reason === undefined) cells.push({ workload, stack, subject });
          else this.results.gaps.push({ workload: workload.name, stack: stack.name, subject: subject.name, reason });
        }
      }
    }
    return cells;
  }

  /** The cells with the subjects of each workload rotated, so that nobody is always first. */
  private inTurn(cells: Cell[], repetition: number): Cell[] {
    const groups = new Map<string, Cell[]>();
    for (const cell of cells) {
      const key = `${cell.workload.name}/${cell.stack.name}`;
      groups.set(key, [...(groups.get(key) ?? []), cell]);
    }
    return [...groups.values()].flatMap((group) => {
      const start = repetition % group.length;
      return [...group.slice(start), ...group.slice(0, start)];
    });
  }

  /** A subject that fails a workload is left out of it from then on; the reason is kept. */
  private async attempt(cell: Cell, repetition: number): Promise<void> {
    try {
      this.measure(cell, repetition);
      await letSignalsIn();
    } catch (error) {
      await letSignalsIn();
      if (!(error instanceof PlyfsError)) throw error;
      this.broken.add(keyOf(cell));
      this.plan.note(`FAILED ${cell.workload.name} on ${cell.subject.name}: ${error.message}`);
      const { workload, stack, subject } = cell;
      this.results.gaps.push({ workload: workload.name, stack: stack.name, subject: subject.name, reason: error.message });
    }
  }

  /** Measures again, twice at most, if somebody dropped the kernel's caches meanwhile: that is not what the subject can do. */
  private measure(cell: Cell, repetition: number): void {
    const attempts = this.plan.isQuick || cell.workload.isOptional ? 1 : 3;
    for (let attempt = 1; attempt <= attempts; attempt++) {
      const drops = cacheDrops();
      const samples = this.sample(cell, repetition);
      if (cacheDrops() !== drops && attempt < attempts) continue;
      for (const sample of samples) this.record(cell, sample);
      return;
    }
  }

  /** One pass through the steps on a fresh mount. */
  private sample(cell: Cell, repetition: number): Sample[] {
    const { workload, stack, subject } = cell;
    const place = makePlace(join(this.plan.home, subject.name), workload, subject);
    try {
      // What the one before wrote and removed must not be written back on this one's time.
      if (workload.writes !== 'none') spawnSync('sync', ['-f', this.plan.home], { timeout: 120_000 });
      if (workload.warm !== undefined) warmLayers(stack, subject, workload.warm);
      const start = process.hrtime.bigint();
      subject.mount(stack, place);
      const seconds = Number(process.hrtime.bigint() - start) / 1e9;
      try {
        const mounting = { step: { name: 'mount to ready', unit: 'mount' }, result: { seconds, operations: 1 } };
        const run = { root: place.target, stack, inputs: this.plan.inputs, scratch: place.scratch, isQuick: this.plan.isQuick };
        return [...(subject.isBare ? [] : [mounting]), ...this.steps(cell, run, repetition)];
      } finally {
        unmount(subject, place.target);
      }
    } finally {
      removeHome(join(this.plan.home, subject.name));
    }
  }

  private steps(cell: Cell, run: Run, repetition: number): Sample[] {
    const daemons = cell.subject.isBare ? [] : daemonsOf(run.root);
    const connection = connectionOf(run.root);
    const counter = repetition === 0 && connection !== undefined ? this.counter : undefined;
    const samples: Sample[] = [];
    try {
      for (const step of cell.workload.steps) {
        step.prepare?.(run);
        const [before, clientBefore] = [useOf(daemons), childrenCpu()];
        if (connection !== undefined) counter?.start(connection);
        const result = step.measure(run);
        const requests = counter?.stop();
        const cpu = { client: result.clientCpu ?? childrenCpu() - clientBefore, daemon: useOf(daemons).cpu - before.cpu };
        samples.push({ step, result, cpu, ...(requests === undefined ? {} : { requests }) });
      }
    } finally {
      if (cell.subject.isBare) cleanBare(run, cell.workload);
    }
    if (daemons.length > 0) this.recordMemory(cell, useOf(daemons));
    return samples;
  }

  private record(cell: Cell, { step, result, cpu, requests }: Sample): void {
    const [workload, stack, subject] = [cell.workload.name, cell.stack.name, cell.subject.name];
    // Every workload mounts; the mounts of read-only and writable ones count alike.
    const isMine = (each: Measurement): boolean => each.step === step.name && each.stack === stack && each.subject === subject;
    let measurement = this.results.measurements.find(isMine);
    if (measurement === undefined) {
      const { name, unit } = step;
      measurement = { workload, step: name, stack, subject, unit, operations: 0, seconds: [], clientCpu: [], daemonCpu: [] };
      this.results.measurements.push(measurement);
    }
    measurement.operations = result.operations;
    measurement.seconds.push(result.seconds);
    if (cpu !== undefined) {
      measurement.clientCpu.push(cpu.client);
      measurement.daemonCpu.push(cpu.daemon);
    }
    if (requests !== undefined) measurement.requests = requests;
    if (result.latencyUs !== undefined) measurement.latencyUs = result.latencyUs;
  }

  private recordMemory(cell: Cell, use: { rss: number; pss: number }): void {
    const [workload, stack, subject] = [cell.workload.name, cell.stack.name, cell.subject.name];
    const isMine = (each: { workload: string; stack: string; subject: string }): boolean =>
      each.workload === workload && each.stack === stack && each.subject === subject;
    const memory = this.results.memory.find(isMine);
    if (memory === undefined) this.results.memory.push({ workload, stack, subject, rss: use.rss, pss: use.pss });
    else if (use.rss > memory.rss) Object.assign(memory, { rss: use.rss, pss: use.pss });
  }
}

function keyOf(cell: Cell): string {
  return `${cell.workload.name}/${cell.stack.name}/${cell.subject.name}`;
}

function reasonAgainst(workload: Workload, stack: Stack, subject: Subject): string | undefined {
  const unavailable = subject.unavailable();
  if (unavailable !== undefined) return unavailable;
  if (workload.writes !== 'none' && !subject.canWrite) return 'writes are not for this one';
  if (subject.isBare && workload.isUnionOnly) return 'not about plain directories';
  if (subject.isBare && stack.flat === undefined) return 'this stack has no plain copy';
  return workload.unfit?.(stack);
}

function makePlace(home: string, workload: Workload, subject: Subject): MountPlace {
  const [target, scratch] = [join(home, 'target'), join(home, 'scratch')];
  for (const directory of [target, scratch]) mkdirSync(directory, { recursive: true });
  const changesLower = workload.writes === 'lower';
  if (workload.isReadOnly || !subject.canWrite) return { target, scratch, changesLower };
  const [upper, work] = [join(home, 'upper'), join(home, 'work')];
  for (const directory of [upper, work]) mkdirSync(directory);
  return { target, scratch, changesLower, upper, work };
}

const warmCommands = {
  names: 'find "$@" -size +1000G',
  files: 'find "$@" -type f -size -16M -print0 | xargs -0 -r cat >/dev/null',
  large: 'find "$@" -type f -size +16M -print0 | xargs -0 -r cat >/dev/null',
};

/** Brings what the subject will use of the disk into the kernel's caches. */
function warmLayers(stack: Stack, subject: Subject, what: keyof typeof warmCommands): void {
  const roots = subject.isBare && stack.flat !== undefined ? [stack.flat] : stack.layers;
  const command = `${what === 'names' ? '' : `${warmCommands.names}; `}${warmCommands[what]}`;
  spawnSync('sh', ['-c', command, 'sh', ...roots], { timeout: 300_000 });
}

/** The bare directory is the stack's own plain copy where a workload only adds files: these go. */
function cleanBare(run: Run, workload: Workload): void {
  if (workload.writes === 'new') rmSync(join(run.root, 'bench-new'), { recursive: true, force: true });
}
