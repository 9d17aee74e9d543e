/** An image with its layers compressed, for save --compress and push: the same input and level give the same bytes. */

import { createReadStream, createWriteStream, rmSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { type Digest, DigestMeter } from '../../base/digest.js';
import { mediaTypes } from '../../oci/media-types.js';
import type { SourceImage, SourceLayer } from '../../oci/source.js';
import type { Store } from '../../store/store.js';
import { writingAsync } from '../../store/writing.js';
import { compressed } from '../../tar/compress.js';
import { fileLayer } from './file-layer.js';

export type LayerCompression = 'gzip' | 'zstd';

const layerTypes = { gzip: mediaTypes.layerGzip, zstd: mediaTypes.layerZstd } as const;

/** Compressed layers in temporary files of the store, each layer once however many images have it. `close` removes them. */
export class LayerCompressor implements Disposable {
  private readonly made = new Map<Digest, SourceLayer>();
  private readonly paths: string[] = [];

  /** PRE: the caller holds the store's lock for adding, so that no prune takes the files away. */
  constructor(
    private readonly store: Store,
    private readonly compression: LayerCompression,
  ) {}

  /** PRE: the layers lie plain on disk (StoreSource `plain`). */
  async compress(image: SourceImage): Promise<SourceImage> {
    const layers: SourceLayer[] = [];
    for (const layer of image.layers) layers.push(this.made.get(layer.diffId) ?? (await this.compressLayer(layer)));
    return { ...image, layers, manifest: undefined };
  }

  private async compressLayer(layer: SourceLayer): Promise<SourceLayer> {
    const path = this.store.temporary();
    this.paths.push(path);
    const meter = new DigestMeter();
    const measured = async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
      for await (const chunk of chunks) {
        meter.update(chunk);
        yield chunk;
      }
    };
    const plain = createReadStream(this.store.blobs.path(layer.diffId), { highWaterMark: 1024 * 1024 }) as AsyncIterable<Buffer>; // no encoding
    await writingAsync(this.store.root, () =>
      pipeline(measured(compressed(plain, this.compression)), createWriteStream(path, { flags: 'wx', mode: 0o600 })),
    );
    const size = meter.sizeBytes;
    const descriptor = { mediaType: layerTypes[this.compression], digest: meter.finish(), size };
    const made = fileLayer(layer.diffId, descriptor, { path, start: 0, size });
    this.made.set(layer.diffId, made);
    return made;
  }

  [Symbol.dispose](): void {
    for (const path of this.paths) rmSync(path, { force: true });
  }
}
