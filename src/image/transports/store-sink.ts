/** The store as a place that images go to: load and pull. */

import { existsSync, rmSync } from 'node:fs';
import type { Digest } from '../../base/digest.js';
import { algorithmOf, hexOf, parseDigest, shortId } from '../../base/digest.js';
import { PlyfsError } from '../../base/errors.js';
import { log } from '../../observe/log.js';
import { encodeManifest } from '../../oci/manifest.js';
import { mediaTypes } from '../../oci/media-types.js';
import { platformText } from '../../oci/platform.js';
import type { CopyProgress, FileRange, ImageSink, SourceImage, SourceLayer } from '../../oci/source.js';
import type { StoredImage, StoredLayer } from '../../store/catalog.js';
import { ensureDirectory } from '../../store/durable.js';
import { noteLayer, readLayerRecord } from '../../store/layer-records.js';
import { FileLock } from '../../store/lock.js';
import type { Store } from '../../store/store.js';
import { writingAsync } from '../../store/writing.js';
import { adoptTar } from '../intake/adopt.js';
import { Arrival } from '../intake/arrival.js';
import type { Ingested, IngestJob } from '../intake/ingest.js';
import { IngestPool } from '../intake/ingest-pool.js';
import { StoredLinks } from '../stack/stored-links.js';

/** Of a layer that is still arriving: `whole` resolves when all of it is on disk. */
interface Coming {
  readonly partial: string;
  readonly arrival: Arrival;
  readonly whole: Promise<void>;
}

