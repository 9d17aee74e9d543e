/** plyfs bench: plyfs beside its peers, on layers of the user's or on layers made from this machine. */

import { rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { PlyfsError } from '../../base/errors.js';
import { runBench } from '../../bench/bench.js';
import { defaultCache } from '../../bench/fixtures.js';
import { unpackLayers } from '../../bench/unpack.js';
import { locateImage } from '../../image/find/locate.js';
import { prepareStackOf } from '../../image/stack/stack.js';
import { LayoutDirectory } from '../../image/transports/layout-directory.js';
import { splitPaths } from '../../mount/option-string.js';
import { Store } from '../../store/store.js';
import { newCommand } from '../command.js';

interface Options {
  layers?: string;
  workloads?: string;
  subjects?: string;
  reps?: string;
  quick?: boolean;
  json?: boolean;
  svg?: string;
  fuseOverlayfs: string[];
}

/** What runs unless somebody names others: what tells most in a few minutes. */
const usual = ['walk', 'lookup', 'read', 'small', 'untar', 'remove', 'copy-up', 'depth'];

export const command = newCommand('bench', 'Measures plyfs beside the kernel, fuse-overlayfs, unionfs-fuse and mergerfs.', [
  'plyfs bench                                    # on layers made from this machine (2.8 GB, kept)',
  'plyfs bench /layers/app:/layers/base           # top first, as in lowerdir',
  'plyfs bench debian:12 --workloads walk,read',
  'plyfs bench --workloads depth --layers 1,10,100,500 --svg depth.svg',
])
  .argument('[stack|image]', 'directories, or an image of the store or in a file')
  .option('--layers <n,n,...>', 'depths of the stacks for the workload "depth"')
  .option('--workloads <names>', `workloads or steps, or "all" (default: ${usual.join(',')})`)
  .option('--subjects <names>', 'what is measured; the first is what the others are compared with')
  .option('--reps <n>', 'repetitions')
  .option('--quick', 'once, with small counts: a look, not a result')
  .option('--json', 'print a JSON object')
  .option('--svg <file>', 'draw the ratios (and beside it, as -layers.svg, the cost of depth)')
  .option('--fuse-overlayfs <path>', 'a further binary to measure', (path: string, all: string[]) => [...all, path], [])
  .action(async (what: string | undefined, options: Options) => {
    const unpacked = join(defaultCache(), `image-${process.pid}`);
    try {
      const layers = what === undefined ? undefined : await layersOf(what, unpacked);
      // Depth is about stacks of its own.
      const chosen = layers === undefined ? usual : usual.filter((name) => name !== 'depth');
      runBench({
        layers,
        isQuick: options.quick === true,
        workloads: options.workloads === 'all' ? undefined : (listOf(options.workloads) ?? chosen),
        subjects: listOf(options.subjects),
        depths: listOf(options.layers)?.map((text) => numberOf('--layers', text)),
        repetitions: options.reps === undefined ? undefined : numberOf('--reps', options.reps),
        printJson: options.json,
        svg: options.svg,
        fuseOverlayfs: options.fuseOverlayfs,
      });
    } finally {
      rmSync(unpacked, { recursive: true, force: true });
    }
  });

/** Directories, top first: those of a list, or an image's layers unpacked below `unpacked`. */
async function layersOf(what: string, unpacked: string): Promise<string[]> {
  const paths = splitPaths(what).map((path) => resolve(path));
  const areDirectories = paths.every((path) => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true);
  if (areDirectories && !(paths.length === 1 && LayoutDirectory.isOne(paths[0] ?? ''))) return paths;
  if (process.getuid?.() !== 0) throw new PlyfsError('bench.root', "unpacking an image's layers keeps owners: run as root");
  const store = new Store();
  const layers = await prepareStackOf(store, await locateImage(store, what));
  return unpackLayers(
    layers.map((layer) => layer.location),
    unpacked,
  );
}

function listOf(text: string | undefined): string[] | undefined {
  return text?.split(',').filter((part) => part !== '');
}

function numberOf(option: string, text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) {
    throw new PlyfsError('usage', `${option} takes whole numbers from 1 on, not ${text}`, { exitStatus: 2 });
  }
  return number;
}
