/** `plyfs check`: does every blob hash to its name, and does every image have what it needs? */

import { createHash } from 'node:crypto';
import { createReadStream, rmSync, statSync } from 'node:fs';
import type { Digest } from '../base/digest.js';
import { neededBy } from './catalog.js';
import { isWritable, namesIn } from './durable.js';
import type { Store } from './store.js';

export interface Finding {
  readonly kind: 'damaged-blob' | 'missing-blob' | 'lost-name';
  /** A digest, a name or a path. */
  readonly subject: string;
  readonly sentence: string;
  /** What `repair` did about it. */
  readonly repair: string | undefined;
}

export interface CheckResult {
  readonly findings: readonly Finding[];
  readonly blobs: number;
  readonly bytes: number;
  /** Files of loads that were killed: `prune` removes them. Unknown, so none, while somebody is adding. */
  readonly unfinished: { readonly files: number; readonly bytes: number };
}

/** Reads every blob. With `repair`: damaged blobs, images that lack a blob, and names without an image are removed, so that loading or
 *  pulling the image again makes it whole. */
export async function checkStore(store: Store, repair: boolean): Promise<CheckResult> {
  using _lock = repair ? await store.lockForRemoving() : undefined;
  const findings: Finding[] = [];
  const present = new Set<Digest>();
  let bytes = 0;
  for (const algorithm of ['sha256', 'sha512']) {
    for (const hex of namesIn(store.path('blobs', algorithm))) {
      const path = store.path('blobs', algorithm, hex);
      const hashed = await hashFile(path, algorithm);
      bytes += hashed.sizeBytes;
      if (hashed.hex === hex) {
        present.add(`${algorithm}:${hex}` as Digest); // just verified
        continue;
      }
      findings.push({
        kind: 'damaged-blob',
        subject: `${algorithm}:${hex}`,
        sentence: `blob ${algorithm}:${hex} is damaged: its bytes hash to ${hashed.hex}`,
        repair: repair ? 'removed' : undefined,
      });
      if (repair) rmSync(path);
    }
  }
  findings.push(...(await checkCatalog(store, present, repair)));
  return { findings, blobs: present.size, bytes, unfinished: repair ? unfinishedIn(store) : unfinishedNow(store) };
}

function unfinishedNow(store: Store): CheckResult['unfinished'] {
  // whoever may only read the store cannot ask the lock
  using lock = isWritable(store.path('adding')) ? store.tryLockForRemoving() : undefined;
  return lock === undefined ? { files: 0, bytes: 0 } : unfinishedIn(store);
}

function unfinishedIn(store: Store): CheckResult['unfinished'] {
  const names = namesIn(store.path('tmp'));
  return { files: names.length, bytes: names.reduce((sum, name) => sum + sizeOf(store.path('tmp', name)), 0) };
}

/** 0 where it has gone meanwhile. */
function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

async function checkCatalog(store: Store, present: ReadonlySet<Digest>, repair: boolean): Promise<Finding[]> {
  const findings: Finding[] = [];
  const catalog = store.catalog();
  const lost = new Set<Digest>();
  for (const image of catalog.images.values()) {
    const missing = neededBy(image).filter((digest) => !present.has(digest));
    if (missing.length === 0) continue;
    lost.add(image.id);
    const names = catalog.namesOf(image.id).join(', ') || 'no name';
    findings.push({
      kind: 'missing-blob',
      subject: image.id,
      sentence: `image ${image.id} (${names}) lacks ${missing.join(', ')}`,
      repair: repair ? 'image removed: load or pull it again' : undefined,
    });
  }
  const lostNames = [...catalog.names].filter(([, id]) => !catalog.images.has(id)).map(([name]) => name);
  for (const name of lostNames) {
    findings.push({
      kind: 'lost-name',
      subject: name,
      sentence: `the name ${name} points to an image that is not there`,
      repair: repair ? 'name removed' : undefined,
    });
  }
  if (repair && (lost.size > 0 || lostNames.length > 0)) {
    await store.change((draft) => {
      for (const id of lost) draft.images.delete(id);
      for (const [name, id] of draft.names) if (!draft.images.has(id)) draft.unname(name);
    });
  }
  return findings;
}

async function hashFile(path: string, algorithm: string): Promise<{ hex: string; sizeBytes: number }> {
  const hash = createHash(algorithm);
  let sizeBytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 }) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    sizeBytes += chunk.length;
  }
  return { hex: hash.digest('hex'), sizeBytes };
}
