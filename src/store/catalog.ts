/** What the store holds, in one file (catalog.json): images and the names that point to them. Replaced as a whole, so that loading
 *  several images, tagging and removing are each one step for every reader. */

import { readFileSync } from 'node:fs';
import { type Digest, hexOf } from '../base/digest.js';
import { PlyfsError } from '../base/errors.js';
import { isMissing } from '../base/node-error.js';
import { systemWords } from '../base/system-words.js';
import { JsonObject, parseJson } from '../oci/json.js';

/** The most a catalog may weigh: about 100,000 images. */
const catalogLimitBytes = 256 * 1024 * 1024;

export interface StoredLayer {
  /** The uncompressed tar, always there as the blob of this name. */
  readonly diffId: Digest;
  /** As received: the diffID itself, or a compressed blob kept beside it. */
  readonly blob: Digest;
  readonly mediaType: string;
  /** Bytes of the blob as received. */
  readonly blobBytes: number;
  /** Bytes of the uncompressed tar. */
  readonly tarBytes: number;
  /** Sum of the regular files' sizes, which is what docker calls the layer's size. */
  readonly contentBytes: number;
}

export interface StoredImage {
  /** Digest of the config. */
  readonly id: Digest;
  /** Of the manifest as received, or as made here for archives without one. */
  readonly manifest: Digest;
  readonly platform: string;
  /** RFC 3339 as in the config. */
  readonly created: string | undefined;
  /** RFC 3339: when it came into the store. */
  readonly added: string;
  /** Bottom first. */
  readonly layers: readonly StoredLayer[];
  /** The image it was committed from, where plyfs made it. */
  readonly parent: Digest | undefined;
}

/** What an image cannot do without. */
export function neededBy(image: StoredImage): Digest[] {
  return [...new Set([image.id, image.manifest, ...image.layers.flatMap((layer) => [layer.diffId, layer.blob])])];
}

/** How many of the lowest layers of two images are the same. */
export function sharedLayers(a: StoredImage, b: StoredImage): number {
  const at = a.layers.findIndex(({ diffId }, i) => diffId !== b.layers[i]?.diffId);
  return at < 0 ? a.layers.length : at;
}

/** What a registry, archive or layout knows a name by. One image can come under several manifests: its layers plain, gzip, zstd. */
export interface NameOrigin {
  /** Of the image's own manifest. */
  readonly manifest: Digest;
  /** What the name led to: the same, or an index that lists it. */
  readonly digest: Digest;
}

export class Catalog {
  private constructor(
    readonly images: Map<Digest, StoredImage>,
    /** Canonical references (with tag, or `repository@digest` for what was pulled) to image IDs. Changed by `name` and `unname` alone. */
    readonly names: ReadonlyMap<string, Digest>,
    /** Of names that did not come with the image's first manifest. */
    private readonly origins: Map<string, NameOrigin>,
  ) {}

  /** Gives an image a name, taking it from whatever had it. */
  name(name: string, image: StoredImage, origin: NameOrigin | undefined): void {
    this.#names.set(name, image.id);
    const isFirst = origin === undefined || (origin.manifest === image.manifest && origin.digest === image.manifest);
    if (isFirst) this.origins.delete(name);
    else this.origins.set(name, origin);
  }

  unname(name: string): void {
    this.#names.delete(name);
    this.origins.delete(name);
  }

  get #names(): Map<string, Digest> {
    return this.names as Map<string, Digest>; // read-only for others
  }

  /** What `name` came with; by default the image's first manifest. */
  originOf(name: string | undefined, image: StoredImage): NameOrigin {
    const found = name === undefined ? undefined : this.origins.get(name);
    return found ?? { manifest: image.manifest, digest: image.manifest };
  }

  /** Every manifest and index that names came with. */
  originDigests(): Digest[] {
    return [...this.origins.values()].flatMap(({ manifest, digest }) => [manifest, digest]);
  }

  /** An absent file is an empty catalog. PlyfsError `document` for a damaged one. */
  static read(path: string): Catalog {
    let bytes: Buffer;
    try {
      bytes = readFileSync(path);
    } catch (error) {
      if (isMissing(error)) return new Catalog(new Map(), new Map(), new Map());
      throw new PlyfsError('store', `the store cannot be read: ${systemWords(error)}`, { cause: error });
    }
    const object = new JsonObject(parseJson(bytes, 'catalog.json', catalogLimitBytes), 'catalog.json');
    const images = object.list('images', storedImageFrom);
    const names = object.object('names');
    // Not in the stores of 0.1.0.
    const origins = object.optionalObject('origins');
    return new Catalog(
      new Map(images.map((image) => [image.id, image])),
      new Map(Object.keys(names.raw()).map((name) => [name, names.digest(name)])),
      new Map(Object.keys(origins?.raw() ?? {}).map((name) => [name, originFrom(origins!.object(name))])), // its own keys
    );
  }

  encode(): string {
    const names = Object.fromEntries([...this.names].sort(([a], [b]) => (a < b ? -1 : 1)));
    const origins =
      this.origins.size === 0 ? {} : { origins: Object.fromEntries([...this.origins].sort(([a], [b]) => (a < b ? -1 : 1))) };
    return `${JSON.stringify({ images: [...this.images.values()], names, ...origins }, undefined, 1)}\n`;
  }

  /** Names of an image, tags and digests, sorted. */
  namesOf(id: Digest): string[] {
    return [...this.names.keys()].filter((name) => this.names.get(name) === id).sort();
  }

  /** The image whose ID is, or begins with, `text` (hex, with or without `sha256:`). PlyfsError `ambiguous` where several do. */
  findById(text: string): StoredImage | undefined {
    return this.#begun(text, ({ id }) => id);
  }

  /** By the digest of its manifest, or the beginning of it after `sha256:`. PlyfsError `ambiguous`. */
  findByManifest(text: string): StoredImage | undefined {
    if (!text.startsWith('sha256:')) return undefined;
    for (const [name, origin] of this.origins) {
      if (origin.manifest === text || origin.digest === text) return this.images.get(this.names.get(name)!); // they have the same keys
    }
    return this.#begun(text, ({ manifest }) => manifest);
  }

  #begun(text: string, digestOf: (image: StoredImage) => Digest): StoredImage | undefined {
    const hex = text.startsWith('sha256:') ? text.slice('sha256:'.length) : text;
    if (!/^[0-9a-f]{1,64}$/.test(hex)) return undefined;
    const found = [...this.images.values()].filter((image) => hexOf(digestOf(image)).startsWith(hex));
    if (found.length > 1) {
      throw new PlyfsError('ambiguous', `${found.length} images have an ID that begins with ${text}: give more characters`);
    }
    return found[0];
  }
}

function originFrom(object: JsonObject): NameOrigin {
  return { manifest: object.digest('manifest'), digest: object.digest('digest') };
}

export function storedImageFrom(value: unknown, path: string): StoredImage {
  const object = new JsonObject(value, path);
  return {
    id: object.digest('id'),
    manifest: object.digest('manifest'),
    platform: object.text('platform'),
    created: object.optionalText('created'),
    added: object.text('added'),
    layers: object.list('layers', layerFrom),
    parent: object.has('parent') ? object.digest('parent') : undefined,
  };
}

/** PlyfsError `document`. */
export function layerFrom(value: unknown, path: string): StoredLayer {
  const object = new JsonObject(value, path);
  return {
    diffId: object.digest('diffId'),
    blob: object.digest('blob'),
    mediaType: object.text('mediaType'),
    blobBytes: object.size('blobBytes'),
    tarBytes: object.size('tarBytes'),
    contentBytes: object.size('contentBytes'),
  };
}
