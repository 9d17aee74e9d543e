/** Changing what the layers hold: removal, copy-up, attributes. */

import { join } from 'node:path';
import { readList, type Stack, writeList } from '../stack.js';
import type { Run, Workload } from '../workload.js';
import { runJob, runTool } from '../workload.js';

/** The tree to remove: the largest, or the smallest in a quick run. */
function treeOf(run: Run): { path: string; objects: number } {
  const trees = run.stack.survey.trees;
  const tree = run.isQuick ? (trees.findLast((each) => each.objects > 500) ?? trees[0]) : trees[0];
  if (tree === undefined) throw new Error('no tree to remove');
  return tree;
}

export const remove: Workload = {
  name: 'remove',
  writes: 'lower',
  warm: 'names',
  unfit: (stack) => (stack.survey.trees.length === 0 ? 'no directory of 100 objects in this stack' : undefined),
  steps: [
    {
      name: 'rm -rf lower',
      unit: 'object',
      measure: (run) => runTool(treeOf(run).objects + 1, run.root, 'rm', '-rf', treeOf(run).path),
    },
  ],
};

const count = (run: Run): number => Math.min(run.stack.survey.files, run.isQuick ? 500 : 2000);

export const chmod: Workload = {
  name: 'chmod',
  writes: 'lower',
  warm: 'names',
  steps: [
    {
      name: 'chmod lower',
      unit: 'file',
      prepare: (run) => writeList(join(run.scratch, 'some'), readList(run.stack.survey.fileList).slice(0, count(run))),
      measure: (run) => runTool(count(run), run.root, 'xargs', '-0', '-a', join(run.scratch, 'some'), 'chmod', '0750'),
    },
  ],
};

const needsLarge = (stack: Stack): string | undefined =>
  stack.survey.largeFiles.length === 0 ? 'no file of 16 MiB or more in this stack' : undefined;

/** One byte added to each of many files, then to a large one. */
export const copyUp: Workload = {
  name: 'copy-up',
  writes: 'lower',
  warm: 'files',
  steps: [
    {
      name: 'copy-up small',
      unit: 'file',
      measure: (run) => runJob({ kind: 'append', root: run.root, list: run.stack.survey.fileList, limit: count(run) }),
    },
  ],
};

export const copyUpLarge: Workload = {
  name: 'copy-up-large',
  writes: 'lower',
  warm: 'large',
  unfit: needsLarge,
  steps: [
    {
      name: 'copy-up large',
      unit: 'MiB',
      measure: (run) => {
        const file = run.stack.survey.largeFiles.at(-1);
        if (file === undefined) throw new Error('no large file');
        return runTool(file.bytes / (1 << 20), run.root, 'sh', '-c', 'printf x >> "$1"', 'sh', file.path);
      },
    },
  ],
};

/** New names looked up while the largest file is copied up: what a second program in the container feels. */
export const latency: Workload = {
  name: 'latency',
  writes: 'lower',
  warm: 'large',
  isUnionOnly: true,
  unfit: needsLarge,
  steps: [
    {
      name: 'copy-up 1 GiB, watched',
      unit: 'run',
      measure: (run) => {
        const file = run.stack.survey.largeFiles[0];
        if (file === undefined) throw new Error('no large file');
        const command = ['sh', '-c', 'printf x >> "$1"', 'sh', file.path];
        return { ...runJob({ kind: 'latency', root: run.root, list: run.stack.survey.fileList, command }), operations: 1 };
      },
    },
  ],
};
