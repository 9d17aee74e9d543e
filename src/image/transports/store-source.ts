/** The store as an image source: save and push. */

import type { Digest } from '../../base/digest.js';
import { PlyfsError } from '../../base/errors.js';
import { readLimits } from '../../base/limits.js';
import { parseImageConfig } from '../../oci/config.js';
import { type Descriptor, parseManifest } from '../../oci/manifest.js';
import { mediaTypes } from '../../oci/media-types.js';
import type { ImageChoice, ImageSource, SourceImage, SourceLayer } from '../../oci/source.js';
import type { Catalog, StoredImage, StoredLayer } from '../../store/catalog.js';
import { getImage } from '../../store/resolve.js';
import type { Store } from '../../store/store.js';
import { fileLayer } from './file-layer.js';

export class StoreSource implements ImageSource {
  readonly label: string;
  private readonly catalog: Catalog;

  /** `form`: layers as they were received, for push; or their uncompressed tars, for save. */
  constructor(
    private readonly store: Store,
    private readonly form: 'received' | 'plain',
  ) {
    this.label = `the store ${store.root}`;
    this.catalog = store.catalog();
  }

  async find(choice: ImageChoice): Promise<SourceImage> {
    if (choice.name === undefined) throw new PlyfsError('no-image', 'name the image');
    const { image, name } = getImage(this.catalog, choice.name);
    return this.read(image, name === undefined ? this.catalog.namesOf(image.id).filter((other) => !other.includes('@')) : [name]);
  }

  close(): void {}

  /** The image with these names. */
  read(image: StoredImage, names: readonly string[]): SourceImage {
    const configBytes = this.store.blobs.readDocument(image.id, readLimits().configBytes);
    const manifestBytes = this.store.blobs.readDocument(image.manifest, readLimits().manifestBytes);
    const manifest = parseManifest(manifestBytes, `manifest ${image.manifest}`);
    const layers = image.layers.map((layer) => this.layer(layer));
    const offered = layers.map((layer) => layer.descriptor?.digest);
    // The manifest is given on where it speaks of the same blobs.
    const isSame =
      manifest.kind === 'manifest' &&
      sameDigests(
        manifest.layers.map((layer) => layer.digest),
        offered,
      );
    return {
      id: image.id,
      configBytes,
      config: parseImageConfig(configBytes, `config ${image.id}`),
      manifest: isSame ? { bytes: manifestBytes, mediaType: manifest.mediaType } : undefined,
      names,
      layers,
    };
  }

  private layer(layer: StoredLayer): SourceLayer {
    const isPlain = this.form === 'plain' || layer.blob === layer.diffId;
    const digest = isPlain ? layer.diffId : layer.blob;
    const size = isPlain ? layer.tarBytes : layer.blobBytes;
    const mediaType = layer.blob === digest ? layer.mediaType : mediaTypes.layer;
    const descriptor: Descriptor = { mediaType, digest, size };
    return fileLayer(layer.diffId, descriptor, { path: this.store.blobs.path(digest), start: 0, size });
  }
}

function sameDigests(one: readonly Digest[], other: readonly (Digest | undefined)[]): boolean {
  return one.length === other.length && one.every((digest, index) => digest === other[index]);
}
