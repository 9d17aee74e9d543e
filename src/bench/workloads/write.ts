/** Writing new files: one large, many small, an archive, an installation. */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Run, Workload } from '../workload.js';
import { runJob, runTool } from '../workload.js';

const mebibytes = (run: Run): number => (run.isQuick ? 128 : 512);
const rewriteBytes = 64 << 20;

export const largeWrite: Workload = {
  name: 'large-write',
  writes: 'new',
  steps: [
    {
      name: 'sequential write + fsync',
      unit: 'MiB',
      prepare: (run) => mkdirSync(join(run.root, 'bench-new')),
      measure: (run) => {
        const count = mebibytes(run);
        const options = ['bs=1M', `count=${count}`, 'conv=fsync', 'status=none'];
        return runTool(count, run.root, 'dd', 'if=/dev/zero', 'of=bench-new/large', ...options);
      },
    },
    { name: '4 KiB rewrites', unit: 'write', measure: (run) => rewrite(run, false) },
    { name: '4 KiB rewrites + fsync', unit: 'write', measure: (run) => rewrite(run, true) },
  ],
};

function rewrite(run: Run, sync: boolean): ReturnType<typeof runJob> {
  const writes = run.isQuick ? 5000 : 20_000;
  return runJob({
    kind: 'rewrite',
    root: run.root,
    file: 'bench-new/large',
    bytes: rewriteBytes,
    writes,
    blockBytes: 4096,
    sync,
  });
}

const files = (run: Run): number => (run.isQuick ? 1000 : 5000);
const directory = 'bench-new';

/** A directory for every 100 files; 4 KiB each. */
export const small: Workload = {
  name: 'small',
  writes: 'new',
  steps: [
    {
      name: 'create',
      unit: 'file',
      measure: (run) => runJob({ kind: 'create', root: run.root, directory, files: files(run), bytes: 0 }),
    },
    {
      name: 'write',
      unit: 'file',
      measure: (run) => runJob({ kind: 'appendNew', root: run.root, directory, files: files(run) }),
    },
    { name: 'rename', unit: 'file', measure: (run) => runJob({ kind: 'rename', root: run.root, directory, files: files(run) }) },
    { name: 'unlink', unit: 'file', measure: (run) => runJob({ kind: 'unlink', root: run.root, directory, files: files(run) }) },
    {
      name: 'create 4 KiB',
      unit: 'file',
      measure: (run) =>
        runJob({ kind: 'create', root: run.root, directory: `${directory}/filled`, files: files(run), bytes: 4096 }),
    },
  ],
};

export const untar: Workload = {
  name: 'untar',
  writes: 'new',
  steps: [
    {
      name: 'untar',
      unit: 'object',
      prepare: (run) => mkdirSync(join(run.root, directory)),
      measure: (run) => runTool(run.inputs.archiveObjects, run.root, 'tar', '-xf', run.inputs.archive, '-C', directory),
    },
    {
      name: 'rm -rf new',
      unit: 'object',
      measure: (run) => runTool(run.inputs.archiveObjects, run.root, 'rm', '-rf', directory),
    },
  ],
};

export const install: Workload = {
  name: 'install',
  writes: 'new',
  steps: [
    {
      name: 'node_modules install',
      unit: 'object',
      prepare: (run) => mkdirSync(join(run.root, directory)),
      measure: (run) => runTool(run.inputs.modulesObjects, run.root, 'cp', '-a', run.inputs.modules, directory),
    },
  ],
};
