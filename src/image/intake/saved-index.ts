/** Layer indexes on disk: beside the blobs of the store, and in its cache for archives that stay outside. */

import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { PlyfsError } from '../../base/errors.js';
import { ifPresent } from '../../base/node-error.js';
import { TarIndex } from '../../layers/tar/tar-index.js';
import { log } from '../../observe/log.js';
import type { FileRange } from '../../oci/source.js';

/** Writes a new file at `path`. Its checksum stands in for syncing it: what a power failure damages is built again. */
export function putIndex(path: string, index: TarIndex): void {
  const fd = openSync(path, 'wx', 0o600);
  try {
    for (let done = 0; done < index.bytes.length; ) done += writeSync(fd, index.bytes, done);
  } finally {
    closeSync(fd);
  }
}

/** undefined where there is none, or one that is damaged, of another version, or of a tar of another length: it is removed then. */
export function findIndex(path: string, tarBytes: number): TarIndex | undefined {
  const bytes = ifPresent(() => readFileSync(path));
  if (bytes === undefined) return undefined;
  try {
    const index = TarIndex.load(bytes);
    if (index.archiveBytes <= tarBytes) return index;
    log('warn', `${path} is the index of a longer tar: it is built again`);
  } catch (error) {
    if (!(error instanceof PlyfsError)) throw error;
    log('warn', `${path}: ${error.message}`);
  }
  rmSync(path, { force: true });
  return undefined;
}

/** A name for a file as it is now: changes with its identity, size, or any write to it. */
export function fileKey(path: string): string {
  const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
  return createHash('sha256').update(`${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`).digest('hex').slice(0, 40);
}

/** The same for a range of a file. */
export function rangeKey(range: FileRange): string {
  return `${fileKey(range.path)}-${range.start}-${range.size}`;
}
