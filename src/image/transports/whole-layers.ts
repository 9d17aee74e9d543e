/** A sink on disk gets layers that lie in files and have descriptors, whatever the source has: what comes over a wire is spooled and
 *  verified first, what no document describes is hashed. */

import { rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { algorithmOf, DigestMeter } from '../../base/digest.js';
import { PlyfsError } from '../../base/errors.js';
import { undoneAtInterruption } from '../../base/interruption.js';
import { type Descriptor, parseManifest } from '../../oci/manifest.js';
import { mediaTypes } from '../../oci/media-types.js';
import type { CopyProgress, ImageSink, LayerOutcome, SourceImage, SourceLayer } from '../../oci/source.js';
import type { Store } from '../../store/store.js';
import { compressionOfRange } from '../intake/ingest.js';

const layerTypes = { none: mediaTypes.layer, gzip: mediaTypes.layerGzip, zstd: mediaTypes.layerZstd } as const;

/** The image with a descriptor for each layer: its manifest's, or one that is made of the layer's bytes. */
export async function described(image: SourceImage): Promise<SourceImage> {
  const manifest = image.manifest === undefined ? undefined : parseManifest(image.manifest.bytes, 'the manifest');
  const listed = manifest?.kind === 'manifest' ? manifest.layers : [];
  const layers: SourceLayer[] = [];
  for (const [at, layer] of image.layers.entries()) {
    layers.push(layer.descriptor !== undefined ? layer : { ...layer, descriptor: listed[at] ?? (await descriptorOf(layer)) });
  }
  return { ...image, layers };
}

async function descriptorOf(layer: SourceLayer): Promise<Descriptor> {
  const meter = new DigestMeter();
  for await (const chunk of layer.read()) meter.update(chunk);
  const size = meter.sizeBytes;
  const mediaType = layerTypes[layer.location === undefined ? 'none' : compressionOfRange(layer.location)];
  return { mediaType, digest: meter.finish(), size };
}

/** The sink, for which layers from elsewhere are spooled into files of the store. */
export class WholeLayers implements ImageSink {
  constructor(
    private readonly sink: ImageSink,
    private readonly store: Store,
  ) {}

  get parallelLayers(): number {
    return this.sink.parallelLayers;
  }

  hasLayer(layer: SourceLayer): Promise<boolean> {
    return this.sink.hasLayer(layer);
  }

  async putLayer(layer: SourceLayer, progress: CopyProgress): Promise<LayerOutcome | undefined> {
    if (layer.location !== undefined) return this.sink.putLayer(layer, progress);
    this.store.ensure();
    using _lock = await this.store.lockForAdding();
    const path = this.store.temporary();
    const settled = undoneAtInterruption(() => rmSync(path, { force: true }));
    try {
      await spool(layer, path, progress);
      return await this.sink.putLayer({ ...layer, location: { path, start: 0, size: layer.sizeBytes } }, () => undefined);
    } finally {
      rmSync(path, { force: true });
      settled();
    }
  }

  putImage(image: SourceImage, names: readonly string[]): Promise<void> {
    return this.sink.putImage(image, names);
  }

  commit(): Promise<void> {
    return this.sink.commit();
  }

  abandon(): void {
    this.sink.abandon();
  }
}

async function spool(layer: SourceLayer, path: string, progress: CopyProgress): Promise<void> {
  const digest = layer.descriptor?.digest ?? layer.diffId;
  const meter = new DigestMeter(algorithmOf(digest));
  const file = await open(path, 'wx', 0o600);
  try {
    for await (const chunk of layer.read()) {
      meter.update(chunk);
      await file.writeFile(chunk);
      progress(layer, meter.sizeBytes);
    }
  } finally {
    await file.close();
  }
  const found = meter.finish();
  if (found !== digest)
    throw new PlyfsError(
      'digest',
      `layer ${digest} of ${layer.repository} is damaged there or on the way: its bytes hash to ${found}`,
    );
}
