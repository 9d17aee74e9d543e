/** The store as a place that images go to: load and pull. */

import { createWriteStream, rmSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { Digest } from '../../base/digest.js';
import { algorithmOf, parseDigest } from '../../base/digest.js';
import { PlyfsError } from '../../base/errors.js';
import { log } from '../../observe/log.js';
import { encodeManifest } from '../../oci/manifest.js';
import { mediaTypes } from '../../oci/media-types.js';
import { platformText } from '../../oci/platform.js';
import type { CopyProgress, FileRange, ImageSink, SourceImage, SourceLayer } from '../../oci/source.js';
import type { StoredImage, StoredLayer } from '../../store/catalog.js';
import type { FileLock } from '../../store/lock.js';
import type { Store } from '../../store/store.js';
import { adoptTar } from '../intake/adopt.js';
import type { Ingested, IngestJob } from '../intake/ingest.js';
import { IngestPool } from '../intake/ingest-pool.js';
import { StoredLinks } from '../stack/stored-links.js';

interface Pending {
  readonly image: StoredImage;
  readonly names: readonly string[];
}

export class StoreSink implements ImageSink {
  readonly parallelLayers: number;
  private readonly pool = new IngestPool();
  private readonly layers = new Map<Digest, StoredLayer>();
  private readonly pending: Pending[] = [];
  private readonly putImages = new Map<Digest, StoredImage>();
  private readonly links: StoredLinks;

  private constructor(
    private readonly store: Store,
    private readonly lock: FileLock,
  ) {
    this.parallelLayers = this.pool.size;
    this.links = new StoredLinks(store);
    for (const image of store.catalog().images.values()) for (const layer of image.layers) this.layers.set(layer.diffId, layer);
  }

  /** Keeps removals away until `commit` or `abandon`. */
  static async open(store: Store): Promise<StoreSink> {
    return new StoreSink(store, await store.lockForAdding());
  }

  async hasLayer(layer: SourceLayer): Promise<boolean> {
    const known = this.layers.get(layer.diffId);
    return known !== undefined && this.store.blobs.has(known.diffId) && this.store.blobs.has(known.blob);
  }

  async putLayer(layer: SourceLayer, progress: CopyProgress): Promise<void> {
    const spool = layer.location === undefined ? this.store.temporary() : undefined;
    try {
      const location = layer.location ?? (await this.spool(layer, spool!, progress));
      this.layers.set(layer.diffId, await this.ingest(layer, location, progress));
    } finally {
      if (spool !== undefined) rmSync(spool, { force: true });
    }
  }

  /** What comes over a wire goes to a file first: its blob, if it is compressed, as kept. */
  private async spool(layer: SourceLayer, path: string, progress: CopyProgress): Promise<FileRange> {
    let size = 0;
    const counted = async function* (): AsyncGenerator<Uint8Array> {
      for await (const chunk of layer.read()) {
        size += chunk.length;
        progress(layer, size);
        yield chunk;
      }
    };
    await pipeline(counted, createWriteStream(path, { flags: 'wx', mode: 0o600 }));
    return { path, start: 0, size };
  }

  private async ingest(layer: SourceLayer, location: FileRange, progress: CopyProgress): Promise<StoredLayer> {
    const job: IngestJob = {
      label: `layer ${layer.descriptor?.digest ?? layer.diffId}`,
      location,
      blobDigest: layer.descriptor?.digest,
      diffId: requireSha256(layer.diffId),
      tarPath: this.store.temporary(),
      indexPath: this.store.temporary(),
      blobPath: this.store.temporary(),
    };
    const result = await this.pool.run(job, (bytes) => progress(layer, bytes));
    for (const warning of result.warnings) log('warn', `${job.label}: ${warning}`);
    this.adopt(job, result);
    return {
      diffId: result.diffId,
      blob: result.blob,
      mediaType: layer.descriptor?.mediaType ?? mediaTypeOf(result),
      blobBytes: result.blobBytes,
      tarBytes: result.tarBytes,
      contentBytes: result.contentBytes,
    };
  }

  private adopt(job: IngestJob, result: Ingested): void {
    adoptTar(this.store, job, result);
    if (result.compression !== 'none') this.store.blobs.adopt(job.blobPath!, result.blob); // set above
  }

  /** An archive may list one image several times: the first manifest is kept. */
  async putImage(image: SourceImage, names: readonly string[]): Promise<void> {
    const stored = this.putImages.get(image.id) ?? this.putDocuments(image);
    this.putImages.set(image.id, stored);
    this.pending.push({ names, image: stored });
  }

  private putDocuments(image: SourceImage): StoredImage {
    const layers = image.config.diffIds.map((diffId) => {
      const layer = this.layers.get(diffId);
      if (layer === undefined) throw new Error(`layer ${diffId} was not put`);
      return layer;
    });
    this.links.check(layers);
    const config = this.put(image.configBytes);
    if (config !== image.id) throw new PlyfsError('digest', `the config ${image.id} is damaged: its bytes hash to ${config}`);
    return {
      id: image.id,
      manifest: this.put(image.manifest?.bytes ?? manifestFor(image, layers)),
      platform: platformText(image.config.platform),
      created: image.config.created,
      added: new Date().toISOString(),
      layers,
      parent: undefined,
    };
  }

  private put(bytes: Uint8Array): Digest {
    return this.store.blobs.putDocument(bytes, this.store.temporary());
  }

  async commit(): Promise<void> {
    try {
      await this.store.change((catalog) => {
        for (const { image, names } of this.pending) {
          if (!catalog.images.has(image.id)) catalog.images.set(image.id, image);
          for (const name of names) catalog.names.set(name, image.id);
        }
      });
    } finally {
      this.abandon();
    }
  }

  abandon(): void {
    this.pending.length = 0;
    this.lock[Symbol.dispose]();
    void this.pool.close();
  }
}

function requireSha256(diffId: Digest): Digest {
  if (algorithmOf(diffId) === 'sha256' && parseDigest(diffId) !== undefined) return diffId;
  throw new PlyfsError('document', `diff_id ${diffId} is not a sha256 digest, the only kind that plyfs keeps layers by`);
}

const layerTypes = { none: mediaTypes.layer, gzip: mediaTypes.layerGzip, zstd: mediaTypes.layerZstd } as const;

function mediaTypeOf(result: Ingested): string {
  return layerTypes[result.compression];
}

/** The manifest for an image that came without one: the same bytes for the same image. */
function manifestFor(image: SourceImage, layers: readonly StoredLayer[]): Buffer {
  const config = { mediaType: mediaTypes.config, digest: image.id, size: image.configBytes.length };
  return encodeManifest(
    config,
    layers.map((layer) => ({ mediaType: layer.mediaType, digest: layer.blob, size: layer.blobBytes })),
  );
}
