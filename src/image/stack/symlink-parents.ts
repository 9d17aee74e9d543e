/** What is no damage but is read in two ways: a layer with entries below a name that is a symlink in the layers under it, without an entry
 *  for the directory itself (L-7). Overlays, plyfs among them, show a directory there; tools that unpack all layers into one directory
 *  follow the symlink. */

import type { Digest } from '../../base/digest.js';
import { dirType } from '../../base/mode.js';
import { textFromName } from '../../base/name.js';
import { flag } from '../../layers/tar/tar-index-format.js';
import { Below } from '../../layers/union/below.js';
import type { StoredImage } from '../../store/catalog.js';
import type { Store } from '../../store/store.js';
import { indexedLayers } from './stored-layers.js';

export interface LayerNote {
  readonly kind: 'symlink-parent';
  readonly image: Digest;
  /** The layer's place in the image, the bottom being 1, and its diffID. */
  readonly layer: number;
  readonly diffId: Digest;
  /** What the layer uses as a directory, from the root of the image, and where the symlink points. */
  readonly path: string;
  readonly target: string;
}

/** PRE: the image's blobs are there. */
export function symlinkParentsOf(store: Store, image: StoredImage): LayerNote[] {
  const layers = indexedLayers(store, image.layers);
  const below = new Below(layers);
  const notes: LayerNote[] = [];
  for (const [position, { index, label }] of layers.entries()) {
    for (let entry = 1; entry < index.entries; entry++) {
      if (!index.has(entry, flag.implied) || index.has(entry, flag.markers)) continue;
      const path = index.path(entry);
      const object = below.walk(below.roots(position), path).object;
      if (object?.type !== dirType.lnk) continue;
      const { layer, dir, name, ref } = object.place;
      notes.push({
        kind: 'symlink-parent',
        image: image.id,
        layer: layers.length - position,
        diffId: label as Digest, // indexedLayers labels layers so
        path: `/${textFromName(path)}`,
        target: textFromName(layer.readlink(dir, name, ref)),
      });
    }
  }
  return notes;
}

export function sentenceOf(note: LayerNote): string {
  return (
    `note: layer ${note.layer} (${note.diffId}) of image ${note.image} uses ${note.path} as a directory, a symlink to ${note.target} ` +
    'in the layers below: overlays show a directory there, tools that unpack layers onto each other follow the symlink'
  );
}
