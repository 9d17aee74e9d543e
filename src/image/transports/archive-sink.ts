/** An archive as a place that images go to: docker's format since engine 25, which is an OCI layout too (S-1, S-5, O-1). */

import { algorithmOf, type Digest, DigestMeter, hexOf, sha256Of } from '../../base/digest.js';
import { PlyfsError } from '../../base/errors.js';
import { type ArchivedImage, encodeDockerManifest } from '../../oci/docker-archive.js';
import { type Descriptor, encodeManifest } from '../../oci/manifest.js';
import { mediaTypes } from '../../oci/media-types.js';
import { familiarRepository, parseReference } from '../../oci/reference.js';
import type { CopyProgress, ImageSink, SourceImage, SourceLayer } from '../../oci/source.js';
import type { ArchiveWriter } from './archive-writer.js';
import { listedDescriptors } from './listed-descriptors.js';

export class ArchiveSink implements ImageSink {
  readonly parallelLayers = 1;
  private readonly written = new Set<Digest>();
  private readonly images: ArchivedImage[] = [];
  private readonly listed: object[] = [];
  /** Repository to tag to the last layer's digest: docker's oldest form, which old readers look for. */
  private readonly repositories: Record<string, Record<string, string>> = {};

  private constructor(
    private readonly archive: ArchiveWriter,
    private readonly refName: string | undefined,
  ) {}

  /** `refName`: what the image is called in the layout, where that is no reference. */
  static async open(archive: ArchiveWriter, refName?: string): Promise<ArchiveSink> {
    await archive.directory('blobs');
    await archive.directory('blobs/sha256');
    return new ArchiveSink(archive, refName);
  }

  async hasLayer(layer: SourceLayer): Promise<boolean> {
    return this.written.has(blobOf(layer).digest);
  }

  async putLayer(layer: SourceLayer, progress: CopyProgress): Promise<undefined> {
    const { digest } = blobOf(layer);
    if (layer.location === undefined) throw new Error(`layer ${digest} lies nowhere on disk`);
    const meter = new DigestMeter(algorithmOf(digest));
    await this.archive.range(blobName(digest), layer.location, meter, (bytes) => progress(layer, bytes));
    if (meter.finish() !== digest) throw new PlyfsError('damaged', `layer ${digest} is damaged in the store: run plyfs check`);
    this.written.add(digest);
  }

  async putImage(image: SourceImage, names: readonly string[]): Promise<void> {
    const config: Descriptor = { mediaType: mediaTypes.config, digest: image.id, size: image.configBytes.length };
    const manifest = image.manifest?.bytes ?? encodeManifest(config, image.layers.map(blobOf));
    await this.putDocument(Buffer.from(image.configBytes));
    await this.putDocument(Buffer.from(manifest));
    const layers = image.layers.map((layer) => blobName(blobOf(layer).digest));
    this.images.push({ config: blobName(image.id), names, layers });
    const mediaType = image.manifest?.mediaType ?? mediaTypes.manifest;
    this.list(image, { mediaType, digest: sha256Of(manifest), size: manifest.length }, names);
  }

  private list(image: SourceImage, descriptor: Descriptor, names: readonly string[]): void {
    this.listed.push(...listedDescriptors(image, descriptor, names, this.refName));
    const top = image.layers.at(-1);
    if (top === undefined) return;
    for (const name of names) {
      const reference = parseReference(name);
      const repository = familiarRepository(reference);
      if (reference.tag === undefined) continue;
      this.repositories[repository] = { ...this.repositories[repository], [reference.tag]: hexOf(top.diffId) };
    }
  }

  private async putDocument(bytes: Buffer): Promise<void> {
    const digest = sha256Of(bytes);
    if (this.written.has(digest)) return;
    this.written.add(digest);
    await this.archive.file(blobName(digest), bytes);
  }

  async commit(): Promise<void> {
    const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests: this.listed };
    await this.archive.file('index.json', Buffer.from(JSON.stringify(index)));
    await this.archive.file('manifest.json', encodeDockerManifest(this.images));
    await this.archive.file('oci-layout', Buffer.from('{"imageLayoutVersion":"1.0.0"}'));
    await this.archive.file('repositories', Buffer.from(JSON.stringify(this.repositories)));
    await this.archive.end();
  }

  abandon(): void {}
}

function blobOf(layer: SourceLayer): Descriptor {
  if (layer.descriptor === undefined) throw new Error(`layer ${layer.diffId} has no descriptor`);
  return layer.descriptor;
}

function blobName(digest: Digest): string {
  return `blobs/${algorithmOf(digest)}/${hexOf(digest)}`;
}
