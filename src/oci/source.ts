/** Where images come from and go to. Implementers: the store, OCI layout directories, archive tars, registries. load, save, pull and
 *  push are one loop over these: copy.ts. */

import type { Digest } from '../base/digest.js';
import type { ImageConfig } from './config.js';
import type { Descriptor } from './manifest.js';

/** Bytes [start, start + size) of the file at `path`. */
export interface FileRange {
  readonly path: string;
  readonly start: number;
  readonly size: number;
}

/** A layer as its source keeps it: plain or compressed, which its first bytes tell (L-1). */
export interface SourceLayer {
  /** Digest of the uncompressed tar, as the config claims: whoever takes the layer verifies it. */
  readonly diffId: Digest;
  /** Of the bytes as kept; undefined where the source names no digest (layers of a docker-archive). */
  readonly descriptor: Descriptor | undefined;
  /** Bytes as kept. */
  readonly sizeBytes: number;
  /** Where the bytes can be read in place; undefined where they arrive over a wire. */
  readonly location: FileRange | undefined;
  /** The repository of a registry that it comes from, `localhost:5000/team/app`; undefined elsewhere. */
  readonly repository?: string;
  /** The bytes as kept, from `offset` on. Not verified. */
  read(offset?: number, signal?: AbortSignal): AsyncIterable<Uint8Array>;
}

/** One image of one platform, documents read and checked, layers not yet touched. */
export interface SourceImage {
  /** Digest of the config's bytes (I-4). */
  readonly id: Digest;
  readonly configBytes: Uint8Array;
  readonly config: ImageConfig;
  /** As received; undefined where the source has none (docker-archives before engine 25). */
  readonly manifest: { readonly bytes: Uint8Array; readonly mediaType: string } | undefined;
  /** The index that it was chosen from, as received, where the name led to one. */
  readonly index?: { readonly bytes: Uint8Array; readonly mediaType: string; readonly digest: Digest };
  /** Canonical references under which the source lists it. */
  readonly names: readonly string[];
  /** Bottom first, one for each diffID. */
  readonly layers: readonly SourceLayer[];
}

export interface ImageSource {
  /** For messages: `archive app.tar`, `registry ghcr.io`. */
  readonly label: string;
  /** The image that `wanted` names; undefined: the only one. PlyfsError `no-image` lists what there is. */
  find(wanted: ImageChoice): Promise<SourceImage>;
  /** Gives back descriptors and connections. */
  close(): void;
}

/** What picks one image of a source: a reference, ID, ID prefix or digest as people write it, and a platform (`linux/arm64`). */
export interface ImageChoice {
  readonly name: string | undefined;
  readonly platform: string | undefined;
}

/** How a layer came to be at the sink: it was there, was taken over from another repository, or its bytes passed. */
export type LayerOutcome =
  | { readonly kind: 'exists' }
  | { readonly kind: 'mounted'; readonly from: string }
  | { readonly kind: 'put' };

/** Told as bytes pass; `sizeBytes` is of the layer as kept by the source. */
export type CopyProgress = (layer: SourceLayer, doneBytes: number) => void;

export interface ImageSink {
  /** How many layers it takes at a time: 1 for what is written as one stream. */
  readonly parallelLayers: number;
  /** It has the layer and does not want it again. */
  hasLayer(layer: SourceLayer): Promise<boolean>;
  /** Takes a layer. PlyfsError `digest` where bytes and claims differ; then nothing of the layer stays. */
  putLayer(layer: SourceLayer, progress: CopyProgress): Promise<LayerOutcome | undefined>;
  /** PRE: its layers were put or are there. `names` are canonical references that shall name it from now on. */
  putImage(image: SourceImage, names: readonly string[]): Promise<void>;
  /** Publishes all images put so far, in one step where the sink can; without it nothing is visible. */
  commit(): Promise<void>;
  /** Forgets what was put and not committed. */
  abandon(): void;
}
