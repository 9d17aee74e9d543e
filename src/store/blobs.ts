/** Blobs by digest, byte for byte, and beside them the saved indexes of those that are layer tars.
 *
 *  A layer's uncompressed tar is the blob named by its diffID, whether it was received so or decompressed here. */

import { createReadStream, existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { algorithmOf, type Digest, hexOf, sha256Of } from '../base/digest.js';
import { PlyfsError } from '../base/errors.js';
import { isMissing, publish, putFile } from './durable.js';

export class Blobs {
  /** What this object has put there that was not there before. */
  readonly added: Digest[] = [];

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
    try {
      return statSync(this.path(digest)).size;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  /** The whole of a document, hashed on the way. PlyfsError `no-blob`, `damaged`. */
  readDocument(digest: Digest, limitBytes: number): Buffer {
    const size = this.findSize(digest);
    if (size === undefined) throw new PlyfsError('no-blob', `the store lacks ${digest}`);
    if (size > limitBytes) throw new PlyfsError('document', `${digest} is ${size} bytes long; the limit is ${limitBytes} bytes`);
    const bytes = readFileSync(this.path(digest));
    if (algorithmOf(digest) === 'sha256' && sha256Of(bytes) !== digest) {
      throw new PlyfsError('damaged', `the store's copy of ${digest} is damaged: run plyfs check`);
    }
    return bytes;
  }

  /** The bytes in order, not verified. */
  read(digest: Digest): AsyncIterable<Uint8Array> {
    return createReadStream(this.path(digest), { highWaterMark: 1024 * 1024 });
  }

  /** Keeps a document and returns its digest; `temporary` is a path on the store's file system. */
  putDocument(bytes: Uint8Array, temporary: string): Digest {
    const digest = sha256Of(bytes);
    if (this.has(digest)) return digest;
    putFile(this.path(digest), temporary, bytes);
    this.added.push(digest);
    return digest;
  }

  /** Takes over a finished, verified and fsynced temporary file as the blob `digest`. */
  adopt(temporary: string, digest: Digest): void {
    if (this.has(digest)) {
      rmSync(temporary);
      return;
    }
    publish(temporary, this.path(digest));
    this.added.push(digest);
  }

  /** The same for a saved index; the newer one stays. */
  adoptIndex(temporary: string, diffId: Digest): void {
    publish(temporary, this.indexPath(diffId));
  }
}
