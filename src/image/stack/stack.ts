/** The layers of an image, opened: what the union stacks. */

import { openSync, renameSync } from 'node:fs';
import type { Digest } from '../../base/digest.js';
import { PlyfsError } from '../../base/errors.js';
import type { Layer } from '../../layers/layer.js';
import { emptyLayer } from '../../layers/tar/empty-layer.js';
import type { TarIndex } from '../../layers/tar/tar-index.js';
import { TarLayer } from '../../layers/tar/tar-layer.js';
import { scanTar } from '../../layers/tar/tar-scan.js';
import { checkLowerLinks } from '../../layers/union/lower-links.js';
import { log } from '../../observe/log.js';
import { trace } from '../../observe/trace.js';
import type { PreparedLayer } from '../../oci/prepared-layer.js';
import type { FileRange } from '../../oci/source.js';
import type { Store } from '../../store/store.js';
import { OwnedFd } from '../../sys/owned-fd.js';
import { compressionOfRange } from '../intake/ingest.js';
import { IngestPool } from '../intake/ingest-pool.js';
import { naming } from '../intake/named-errors.js';
import { fileKey, findIndex, putIndex, rangeKey } from '../intake/saved-index.js';
import { unpack } from '../intake/unpacked.js';
import type { LocatedImage, LocatedLayer } from './located-image.js';
import type { StackChoice } from './stack-choice.js';

export interface OpenedLayer extends PreparedLayer {
  readonly layer: TarLayer;
}

/** The layers of a mount, top first: an empty one for an image that has none. */
export function layersToShow(store: Store, prepared: readonly PreparedLayer[]): Layer[] {
  return prepared.length === 0 ? [emptyLayer()] : openPrepared(store, prepared).map(({ layer }) => layer);
}

/** Opens the layers of an image, top first. The caller closes each layer. PlyfsError for damaged input. */
export async function openStackOf(store: Store, image: LocatedImage, choice: StackChoice = {}): Promise<OpenedLayer[]> {
  // Until they are open, nobody removes what was unpacked for them.
  const isWritable = image.kind !== 'store';
  using _lock = isWritable ? await tryLockForAdding(store) : undefined;
  return openPrepared(store, await prepareStackOf(store, image, choice));
}

async function tryLockForAdding(store: Store): Promise<Disposable | undefined> {
  try {
    return await store.lockForAdding();
  } catch (error) {
    if (isUnwritable(error)) return undefined;
    throw error;
  }
}

/** Sees to it that each layer lies uncompressed somewhere, top first. A compressed layer is decompressed into the store the first time, on
 *  several threads. PlyfsError for damaged input, and for a store that cannot be written where it must be. */
export async function prepareStackOf(store: Store, image: LocatedImage, choice: StackChoice = {}): Promise<PreparedLayer[]> {
  const waiting = image.layers
    .map((layer, at) => ({ layer, number: at + 1 }))
    .filter(({ number }) => isChosen(number, image, choice));
  const pool = new IngestPool();
  const prepared: PreparedLayer[] = [];
  const failures: unknown[] = [];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined && failures.length === 0; next = waiting.shift()) {
      try {
        prepared.push(await prepareLayer(store, image, next.layer, next.number, pool));
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: pool.size }, work));
  await pool.close();
  if (failures.length > 0) throw failures[0];
  return prepared.sort((a, b) => b.number - a.number);
}

/** Opens them, top first: reads the saved indexes, and builds and saves those that are missing or damaged. PlyfsError BAD_TAR where, with
 *  the bottom of the image among them, a hard link leads nowhere. */
export function openPrepared(store: Store, prepared: readonly PreparedLayer[]): OpenedLayer[] {
  const opened: OpenedLayer[] = [];
  try {
    for (const layer of prepared) opened.push({ ...layer, layer: openTar(store, layer) });
    if (prepared.at(-1)?.number === 1) checkLinks(opened);
    return opened;
  } catch (error) {
    for (const { layer } of opened) layer.close();
    throw error;
  }
}

function checkLinks(opened: readonly OpenedLayer[]): void {
  checkLowerLinks(
    opened.map(({ layer }) => layer),
    opened.map(({ title }) => title),
  );
}

function isChosen(number: number, image: LocatedImage, choice: StackChoice): boolean {
  for (const asked of [choice.upto, choice.only]) {
    if (asked !== undefined && !(Number.isInteger(asked) && asked >= 1 && asked <= image.layers.length)) {
      throw new PlyfsError('no-such-layer', `${image.label} has layers 1 to ${image.layers.length}, not ${asked}`);
    }
  }
  return choice.only === undefined ? number <= (choice.upto ?? image.layers.length) : number === choice.only;
}

async function prepareLayer(
  store: Store,
  image: LocatedImage,
  layer: LocatedLayer,
  number: number,
  pool: IngestPool,
): Promise<PreparedLayer> {
  const { label, diffId, history, location } = layer;
  const common = { label, number, diffId, history, title: `layer ${number} of ${image.label}` };
  const known = diffId === undefined ? undefined : findStored(store, diffId);
  if (known !== undefined) return { ...common, ...known };
  if (compressionOfRange(location) !== 'none') {
    const unpacked = await unpack(store, location, diffId, common.title, pool);
    return { ...common, ...stored(store, unpacked.diffId, unpacked.tarBytes) };
  }
  // The index is kept by the file's identity, as the digest that an archive claims is not verified here.
  return { ...common, location, indexPath: store.path('cache', `${rangeKey(location)}.index`) };
}

/** A layer tar of the store, whose name was verified when it came in. */
function findStored(store: Store, diffId: Digest): { location: FileRange; indexPath: string } | undefined {
  const size = store.blobs.findSize(diffId);
  return size === undefined ? undefined : stored(store, diffId, size);
}

function stored(store: Store, diffId: Digest, size: number): { location: FileRange; indexPath: string } {
  return { location: { path: store.blobs.path(diffId), start: 0, size }, indexPath: store.blobs.indexPath(diffId) };
}

function openTar(store: Store, prepared: PreparedLayer): TarLayer {
  const { location, indexPath, label, title } = prepared;
  const fd = new OwnedFd(openSync(location.path, 'r'), title);
  try {
    const index = findIndex(indexPath, location.size) ?? buildIndex(store, fd.number, location, indexPath, title);
    return new TarLayer(label, index, fd, location.start);
  } catch (error) {
    fd.close();
    throw error;
  }
}

/** Builds the index of a tar and saves it for the next time. */
function buildIndex(store: Store, fd: number, range: FileRange, indexPath: string, title: string): TarIndex {
  const keyBefore = fileKey(range.path);
  const { index, warnings } = naming(title, () => scanTar(fd, range.start, range.size));
  for (const warning of warnings) log('warn', `${title}: ${warning}`);
  // Not for a file that is being written.
  if (fileKey(range.path) === keyBefore) saveIndex(store, indexPath, index);
  return index;
}

/** A store that cannot be written only costs the next opening its speed. */
function saveIndex(store: Store, path: string, index: TarIndex): void {
  try {
    store.ensure();
    const temporary = store.temporary();
    putIndex(temporary, index);
    renameSync(temporary, path);
  } catch (error) {
    if (!isUnwritable(error)) throw error;
    trace('image', () => `the index ${path} is not saved: ${(error as Error).message}`);
  }
}

function isUnwritable(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'EACCES' || code === 'EROFS' || code === 'ENOSPC' || (error instanceof PlyfsError && error.code === 'store');
}
