/** Reading: many small files, one large one. */

import type { BenchStep, Run, Workload } from '../workload.js';
import { runJob, runTool } from '../workload.js';

const readAll: Omit<BenchStep, 'name'> = {
  unit: 'file',
  measure: (run) => runTool(run.stack.survey.files, run.root, 'xargs', '-0', '-a', run.stack.survey.fileList, 'cat'),
};

/** As in walk: the second pass still asks for access times. */
export const read: Workload = {
  name: 'read',
  writes: 'none',
  warm: 'files',
  steps: [
    { ...readAll, name: 'read-all first' },
    { ...readAll, name: 'read-all second' },
    { ...readAll, name: 'read-all warm' },
  ],
};

/** The same on a mount without an upper: an image that is only looked at. */
export const readOnly: Workload = {
  name: 'read-only',
  writes: 'none',
  warm: 'files',
  isReadOnly: true,
  steps: [
    { ...readAll, name: 'read-all first, read-only' },
    { ...readAll, name: 'read-all second, read-only' },
    { ...readAll, name: 'read-all warm, read-only' },
  ],
};

/** The large file for reads: the largest that is not over 600 MiB. */
function largeFile(run: Run): { path: string; bytes: number } {
  const files = run.stack.survey.largeFiles;
  const file = files.find((each) => each.bytes <= 600 << 20) ?? files.at(-1);
  if (file === undefined) throw new Error('no large file');
  return file;
}

const sequential: Omit<BenchStep, 'name'> = {
  unit: 'MiB',
  measure: (run) => {
    const { path, bytes } = largeFile(run);
    return runTool(bytes / (1 << 20), run.root, 'dd', `if=${path}`, 'of=/dev/null', 'bs=1M', 'status=none');
  },
};

const random: Omit<BenchStep, 'name'> = {
  unit: 'read',
  measure: (run) => {
    const { path, bytes } = largeFile(run);
    const reads = run.isQuick ? 10_000 : 50_000;
    return runJob({ kind: 'randomRead', root: run.root, file: path, bytes, reads, blockBytes: 4096 });
  },
};

/** The layer's own pages are in memory: this is the way through the union, not the disk. */
export const large: Workload = {
  name: 'large',
  writes: 'none',
  warm: 'large',
  unfit: (stack) => (stack.survey.largeFiles.length === 0 ? 'no file of 16 MiB or more in this stack' : undefined),
  steps: [
    { ...random, name: 'random read first' },
    { ...sequential, name: 'sequential read first' },
    { ...sequential, name: 'sequential read warm' },
    { ...random, name: 'random read warm' },
  ],
};
