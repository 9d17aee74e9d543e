/** Compiling C files, their headers and objects on the mount. */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { BenchStep, Run, Workload } from '../workload.js';
import { runTool } from '../workload.js';

const build: Omit<BenchStep, 'name'> = {
  unit: 'file',
  measure: (run) => {
    const sources = run.isQuick ? run.inputs.sources.slice(0, 8) : run.inputs.sources;
    const includes = includesOf(run).flatMap((directory) => ['-isystem', directory]);
    return runTool(sources.length, join(run.root, 'bench-new'), 'gcc', '-c', '-O1', '-nostdinc', ...includes, ...sources);
  },
};

/** gcc's own headers, from the mount if they are there, and those of libc. */
function includesOf(run: Run): string[] {
  const own = spawnSync('gcc', ['-print-file-name=include'], { encoding: 'utf8', timeout: 10_000 }).stdout.trim();
  const onMount = join(run.root, own);
  return [existsSync(onMount) ? onMount : own, ...run.stack.survey.includes.map((path) => join(run.root, path))];
}

export const compile: Workload = {
  name: 'compile',
  writes: 'new',
  warm: 'files',
  unfit: (stack) => {
    if (spawnSync('gcc', ['--version'], { timeout: 10_000 }).status !== 0) return 'gcc is not installed';
    return stack.survey.includes.length === 0 ? 'no usr/include in this stack' : undefined;
  },
  steps: [
    { ...build, name: 'compile', prepare: (run) => mkdirSync(join(run.root, 'bench-new')) },
    { ...build, name: 'compile warm' },
  ],
};
