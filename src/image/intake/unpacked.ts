/** The uncompressed form of compressed files: made once, kept in the store under its digest until `prune`, found again by the file's
 *  identity. */

import { readFileSync } from 'node:fs';
import type { Digest } from '../../base/digest.js';
import { ifPresent } from '../../base/node-error.js';
import { log } from '../../observe/log.js';
import { JsonObject, parseJson } from '../../oci/json.js';
import type { FileRange } from '../../oci/source.js';
import { putFile } from '../../store/durable.js';
import type { Store } from '../../store/store.js';
import { adoptTar } from './adopt.js';
import type { IngestJob } from './ingest.js';
import { IngestPool } from './ingest-pool.js';
import { rangeKey } from './saved-index.js';

/** The blob of the store that is the uncompressed tar of a compressed range. PlyfsError for damaged input, and where the store cannot be
 *  written. */
export async function unpackedFile(
  store: Store,
  range: FileRange,
  label: string,
  onBytes: (done: number) => void = () => {},
): Promise<{ digest: Digest; size: number }> {
  const key = store.path('cache', `${rangeKey(range)}.json`);
  const known = readKnown(key);
  if (known !== undefined) {
    const size = store.blobs.findSize(known);
    if (size !== undefined) return { digest: known, size };
  }
  const { diffId, tarBytes } = await unpack(store, range, undefined, label, undefined, onBytes);
  putFile(key, store.temporary(), JSON.stringify({ blob: diffId }));
  return { digest: diffId, size: tarBytes };
}

/** Decompresses a range into the store's blob of its digest, with its index. */
export async function unpack(
  store: Store,
  range: FileRange,
  diffId: Digest | undefined,
  label: string,
  pool?: IngestPool,
  onBytes: (done: number) => void = () => {},
): Promise<{ diffId: Digest; tarBytes: number }> {
  using _lock = await store.lockForAdding();
  const job: IngestJob = {
    label,
    location: range,
    blobDigest: undefined,
    diffId,
    tarPath: store.temporary(),
    indexPath: store.temporary(),
    blobPath: undefined,
  };
  const own = pool === undefined ? new IngestPool() : undefined;
  try {
    const result = await (pool ?? own!).run(job, onBytes); // one of the two is there
    for (const warning of result.warnings) log('warn', `${label}: ${warning}`);
    adoptTar(store, job, result);
    return result;
  } finally {
    await own?.close();
  }
}

function readKnown(path: string): Digest | undefined {
  const bytes = ifPresent(() => readFileSync(path));
  if (bytes === undefined) return undefined;
  return new JsonObject(parseJson(bytes, path, 1024), path).digest('blob');
}
