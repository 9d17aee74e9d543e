/** Blobs by digest, byte for byte, and beside them the saved indexes of those that are layer tars.
 *
 *  A layer's uncompressed tar is the blob named by its diffID, whether it was received so or decompressed here. */

import { createReadStream, existsSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { algorithmOf, type Digest, digestLike, hexOf, sha256Of } from '../base/digest.js';
import { PlyfsError } from '../base/errors.js';
import { checkDocumentSize } from '../base/limits.js';
import { ifPresent } from '../base/node-error.js';
import { placeFile, syncDirectory } from './durable.js';

export class Blobs {
  /** What this object has put there that was not there before. */
  readonly added: Digest[] = [];
  /** Directories with names that may not be on disk yet. */
  private readonly unsynced = new Set<string>();

  constructor(private readonly root: string) {}

  path(digest: Digest): string {
    return join(this.root, 'blobs', algorithmOf(digest), hexOf(digest));
  }

  /** Where the saved index of the layer tar `diffId` lies, if there is one. */
  indexPath(diffId: Digest): string {
    return join(this.root, 'indexes', hexOf(diffId));
  }

  has(digest: Digest): boolean {
    return existsSync(this.path(digest));
  }

  /** Bytes it takes; undefined where absent. */
  findSize(digest: Digest): number | undefined {
    return ifPresent(() => statSync(this.path(digest)).size);
  }

  /** The whole of a document, hashed on the way. PlyfsError `no-blob`, `damaged`. */
  readDocument(digest: Digest, limitBytes: number): Buffer {
    const size = this.findSize(digest);
    if (size === undefined) throw new PlyfsError('no-blob', `the store lacks ${digest}`);
    checkDocumentSize(digest, size, limitBytes);
    const bytes = readFileSync(this.path(digest));
    if (digestLike(digest, bytes) !== digest) {
      throw new PlyfsError('damaged', `the store's copy of ${digest} is damaged: run plyfs check`);
    }
    return bytes;
  }

  /** The bytes in order, not verified. */
  read(digest: Digest): AsyncIterable<Uint8Array> {
    return createReadStream(this.path(digest), { highWaterMark: 1024 * 1024 });
  }

  /** Keeps a document and returns its digest, by the algorithm of `like` or sha256; `temporary` is a path on the store's file system. Its
   *  name is on disk after `sync`. */
  putDocument(bytes: Uint8Array, temporary: string, like?: Digest): Digest {
    const digest = like === undefined ? sha256Of(bytes) : digestLike(like, bytes);
    const path = this.path(digest);
    this.unsynced.add(dirname(path));
    if (this.has(digest)) return digest;
    placeFile(path, temporary, bytes);
    this.added.push(digest);
    return digest;
  }

  /** Takes over a finished, verified and fsynced temporary file as the blob `digest`. Its name is on disk after `sync`. */
  adopt(temporary: string, digest: Digest): void {
    const path = this.path(digest);
    this.unsynced.add(dirname(path));
    if (this.has(digest)) {
      rmSync(temporary);
      return;
    }
    renameSync(temporary, path);
    this.added.push(digest);
  }

  /** The same for a saved index; the newer one stays. It need not be on disk: a damaged one is built again. */
  adoptIndex(temporary: string, diffId: Digest): void {
    renameSync(temporary, this.indexPath(diffId));
  }

  /** Sees to it that the names of what was put are on disk, whoever put them: before something refers to them. */
  sync(): void {
    for (const directory of this.unsynced) syncDirectory(directory);
    this.unsynced.clear();
  }
}
