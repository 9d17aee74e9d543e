/** An image with its layers found on disk but not yet opened: what mount, ls, layers, blame and the library start from. */

import type { Digest } from '../../base/digest.js';
import { type HistoryEntry, historyOfLayers, type ImageConfig } from '../../oci/config.js';
import type { FileRange, SourceImage } from '../../oci/source.js';
import type { StoredImage } from '../../store/catalog.js';
import type { Store } from '../../store/store.js';

export interface LocatedLayer {
  /** What it is known by: its diffID; for a lone tar its path. */
  readonly label: string;
  /** As the config claims; undefined for a lone tar. */
  readonly diffId: Digest | undefined;
  /** Of the bytes as kept, where the source names it. */
  readonly blobDigest: Digest | undefined;
  /** The bytes as kept, plain or compressed. */
  readonly location: FileRange;
  /** The step that made it; undefined where the config tells no history. */
  readonly history: HistoryEntry | undefined;
}

export interface LocatedImage {
  /** As people named it: `app.tar`, `busybox:latest`. */
  readonly label: string;
  readonly kind: 'store' | 'docker-archive' | 'oci-layout' | 'rootfs';
  /** undefined for a lone tar, as is `config`. */
  readonly id: Digest | undefined;
  readonly config: ImageConfig | undefined;
  /** Canonical references. */
  readonly names: readonly string[];
  /** Bottom first. */
  readonly layers: readonly LocatedLayer[];
}

export function locateSourceImage(image: SourceImage, label: string, kind: LocatedImage['kind']): LocatedImage {
  const history = historyOfLayers(image.config);
  return {
    label,
    kind,
    id: image.id,
    config: image.config,
    names: image.names,
    layers: image.layers.map((layer, at) => {
      if (layer.location === undefined) throw new Error(`layer ${layer.diffId} of ${label} lies nowhere on disk`);
      return {
        label: layer.diffId,
        diffId: layer.diffId,
        blobDigest: layer.descriptor?.digest,
        location: layer.location,
        history: history[at],
      };
    }),
  };
}

/** The image of the store, its layers as the uncompressed tars that are kept. */
export function locateStoredImage(store: Store, image: StoredImage, config: ImageConfig, label: string): LocatedImage {
  const history = historyOfLayers(config);
  return {
    label,
    kind: 'store',
    id: image.id,
    config,
    names: store.catalog().namesOf(image.id),
    layers: image.layers.map((layer, at) => ({
      label: layer.diffId,
      diffId: layer.diffId,
      blobDigest: layer.blob,
      location: { path: store.blobs.path(layer.diffId), start: 0, size: layer.tarBytes },
      history: history[at],
    })),
  };
}

/** One tar of a root file system, without config and history; `diffId` where it was decompressed into the store. */
export function locateRootfs(label: string, location: FileRange, diffId: Digest | undefined): LocatedImage {
  const layer: LocatedLayer = { label: diffId ?? label, diffId, blobDigest: undefined, location, history: undefined };
  return { label, kind: 'rootfs', id: undefined, config: undefined, names: [], layers: [layer] };
}
