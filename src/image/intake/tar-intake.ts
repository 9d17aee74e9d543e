/** A layer tar that is made here goes into the store: written, hashed and indexed as its bytes come. */

import { closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { DigestMeter } from '../../base/digest.js';
import { breath } from '../../base/interruption.js';
import { TarIndexBuilder } from '../../layers/tar/tar-index-builder.js';
import { mediaTypes } from '../../oci/media-types.js';
import type { StoredLayer } from '../../store/catalog.js';
import type { Store } from '../../store/store.js';
import { writing } from '../../store/writing.js';
import { putIndex } from './saved-index.js';

/** Hears how many bytes have passed. */
export type OnBytes = ((bytes: number) => void) | undefined;

export class TarIntake implements Disposable {
  private readonly tarPath: string;
  private readonly indexPath: string;
  private readonly fd: number;
  private readonly meter = new DigestMeter();
  private readonly builder = new TarIndexBuilder();

  /** `onBytes` hears how many bytes have come. PRE: the caller holds lockForAdding. */
  constructor(
    private readonly store: Store,
    private readonly onBytes?: OnBytes,
  ) {
    this.tarPath = store.temporary();
    this.indexPath = store.temporary();
    this.fd = writing(store.root, () => openSync(this.tarPath, 'wx', 0o600));
  }

  /** PlyfsError `store` where the disk is full or broken: nothing of it stays. */
  push(chunk: Uint8Array): void {
    this.meter.update(chunk);
    this.builder.push(chunk as Buffer); // the builder reads it as bytes
    writing(this.store.root, () => {
      for (let done = 0; done < chunk.length; ) done += writeSync(this.fd, chunk, done);
    });
    this.onBytes?.(this.meter.sizeBytes);
  }

  /** As `push`, of all chunks; signals are let in between. */
  async pushAll(chunks: Iterable<Buffer>): Promise<void> {
    for (const chunk of chunks) {
      this.push(chunk);
      await breath();
    }
  }

  /** Puts the whole tar into the store. It belongs to no image yet. */
  finish(): StoredLayer {
    const index = this.builder.finish();
    const tarBytes = this.meter.sizeBytes;
    const diffId = this.meter.finish();
    writing(this.store.root, () => {
      fsyncSync(this.fd);
      putIndex(this.indexPath, index);
      this.store.blobs.adoptIndex(this.indexPath, diffId);
      this.store.blobs.adopt(this.tarPath, diffId);
    });
    const contentBytes = index.contentBytes();
    return { diffId, blob: diffId, mediaType: mediaTypes.layer, blobBytes: tarBytes, tarBytes, contentBytes };
  }

  /** Removes what was not put. */
  [Symbol.dispose](): void {
    closeSync(this.fd);
    for (const path of [this.tarPath, this.indexPath]) rmSync(path, { force: true });
  }
}
