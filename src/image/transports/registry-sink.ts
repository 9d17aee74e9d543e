/** A repository of a registry as a place that images go to: push. Layers go as they were received, so that the digests are the same
 *  there; one that the registry has elsewhere is taken over from there. */

import { createReadStream } from 'node:fs';
import type { Digest } from '../../base/digest.js';
import { sha256Of } from '../../base/digest.js';
import { PlyfsError } from '../../base/errors.js';
import { type Descriptor, encodeManifest } from '../../oci/manifest.js';
import { mediaTypes } from '../../oci/media-types.js';
import { parseReference } from '../../oci/reference.js';
import type { CopyProgress, FileRange, ImageSink, LayerOutcome, SourceImage, SourceLayer } from '../../oci/source.js';
import type { RegistrySession, Repository } from '../../registry/client.js';
import { MissingBlobs } from '../../registry/manifests.js';
import type { UploadSource } from '../../registry/upload-source.js';
import { noteLayer, readLayerRecord } from '../../store/layer-records.js';
import type { Store } from '../../store/store.js';

/** A manifest as it went there. */
export interface PushedManifest {
  readonly tag: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
}

interface Pending {
  readonly image: SourceImage;
  readonly tags: readonly string[];
}

export class RegistrySink implements ImageSink {
  /** As docker. */
  readonly parallelLayers = 5;
  readonly pushed: PushedManifest[] = [];
  private readonly pending: Pending[] = [];

  /** `store` knows which repositories have which layers. */
  constructor(
    private readonly session: RegistrySession,
    private readonly repository: Repository,
    private readonly store: Store,
  ) {}

  private get name(): string {
    return `${this.repository.domain}/${this.repository.path}`;
  }

  /** Asked by putLayer, in one go with the sending. */
  async hasLayer(): Promise<boolean> {
    return false;
  }

  async putLayer(layer: SourceLayer, progress: CopyProgress): Promise<LayerOutcome> {
    const descriptor = descriptorOf(layer);
    const record = readLayerRecord(this.store, descriptor.digest);
    const mountFrom = (record?.repositories ?? [])
      .filter((name) => name !== this.name && name.startsWith(`${this.repository.domain}/`))
      .map((name) => name.slice(this.repository.domain.length + 1))
      .reverse();
    const uploaded = await this.repository.upload(this.sourceOf(layer, descriptor), {
      mountFrom,
      onProgress: (bytes) => progress(layer, bytes),
    });
    noteLayer(this.store, descriptor.digest, { diffId: layer.diffId, repository: this.name });
    return uploaded.kind === 'sent' ? { kind: 'put' } : uploaded;
  }

  /** A layer that the store has in another form is fetched from where it came. */
  private sourceOf(layer: SourceLayer, { digest, size }: Descriptor): UploadSource {
    const { location } = layer;
    if (location !== undefined) return { digest, sizeBytes: size, read: (offset) => readFrom(location, offset) };
    const origin = layer.repository === undefined ? undefined : this.session.repository(parseReference(layer.repository));
    return {
      digest,
      sizeBytes: size,
      read: (offset) => (origin === undefined ? layer.read(offset) : origin.openBlob(digest, { size, offset })),
    };
  }

  /** `names` are tags of the repository. */
  async putImage(image: SourceImage, names: readonly string[]): Promise<void> {
    const { id, configBytes } = image;
    await this.repository.upload(bytesSource(id, configBytes));
    this.pending.push({ image, tags: names });
  }

  /** Manifests go last: what they name is there. What the registry lost meanwhile is sent again, once. */
  async commit(): Promise<void> {
    for (const { image, tags } of this.pending) {
      const manifest = manifestOf(image);
      for (const tag of tags) {
        const digest = await this.put(tag, manifest, image);
        this.pushed.push({ tag, digest, sizeBytes: manifest.bytes.length });
      }
    }
    this.pending.length = 0;
  }

  private async put(tag: string, manifest: { bytes: Uint8Array; mediaType: string }, image: SourceImage): Promise<Digest> {
    try {
      return await this.repository.putManifest(tag, manifest);
    } catch (error) {
      if (!(error instanceof MissingBlobs)) throw error;
      for (const layer of image.layers) await this.putLayer(layer, () => undefined);
      await this.repository.upload(bytesSource(image.id, image.configBytes));
      return this.repository.putManifest(tag, manifest);
    }
  }

  /** Layers that are there are nobody's until a manifest names them: the registry's garbage collection takes them. */
  abandon(): void {
    this.pending.length = 0;
  }
}

function descriptorOf(layer: SourceLayer): Descriptor {
  if (layer.descriptor === undefined) throw new Error(`layer ${layer.diffId} has no descriptor`);
  return layer.descriptor;
}

function readFrom({ path, start, size }: FileRange, offset: number): AsyncIterable<Uint8Array> | Uint8Array[] {
  if (offset >= size) return [];
  return createReadStream(path, { start: start + offset, end: start + size - 1, highWaterMark: 1024 * 1024 });
}

function bytesSource(digest: Digest, bytes: Uint8Array): UploadSource {
  return { digest, sizeBytes: bytes.length, read: (offset) => [bytes.subarray(offset)] };
}

/** As received, or made of what the layers are. PlyfsError `damaged` where it does not hash to what it is known by. */
function manifestOf(image: SourceImage): { bytes: Uint8Array; mediaType: string } {
  if (image.manifest !== undefined) return image.manifest;
  const config = { mediaType: mediaTypes.config, digest: image.id, size: image.configBytes.length };
  if (sha256Of(image.configBytes) !== image.id)
    throw new PlyfsError('damaged', `the config ${image.id} is damaged: run plyfs check`);
  return { bytes: encodeManifest(config, image.layers.map(descriptorOf)), mediaType: mediaTypes.manifest };
}
