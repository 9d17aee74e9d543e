/** What was taken in becomes part of the store. */

import { rmSync } from 'node:fs';
import type { Store } from '../../store/store.js';
import { type Ingested, type IngestJob, temporariesOf } from './ingest.js';

/** Puts a taken-in tar and its index in their places. The index goes first: a tar in the store is known to have one, mostly. */
export function adoptTar(store: Store, job: IngestJob, result: Ingested): void {
  store.blobs.adoptIndex(job.indexPath, result.diffId);
  store.blobs.adopt(job.tarPath, result.diffId);
  for (const path of temporariesOf(job)) if (path !== job.blobPath) rmSync(path, { force: true });
}
