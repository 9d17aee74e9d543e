/** plyfs bench: plyfs beside its peers, on layers of the user's or on layers made from this machine. */

import { readFileSync, rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { PlyfsError } from '../../base/errors.js';
import { undoneAtInterruption } from '../../base/interruption.js';
import { nameFromText } from '../../base/name.js';
import { isMissing } from '../../base/node-error.js';
import { systemWords } from '../../base/system-words.js';
import { runBench } from '../../bench/bench.js';
import { defaultCache } from '../../bench/fixtures.js';
import { type Replayed, replay } from '../../bench/replay.js';
import { unpackLayers } from '../../bench/unpack.js';
import { locateImage } from '../../image/find/locate.js';
import { prepareStackOf } from '../../image/stack/stack.js';
import { LayoutDirectory } from '../../image/transports/layout-directory.js';
import { splitPaths } from '../../mount/option-string.js';
import { Store } from '../../store/store.js';
import { newCommand } from '../command.js';
import { tableText } from '../table.js';

interface Options {
  layers?: string;
  workloads?: string;
  subjects?: string;
  reps?: string;
  quick?: boolean;
  json?: boolean;
  svg?: string;
  fuseOverlayfs: string[];
  replay?: string;
}

/** What runs unless somebody names others: what tells most in a few minutes. */
const usual = ['walk', 'lookup', 'read', 'small', 'untar', 'remove', 'copy-up', 'depth'];

export const command = newCommand('bench', 'Measures plyfs beside the kernel, fuse-overlayfs, unionfs-fuse and mergerfs.', [
  'plyfs bench                                    # on layers made from this machine (2.8 GB, kept)',
  'plyfs bench /layers/app:/layers/base           # top first, as in lowerdir',
  'plyfs bench debian:12 --workloads walk,read',
  'plyfs bench --replay trace /mnt                # a trace of plyfs stats --trace, repeated on a mount',
  'plyfs bench --workloads depth --layers 1,10,100,500 --svg depth.svg',
])
  .argument('[stack|image]', 'directories, or an image of the store or in a file; with --replay, where to repeat')
  .option('--layers <n,n,...>', 'depths of the stacks for the workload "depth"')
  .option('--workloads <names>', `workloads or steps, or "all" (default: ${usual.join(',')})`)
  .option('--subjects <names>', 'what is measured; the first is what the others are compared with')
  .option('--reps <n>', 'repetitions')
  .option('--quick', 'once, with small counts: a look, not a result')
  .option('--json', 'print a JSON object')
  .option('--svg <file>', 'draw the ratios (and beside it, as -layers.svg, the cost of depth)')
  .option('--fuse-overlayfs <path>', 'a further binary to measure', (path: string, all: string[]) => [...all, path], [])
  .option(
    '--replay <file>',
    'repeat the requests of a recorded trace, or of a log with one, in a directory; writes are repeated too',
  )
  .action(async (what: string | undefined, options: Options) => {
    if (options.replay !== undefined) return replayFile(options.replay, what, options.json === true);
    const unpacked = join(defaultCache(), `image-${process.pid}`);
    undoneAtInterruption(() => rmSync(unpacked, { recursive: true, force: true }));
    try {
      const layers = what === undefined ? undefined : await layersOf(what, unpacked);
      // Depth is about stacks of its own.
      const chosen = layers === undefined ? usual : usual.filter((name) => name !== 'depth');
      await runBench({
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

function replayFile(file: string, target: string | undefined, isJson: boolean): void {
  const what = target === undefined ? undefined : statSync(target, { throwIfNoEntry: false });
  if (what?.isDirectory() !== true) {
    const sentence = target === undefined ? '--replay needs a directory' : `there is no directory ${target}`;
    throw new PlyfsError('usage', `${sentence}: name the mount on which the trace is to be repeated`);
  }
  const text = readText(file);
  const replayed = replay(text, nameFromText(resolve(target ?? '')));
  if (replayed === undefined) {
    throw new PlyfsError(
      'no-trace',
      `${file} has no requests: plyfs stats --trace prints those of a mount made with PLYFS_TRACE=fuse`,
    );
  }
  process.stdout.write(isJson ? `${JSON.stringify(replayed, undefined, 2)}\n` : describeReplay(replayed));
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (isMissing(error)) throw new PlyfsError('no-file', `there is no file ${file}`);
    throw new PlyfsError('unreadable', `${file} cannot be read: ${systemWords(error)}`, { cause: error });
  }
}

function describeReplay({ rows, skipped, differences }: Replayed): string {
  const mean = (us: number, count: number): string => (us / count).toFixed(1);
  const table = tableText(
    ['REQUEST', 'COUNT', 'IN THE DAEMON THEN, us', 'WHOLE CALL NOW, us', 'OTHERWISE'],
    rows.map(({ op, count, otherwise, recordedUs, replayedUs }) => [
      ...[op, String(count), mean(recordedUs, count), mean(replayedUs, count), String(otherwise)],
    ]),
  );
  const left = Object.entries(skipped).map(([reason, count]) => `${count} not repeated: ${reason}\n`);
  return `${table}${left.join('')}${differences.map((sentence) => `${sentence}\n`).join('')}`;
}

/** Directories, top first: those of a list, or an image's layers unpacked below `unpacked`. */
async function layersOf(what: string, unpacked: string): Promise<string[]> {
  const paths = splitPaths(what).map((path) => resolve(path));
  const areDirectories = paths.every((path) => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true);
  if (areDirectories && !(paths.length === 1 && LayoutDirectory.isOne(paths[0] ?? ''))) return paths;
  if (process.getuid?.() !== 0) throw new PlyfsError('bench', "unpacking an image's layers keeps owners: run as root");
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
    throw new PlyfsError('usage', `${option} takes whole numbers from 1 on, not ${text}`);
  }
  return number;
}
