/** The store as an image source: save and push. */

import type { Digest } from '../../base/digest.js';
import { PlyfsError } from '../../base/errors.js';
import { readLimits } from '../../base/limits.js';
import { parseImageConfig } from '../../oci/config.js';
import { type Descriptor, parseManifest } from '../../oci/manifest.js';
import { mediaTypes } from '../../oci/media-types.js';
import type { ImageChoice, ImageSource, SourceImage, SourceLayer } from '../../oci/source.js';
import type { Catalog, StoredImage, StoredLayer } from '../../store/catalog.js';
import { readLayerRecord } from '../../store/layer-records.js';
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
    const names = name === undefined ? this.catalog.namesOf(image.id).filter((other) => !other.includes('@')) : [name];
    return this.read(image, names, this.catalog.originOf(name, image));
  }

  close(): void {}

  /** The image with these names; as received it is what `origin` says, by default what came first. */
  read(image: StoredImage, names: readonly string[], origin = this.catalog.originOf(undefined, image)): SourceImage {
    const configBytes = this.store.blobs.readDocument(image.id, readLimits().configBytes);
    const manifestBytes = this.store.blobs.readDocument(origin.manifest, readLimits().manifestBytes);
    const manifest = parseManifest(manifestBytes, `manifest ${origin.manifest}`);
    if (manifest.kind !== 'manifest') throw new PlyfsError('damaged', `${origin.manifest} is no manifest: run plyfs check`);
    const layers = image.layers.map((layer, at) =>
      this.form === 'plain' ? this.layer(layer) : this.received(layer, manifest.layers[at] ?? descriptorOf(layer)),
    );
    const offered = layers.map((layer) => layer.descriptor?.digest);
    // The manifest is given on where it speaks of the same blobs.
    const isSame = sameDigests(
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

  /** A layer as its manifest describes it. Where the store has its tar alone, received in another form, it lies where it came from. */
  private received(layer: StoredLayer, descriptor: Descriptor): SourceLayer {
    const path = this.store.blobs.path(descriptor.digest);
    if (this.store.blobs.has(descriptor.digest)) {
      return fileLayer(layer.diffId, descriptor, { path, start: 0, size: descriptor.size });
    }
    const repository = readLayerRecord(this.store, descriptor.digest)?.repositories.at(-1);
    return {
      diffId: layer.diffId,
      descriptor,
      sizeBytes: descriptor.size,
      location: undefined,
      ...(repository !== undefined && { repository }),
      read: () => {
        throw new PlyfsError('no-blob', `the store has layer ${descriptor.digest} in another form only: pull the image again`);
      },
    };
  }

  /** Its uncompressed tar. */
  private layer(layer: StoredLayer): SourceLayer {
    const { diffId, tarBytes } = layer;
    const mediaType = layer.blob === diffId ? layer.mediaType : mediaTypes.layer;
    const descriptor: Descriptor = { mediaType, digest: diffId, size: tarBytes };
    return fileLayer(diffId, descriptor, { path: this.store.blobs.path(diffId), start: 0, size: tarBytes });
  }
}

function descriptorOf({ blob, blobBytes, mediaType }: StoredLayer): Descriptor {
  return { mediaType, digest: blob, size: blobBytes };
}

function sameDigests(one: readonly Digest[], other: readonly (Digest | undefined)[]): boolean {
  return one.length === other.length && one.every((digest, index) => digest === other[index]);
}
