/** Garbage collection: what no image and no use needs goes. */

import { statSync } from 'node:fs';
import { rm, unlink } from 'node:fs/promises';
import type { Digest } from '../base/digest.js';
import { readLimits } from '../base/limits.js';
import { parseManifest } from '../oci/manifest.js';
import type { Catalog } from './catalog.js';
import { namesIn } from './durable.js';
import { readLayerRecord, recordedLayers, recordPath } from './layer-records.js';
import { removeDirectory } from './remove-directory.js';
import type { Store } from './store.js';
import { listUses } from './uses.js';

export interface Collected {
  readonly blobs: Digest[];
  readonly bytes: number;
}

/** Removes every blob and index that nothing needs, unfinished files, and what was kept for quicker opening of archives. Waits for those
 *  who are adding. */
export async function collectGarbage(store: Store): Promise<Collected> {
  using _lock = await store.lockForRemoving();
  const present = ['sha256', 'sha512'].flatMap(
    (algorithm) => namesIn(store.path('blobs', algorithm)).map((hex) => `${algorithm}:${hex}` as Digest), // compared, never opened
  );
  const collected = await removeUnneeded(store, present);
  let { bytes } = collected;
  const indexed = new Set(namesIn(store.path('blobs/sha256')));
  for (const hex of namesIn(store.path('indexes'))) if (!indexed.has(hex)) bytes += removeFile(store.path('indexes', hex));
  for (const directory of ['tmp', 'cache', 'partial']) {
    for (const name of namesIn(store.path(directory))) bytes += removeFile(store.path(directory, name));
  }
  for (const digest of recordedLayers(store)) {
    const diffId = readLayerRecord(store, digest)?.diffId;
    const isKnown = store.blobs.has(digest) || (diffId !== undefined && store.blobs.has(diffId));
    if (!isKnown) bytes += removeFile(recordPath(store, digest));
  }
  return { blobs: collected.blobs, bytes };
}

/** Removes those of `digests` that nothing needs, without a look at the rest of the store; nothing where somebody is adding (the next
 *  collection gets them). Returns what went. */
export async function collectNow(store: Store, digests: Iterable<Digest>): Promise<Digest[]> {
  using lock = store.tryLockForRemoving();
  return lock === undefined ? [] : (await removeUnneeded(store, digests)).blobs;
}

/** Several at a time: giving back the memory and blocks of a large file takes the kernel a while. */
async function removeUnneeded(store: Store, digests: Iterable<Digest>): Promise<Collected> {
  const kept = keptDigests(store, store.catalog());
  const blobs = [...new Set(digests)].filter((digest) => !kept.has(digest) && store.blobs.has(digest));
  let bytes = 0;
  const remove = async (digest: Digest): Promise<void> => {
    bytes += store.blobs.findSize(digest) ?? 0;
    await unlink(store.blobs.path(digest));
    await rm(store.blobs.indexPath(digest), { force: true });
  };
  await Promise.all(blobs.map(remove));
  return { blobs, bytes };
}

/** Every digest that images and uses need. */
export function keptDigests(store: Store, catalog: Catalog): Set<Digest> {
  const kept = new Set<Digest>();
  for (const image of catalog.images.values()) {
    kept.add(image.id).add(image.manifest);
    for (const layer of image.layers) kept.add(layer.diffId).add(layer.blob);
  }
  for (const digest of catalog.originDigests()) for (const part of partsOf(store, digest)) kept.add(part);
  for (const use of listUses(store)) for (const digest of use.keeps) kept.add(digest);
  return kept;
}

/** A manifest or index that a name came with, and the layers that it names as they were received. */
function partsOf(store: Store, digest: Digest): Digest[] {
  if (!store.blobs.has(digest)) return [];
  const document = parseManifest(store.blobs.readDocument(digest, readLimits().manifestBytes), digest);
  return document.kind === 'index' ? [digest] : [digest, ...document.layers.map((layer) => layer.digest)];
}

function removeFile(path: string): number {
  const size = statSync(path).size;
  removeDirectory(path);
  return size;
}