interface Pending {
  readonly image: StoredImage;
  readonly names: readonly string[];
  /** What its names led to. */
  readonly digest: Digest;
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
    // A layer that comes over a wire mostly waits: docker fetches three at a time.
    this.parallelLayers = Math.max(3, this.pool.size);
    this.links = new StoredLinks(store);
    for (const image of store.catalog().images.values()) for (const layer of image.layers) this.layers.set(layer.diffId, layer);
  }

  /** Keeps removals away until `commit` or `abandon`. */
  static async open(store: Store): Promise<StoreSink> {
    return new StoreSink(store, await store.lockForAdding());
  }

  /** Layers that another pull has brought and not published count too. */
  async hasLayer(layer: SourceLayer): Promise<boolean> {
    const known = this.layers.get(layer.diffId) ?? this.recorded(layer);
    if (known === undefined || !this.store.blobs.has(known.diffId) || !this.store.blobs.has(known.blob)) return false;
    this.layers.set(layer.diffId, known);
    if (layer.repository !== undefined) this.note(layer);
    return true;
  }

  private recorded({ descriptor, diffId }: SourceLayer): StoredLayer | undefined {
    const record = descriptor === undefined ? undefined : readLayerRecord(this.store, descriptor.digest);
    return record?.diffId === diffId ? record.layer : undefined;
  }

  async putLayer(layer: SourceLayer, progress: CopyProgress): Promise<undefined> {
    if (layer.location === undefined) {
      await this.receive(layer, progress);
      return;
    }
    const stored = await this.ingest(layer, layer.location, progress);
    this.layers.set(layer.diffId, stored);
    this.note(layer, stored);
  }

  /** What comes over a wire is taken in while it arrives, and goes on where an earlier attempt broke off. Who brings the same layer at the
   *  same time, in whatever process, waits and finds it. PlyfsError also of who sends it. */
  private async receive(layer: SourceLayer, progress: CopyProgress): Promise<void> {
    const { descriptor } = layer;
    if (descriptor === undefined) throw new Error(`layer ${layer.diffId} comes over a wire without a descriptor`);
    const partial = this.store.path('partial', `${algorithmOf(descriptor.digest)}-${hexOf(descriptor.digest)}`);
    ensureDirectory(this.store.path('partial'));
    const tell = () => log('info', `waiting for another plyfs that fetches ${shortId(descriptor.digest)}`);
    using _lock = await FileLock.take(`${partial}.lock`, 'exclusive', tell);
    if (await this.hasLayer(layer)) return;
    const begun = existsSync(partial);
    let stored: StoredLayer;
    try {
      stored = await this.receiveInto(partial, layer, progress);
    } catch (error) {
      if (!begun || !isWrong(error)) throw error;
      log('warn', `what was there of layer ${shortId(descriptor.digest)} was damaged: it is fetched again`);
      stored = await this.receiveInto(partial, layer, progress);
    }
    this.layers.set(layer.diffId, stored);
    this.note(layer, stored);
  }

  private note({ descriptor, diffId, repository }: SourceLayer, layer?: StoredLayer): void {
    if (descriptor !== undefined) noteLayer(this.store, descriptor.digest, { diffId, layer, repository });
  }

  /** Goes on with the file `partial`, which is gone afterwards unless more may come. */
  private async receiveInto(partial: string, layer: SourceLayer, progress: CopyProgress): Promise<StoredLayer> {
    const arrival = await Arrival.at(partial, layer.sizeBytes);
    const stop = new AbortController();
    const taking = () => arrival.take(layer.read(arrival.bytes, stop.signal), (bytes) => progress(layer, bytes));
    const whole = writingAsync(this.store.root, taking);
    // Heard of below.
    whole.catch(() => undefined);
    try {
      return await this.ingest(layer, { path: partial, start: 0, size: layer.sizeBytes }, () => undefined, {
        partial,
        arrival,
        whole,
      });
    } catch (error) {
      stop.abort(error);
      // Where the bytes did not come, that is why.
      const failure = await whole.then(
        () => error,
        (reason: unknown) => reason,
      );
      if (!isWrong(failure)) throw failure;
      rmSync(partial, { force: true });
      throw damaged(failure, layer);
    } finally {
      await arrival.close();
    }
  }

  private async ingest(layer: SourceLayer, location: FileRange, progress: CopyProgress, coming?: Coming): Promise<StoredLayer> {
    const job: IngestJob = {
      label: `layer ${layer.descriptor?.digest ?? layer.diffId}`,
      location,
      blobDigest: layer.descriptor?.digest,
      diffId: requireSha256(layer.diffId),
      tarPath: this.store.temporary(),
      indexPath: this.store.temporary(),
      blobPath: coming === undefined ? this.store.temporary() : undefined,
      ...(coming !== undefined && { arriving: coming.arrival.memory }),
    };
    const result = await this.pool.run(job, (bytes) => progress(layer, bytes));
    await coming?.whole;
    for (const warning of result.warnings) log('warn', `${job.label}: ${warning}`);
    this.adopt(job, result, job.blobPath ?? coming?.partial);
    return {
      diffId: result.diffId,
      blob: result.blob,
      mediaType: layer.descriptor?.mediaType ?? mediaTypeOf(result),
      blobBytes: result.blobBytes,
      tarBytes: result.tarBytes,
      contentBytes: result.contentBytes,
    };
  }

  /** `blobPath`: where the bytes as received are, finished; of a plain layer they are those of its tar. */
  private adopt(job: IngestJob, result: Ingested, blobPath: string | undefined): void {
    adoptTar(this.store, job, result);
    if (blobPath === undefined) return;
    if (result.compression === 'none') rmSync(blobPath, { force: true });
    else this.store.blobs.adopt(blobPath, result.blob);
  }

  /** An archive may list one image several times: the first manifest is kept. */
  async putImage(image: SourceImage, names: readonly string[]): Promise<void> {
    const stored = this.putImages.get(image.id) ?? this.putDocuments(image);
    this.putImages.set(image.id, stored);
    this.pending.push({ names, image: stored, digest: image.index?.digest ?? stored.manifest });
  }

  private putDocuments(image: SourceImage): StoredImage {
    const layers = image.config.diffIds.map((diffId) => {
      const layer = this.layers.get(diffId);
      if (layer === undefined) throw new Error(`layer ${diffId} was not put`);
      return layer;
    });
    this.links.check(layers);
    if (image.index !== undefined) this.put(image.index.bytes, image.index.digest);
    const config = this.put(image.configBytes, image.id);
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

  private put(bytes: Uint8Array, like?: Digest): Digest {
    return this.store.blobs.putDocument(bytes, this.store.temporary(), like);
  }

  async commit(): Promise<void> {
    try {
      await this.store.change((catalog) => {
        for (const { image, names, digest } of this.pending) {
          const known = catalog.images.get(image.id) ?? image;
          catalog.images.set(image.id, known);
          for (const name of names) catalog.name(name, known, { manifest: image.manifest, digest });
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

/** Whether it is the bytes that are at fault, so that more of them make nothing better. */
function isWrong(error: unknown): error is PlyfsError {
  return error instanceof PlyfsError && ['digest', 'BAD_TAR', 'BAD_COMPRESSION', 'OVER_LIMIT', 'truncated'].includes(error.code);
}

/** With the place that sent it. */
function damaged(error: PlyfsError, { repository, descriptor, diffId }: SourceLayer): PlyfsError {
  if (repository === undefined) return error;
  const digest = descriptor?.digest ?? diffId;
  const why = error.message.replace(`layer ${digest}`, '').replace(/^[: ]+|is damaged: /g, '');
  return new PlyfsError(
    error.code,
    `${repository}: layer ${digest} is damaged there or on the way (${why}): pull again, or have it pushed there anew`,
    { cause: error },
  );
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
