/** Walking and asking: what a shell, a package manager or a build does before it reads anything. */

import type { BenchStep, Workload } from '../workload.js';
import { runJob, runTool } from '../workload.js';

const find: Omit<BenchStep, 'name'> = {
  unit: 'object',
  measure: (run) => runTool(run.stack.survey.objects, run.root, 'find', '.', '-name', 'no such name'),
};

/** Names and types only; directories are looked up, files are not. What a listing changed (the access time) the kernel asks for once
 *  more in the second pass; the third is the warm one. */
export const walk: Workload = {
  name: 'walk',
  writes: 'none',
  warm: 'names',
  steps: [
    { ...find, name: 'find first' },
    { ...find, name: 'find second' },
    { ...find, name: 'find warm' },
    { ...oneCall('stat'), name: 'stat warm' },
    { ...oneCall('open'), name: 'open+close warm' },
  ],
};

function oneCall(kind: 'stat' | 'open' | 'miss'): Omit<BenchStep, 'name'> {
  return {
    unit: 'call',
    prepare: (run) => {
      runJob({ kind, root: run.root, list: run.stack.survey.fileList, passes: 1 });
    },
    measure: (run) => runJob({ kind, root: run.root, list: run.stack.survey.fileList, passes: run.isQuick ? 1 : 3 }),
  };
}

function firstCall(kind: 'stat' | 'open' | 'miss'): Omit<BenchStep, 'name'> {
  return {
    unit: 'call',
    measure: (run) => runJob({ kind, root: run.root, list: run.stack.survey.fileList, passes: 1 }),
  };
}

/** Every path asked for once, in a random order, on a mount that knows nothing yet. */
export const lookup: Workload = {
  name: 'lookup',
  writes: 'none',
  warm: 'names',
  steps: [
    { ...firstCall('stat'), name: 'stat first' },
    { ...firstCall('open'), name: 'open+close first' },
    { ...firstCall('miss'), name: 'miss first' },
    { ...oneCall('miss'), name: 'miss warm' },
  ],
};

const du: Omit<BenchStep, 'name'> = {
  unit: 'object',
  measure: (run) => runTool(run.stack.survey.objects, run.root, 'du', '-s', '.'),
};

/** Names and attributes of everything. */
export const usage: Workload = {
  name: 'usage',
  writes: 'none',
  warm: 'names',
  steps: [
    { ...du, name: 'du first' },
    { ...du, name: 'du second' },
    { ...du, name: 'du warm' },
  ],
};

/** The kernel's caches are dropped first, those of the disk too: disturbs everything else on the machine. */
export const cold: Workload = {
  name: 'cold',
  writes: 'none',
  isOptional: true,
  steps: [
    {
      ...find,
      name: 'find cold',
      prepare: () => {
        runTool(1, '/', 'sh', '-c', 'sync; echo 3 > /proc/sys/vm/drop_caches');
      },
    },
  ],
};

/** 2,000 files spread over many layers, and names that are in none. */
export const depth: Workload = {
  name: 'depth',
  writes: 'none',
  warm: 'names',
  isAboutDepth: true,
  steps: [
    {
      name: 'deep stat first',
      unit: 'call',
      measure: (run) => runJob({ kind: 'stat', root: run.root, list: run.stack.survey.fileList, passes: 1 }),
    },
    {
      name: 'deep miss first',
      unit: 'call',
      measure: (run) => runJob({ kind: 'miss', root: run.root, list: run.stack.survey.fileList, limit: 1000, passes: 1 }),
    },
  ],
};
