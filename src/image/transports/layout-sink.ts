/** An OCI layout directory as a place that images go to (O-1, O-5): made if it is missing, added to if it is there. */

import { createHash } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { algorithmOf, type Digest, hexOf, sha256Of } from '../../base/digest.js';
import { PlyfsError } from '../../base/errors.js';
import { breath, undoneAtInterruption } from '../../base/interruption.js';
import { readLimits } from '../../base/limits.js';
import { JsonObject, parseJson } from '../../oci/json.js';
import { type Descriptor, encodeManifest } from '../../oci/manifest.js';
import { mediaTypes } from '../../oci/media-types.js';
import type { CopyProgress, ImageSink, SourceImage, SourceLayer } from '../../oci/source.js';
import { unlessUnwritable, unwritable } from '../../store/draft.js';
import { ensureDirectory, publish, putFile } from '../../store/durable.js';
import { LayoutDirectory } from './layout-directory.js';
import { listedDescriptors, refNameKey } from './listed-descriptors.js';
import { readMember } from './members.js';

const chunkBytes = 1024 * 1024;

export class LayoutSink implements ImageSink {
  readonly parallelLayers = 1;
  private readonly listed: object[] = [];
  private readonly names = new Set<string>();
  private temporaries = 0;

  /** PlyfsError `unwritable`. */
  constructor(
    private readonly directory: string,
    private readonly refName?: string,
  ) {
    unlessUnwritable(directory, () => ensureDirectory(join(directory, 'blobs', 'sha256')));
  }

  async hasLayer(layer: SourceLayer): Promise<boolean> {
    return existsSync(this.blobPath(blobOf(layer).digest));
  }

  async putLayer(layer: SourceLayer, progress: CopyProgress): Promise<undefined> {
    const { digest } = blobOf(layer);
    if (layer.location === undefined) throw new Error(`layer ${digest} lies nowhere on disk`);
    const temporary = this.temporary();
    const settled = undoneAtInterruption(() => rmSync(temporary, { force: true }));
    try {
      const found = await copyRange(layer.location, temporary, algorithmOf(digest), (bytes) => progress(layer, bytes));
      if (found !== digest) throw new PlyfsError('damaged', `layer ${digest} is damaged in the store: run plyfs check`);
      ensureDirectory(dirname(this.blobPath(digest)));
      publish(temporary, this.blobPath(digest));
    } catch (error) {
      throw unwritable(this.directory, error);
    } finally {
      rmSync(temporary, { force: true });
      settled();
    }
  }

  async putImage(image: SourceImage, names: readonly string[]): Promise<void> {
    const config: Descriptor = { mediaType: mediaTypes.config, digest: image.id, size: image.configBytes.length };
    const manifest = image.manifest?.bytes ?? encodeManifest(config, image.layers.map(blobOf));
    this.putDocument(image.configBytes);
    this.putDocument(manifest);
    const mediaType = image.manifest?.mediaType ?? mediaTypes.manifest;
    this.listed.push(
      ...listedDescriptors(image, { mediaType, digest: sha256Of(manifest), size: manifest.length }, names, this.refName),
    );
    for (const name of names) this.names.add(name);
  }

  /** The index goes last: a name in it always has its blobs (O-5). Entries of the same names are replaced, others stay. */
  async commit(): Promise<void> {
    const kept = this.readListed().filter((entry) => !this.isReplaced(entry));
    const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests: [...kept, ...this.listed] };
    putFile(join(this.directory, 'oci-layout'), this.temporary(), '{"imageLayoutVersion":"1.0.0"}');
    putFile(join(this.directory, 'index.json'), this.temporary(), JSON.stringify(index));
  }

  abandon(): void {}

  private readListed(): unknown[] {
    if (!existsSync(join(this.directory, 'index.json'))) return [];
    const what = `index.json in ${this.directory}`;
    const bytes = readMember(new LayoutDirectory(this.directory), 'index.json', readLimits().manifestBytes);
    if (bytes === undefined) return [];
    return (
      new JsonObject(parseJson(bytes, what, readLimits().manifestBytes), what).optionalList('manifests', (item) => item) ?? []
    );
  }

  private isReplaced(entry: unknown): boolean {
    const object = new JsonObject(entry, 'index.json');
    const isSame = object.get('digest') !== undefined && this.listed.some((one) => JSON.stringify(one) === JSON.stringify(entry));
    const annotations = object.textMap('annotations');
    const full = annotations.get('io.containerd.image.name');
    if (full === undefined && this.refName !== undefined && annotations.get(refNameKey) === this.refName) return true;
    return isSame || this.names.has(full ?? '');
  }

  private putDocument(bytes: Uint8Array): void {
    const path = this.blobPath(sha256Of(bytes));
    if (!existsSync(path)) putFile(path, this.temporary(), bytes);
  }

  private blobPath(digest: Digest): string {
    return join(this.directory, 'blobs', algorithmOf(digest), hexOf(digest));
  }

  private temporary(): string {
    return join(this.directory, `.plyfs-${process.pid}-${++this.temporaries}`);
  }
}

function blobOf(layer: SourceLayer): Descriptor {
  if (layer.descriptor === undefined) throw new Error(`layer ${layer.diffId} has no descriptor`);
  return layer.descriptor;
}

/** Copies a range into a new file, on disk when it returns, and tells what it hashes to. */
async function copyRange(
  { path, start, size }: NonNullable<SourceLayer['location']>,
  target: string,
  algorithm: string,
  onBytes: (bytes: number) => void,
): Promise<Digest> {
  const hash = createHash(algorithm);
  const buffer = Buffer.allocUnsafeSlow(chunkBytes);
  const from = openSync(path, 'r');
  const to = openSync(target, 'wx', 0o644);
  try {
    for (let done = 0; done < size; onBytes(done)) {
      const count = readSync(from, buffer, 0, Math.min(chunkBytes, size - done), start + done);
      if (count === 0) throw new PlyfsError('truncated', `${path} is cut off after ${done} of ${size} bytes`);
      hash.update(buffer.subarray(0, count));
      for (let at = 0; at < count; ) at += writeSync(to, buffer, at, count - at);
      done += count;
      await breath();
    }
    fsyncSync(to);
  } finally {
    closeSync(from);
    closeSync(to);
  }
  return `${algorithm}:${hash.digest('hex')}` as Digest; // just computed
}
