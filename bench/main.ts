/** `npm run bench`: measures plyfs and its peers on layers made from this machine. See README.md here. */

import { parseArgs } from 'node:util';
import { PlyfsError } from '../src/base/errors.js';
import { runBench } from '../src/bench/bench.js';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    workloads: { type: 'string' },
    subjects: { type: 'string' },
    layers: { type: 'string' },
    reps: { type: 'string' },
    json: { type: 'string' },
    svg: { type: 'string' },
    cache: { type: 'string' },
    uppers: { type: 'string' },
    'fuse-overlayfs': { type: 'string', multiple: true, default: [] },
    help: { type: 'boolean', default: false },
  },
});

const usage = `usage: npm run bench -- [options]
  --quick                 one repetition with small counts: a look, not a result
  --workloads a,b         workloads or steps by name (default: all but "cold")
  --subjects a,b          what is measured; the first is the reference
  --fuse-overlayfs PATH   a further fuse-overlayfs binary (repeatable)
  --layers 1,10,100,500   depths of the stacks for the depth workload
  --reps N                repetitions (default 3)
  --json FILE             where the results go (default bench/results/latest.json for a full run)
  --svg FILE              where the charts go (default bench/results/latest.svg for a full run)
  --cache DIR             where the layers are kept (default $PLYFS_BENCH_CACHE or $TMPDIR/plyfs-bench)
  --uppers DIR            where mounts and uppers go, such as /dev/shm to leave the disk out (default: beside the layers)`;

function list(text: string | undefined): string[] | undefined {
  return text?.split(',').filter((part) => part !== '');
}

if (values.help) process.stdout.write(`${usage}\n`);
else {
  try {
    await runBench({
      isQuick: values.quick,
      workloads: list(values.workloads),
      subjects: list(values.subjects),
      depths: list(values.layers)?.map(Number),
      repetitions: values.reps === undefined ? undefined : Number(values.reps),
      json: values.json,
      svg: values.svg,
      cache: values.cache,
      uppers: values.uppers,
      fuseOverlayfs: values['fuse-overlayfs'],
      keepIn: 'bench/results',
    });
  } catch (error) {
    if (!(error instanceof PlyfsError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = error.exitStatus;
  }
}
