/** Takes one layer in, in one pass: decompressed, hashed on both sides, indexed and written as the bytes go by. Runs in a worker thread
 *  (ingest-pool.ts) or, for small layers, in the caller's. Nothing is put in its place here: the result is temporary files. */

import { closeSync, fsyncSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { algorithmOf, type Digest, DigestMeter, shortId } from '../../base/digest.js';
import { PlyfsError } from '../../base/errors.js';
import { TarIndexBuilder } from '../../layers/tar/tar-index-builder.js';
import type { FileRange } from '../../oci/source.js';
import { writing } from '../../store/writing.js';
import { type Compression, compressionOf, decompressed, magicBytes } from '../../tar/decompress.js';
import { type ArrivalMemory, untilArrived } from './arrival.js';
import { namingAsync } from './named-errors.js';
import { putIndex } from './saved-index.js';

/** Plain data, so that it can be sent to a worker. */
export interface IngestJob {
  /** For messages: `layer 3 of app.tar`. */
  readonly label: string;
  readonly location: FileRange;
  /** What the bytes as kept, and the uncompressed tar, must hash to; undefined where nothing is claimed. */
  readonly blobDigest: Digest | undefined;
  readonly diffId: Digest | undefined;
  /** Paths for the uncompressed tar, its index, and the compressed blob; undefined: that is not kept. */
  readonly tarPath: string;
  readonly indexPath: string;
  readonly blobPath: string | undefined;
  /** Where the bytes of `location` are still arriving: how far they have come. */
  readonly arriving?: ArrivalMemory;
}

export interface Ingested {
  readonly compression: Compression;
  readonly diffId: Digest;
  readonly tarBytes: number;
  /** Equal to diffId and tarBytes for a plain layer, for which no blob file is written. */
  readonly blob: Digest;
  readonly blobBytes: number;
  readonly contentBytes: number;
  /** What was doubtful in the tar but taken, as sentences. */
  readonly warnings: readonly string[];
}

const chunkBytes = 1024 * 1024;
/** Between two calls of `onBytes`, which costs a millisecond where it goes to another thread. */
const tellEveryMs = 50;

/** PlyfsError `digest` where bytes and claims differ, BAD_TAR and the like for malformed input; the temporary files are gone then.
 *  `onBytes` hears how many bytes as kept have passed. */
export async function ingest(job: IngestJob, onBytes: (bytes: number) => void): Promise<Ingested> {
  let isDone = false;
  try {
    const result = await namingAsync(job.label, () => pass(job, onBytes));
    isDone = true;
    return result;
  } finally {
    if (!isDone) for (const path of temporariesOf(job)) rmSync(path, { force: true });
  }
}

export function temporariesOf(job: IngestJob): string[] {
  return [job.tarPath, job.indexPath, job.blobPath].filter((path) => path !== undefined);
}

async function pass(job: IngestJob, onBytes: (bytes: number) => void): Promise<Ingested> {
  if (job.arriving !== undefined) await untilArrived(job.arriving, Math.min(magicBytes, job.location.size));
  const compression = compressionOfRange(job.location);
  const isPlain = compression === 'none';
  // A plain layer's blob is its tar: it is hashed once, by what its descriptor uses.
  const blobMeter = isPlain ? undefined : new DigestMeter(job.blobDigest === undefined ? 'sha256' : algorithmOf(job.blobDigest));
  const tarMeter = new DigestMeter();
  const builder = new TarIndexBuilder();
  using tar = new OutputFile(job.tarPath);
  using blob = isPlain || job.blobPath === undefined ? undefined : new OutputFile(job.blobPath);
  const asKept = tapped(job, isPlain, onBytes, (chunk) => {
    blobMeter?.update(chunk);
    blob?.write(chunk);
  });
  const unpacked = isPlain ? asKept : (await decompressed(asKept)).bytes;
  for await (const chunk of unpacked) {
    tarMeter.update(chunk);
    tar.write(chunk);
    builder.push(chunk);
  }
  const index = builder.finish();
  const diffId = tarMeter.finish();
  const blobDigest = blobMeter?.finish() ?? diffId;
  verify(job, blobDigest, diffId);
  tar.sync();
  blob?.sync();
  writing(storeOf(job.indexPath), () => putIndex(job.indexPath, index));
  return {
    compression,
    diffId,
    tarBytes: tarMeter.sizeBytes,
    blob: blobDigest,
    blobBytes: blobMeter?.sizeBytes ?? tarMeter.sizeBytes,
    contentBytes: index.contentBytes(),
    warnings: builder.warnings,
  };
}

function verify(job: IngestJob, blob: Digest, diffId: Digest): void {
  if (job.blobDigest !== undefined && algorithmOf(job.blobDigest) === algorithmOf(blob) && job.blobDigest !== blob) {
    throw new PlyfsError('digest', `${job.label} is damaged: its bytes hash to ${blob}, its descriptor says ${job.blobDigest}`);
  }
  if (job.diffId !== undefined && job.diffId !== diffId) {
    throw new PlyfsError(
      'digest',
      `${job.label} is damaged: its tar hashes to ${diffId}, the config says ${job.diffId} (${shortId(job.diffId)})`,
    );
  }
}

/** How the bytes of a range are compressed, by their first bytes (L-1). */
export function compressionOfRange(range: FileRange): Compression {
  const first = Buffer.alloc(Math.min(range.size, magicBytes));
  const fd = openSync(range.path, 'r');
  try {
    readSync(fd, first, 0, first.length, range.start);
  } finally {
    closeSync(fd);
  }
  return compressionOf(first);
}

/** The chunks of the job's range, each seen by `tap` before it goes on. With `reuses` a chunk is valid until the next; decompressors keep
 *  theirs for longer. */
async function* tapped(
  job: IngestJob,
  reuses: boolean,
  onBytes: (bytes: number) => void,
  tap: (chunk: Buffer) => void,
): AsyncGenerator<Buffer> {
  const { location } = job;
  const newBuffer = (): Buffer => Buffer.allocUnsafeSlow(Math.min(chunkBytes, Math.max(location.size, 1)));
  let buffer = newBuffer();
  const fd = openSync(location.path, 'r');
  let told = performance.now();
  try {
    for (let done = 0; done < location.size; ) {
      const here = job.arriving === undefined ? location.size : await untilArrived(job.arriving, done + 1);
      const count = readSync(fd, buffer, 0, Math.min(buffer.length, here - done), location.start + done);
      if (count === 0) throw new PlyfsError('truncated', `${job.label} is cut off after ${done} of ${location.size} bytes`);
      done += count;
      const chunk = buffer.subarray(0, count);
      tap(chunk);
      yield chunk;
      if (!reuses) buffer = newBuffer();
      const now = performance.now();
      if (now - told >= tellEveryMs) {
        told = now;
        onBytes(done);
      }
    }
  } finally {
    closeSync(fd);
  }
}

/** Temporary files lie in a directory of it. */
function storeOf(temporary: string): string {
  return dirname(dirname(temporary));
}

/** A new file that is written from its start. */
class OutputFile implements Disposable {
  private readonly fd: number;
  private readonly root: string;

  constructor(path: string) {
    this.root = storeOf(path);
    this.fd = writing(this.root, () => openSync(path, 'wx', 0o600));
  }

  write(chunk: Uint8Array): void {
    writing(this.root, () => {
      for (let done = 0; done < chunk.length; ) done += writeSync(this.fd, chunk, done);
    });
  }

  sync(): void {
    writing(this.root, () => fsyncSync(this.fd));
  }

  [Symbol.dispose](): void {
    closeSync(this.fd);
  }
}
