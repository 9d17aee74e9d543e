/** Hard links of stored layers, looked at before an image of them becomes visible: each must lead to something (L-8). */

import type { Digest } from '../../base/digest.js';
import { checkLowerLinks } from '../../layers/union/lower-links.js';
import { chainIds } from '../../oci/config.js';
import type { StoredLayer } from '../../store/catalog.js';
import type { Store } from '../../store/store.js';
import { indexedLayers } from './stored-layers.js';

export class StoredLinks {
  /** Layers without links, and stacks that were looked at: images of one archive share them. */
  private readonly plain = new Set<Digest>();
  private readonly checked = new Set<Digest>();

  constructor(private readonly store: Store) {}

  /** PlyfsError BAD_TAR. `layers` are an image's, bottom first. PRE: their blobs are there. */
  check(layers: readonly StoredLayer[]): void {
    const top = chainIds(layers.map(({ diffId }) => diffId)).at(-1);
    if (top === undefined || this.checked.has(top) || layers.every((layer) => this.isPlain(layer))) return;
    const opened = indexedLayers(this.store, layers);
    checkLowerLinks(
      opened,
      opened.map(({ label }) => `layer ${label}`),
    );
    this.checked.add(top);
  }

  private isPlain(layer: StoredLayer): boolean {
    if (this.plain.has(layer.diffId)) return true;
    const [opened] = indexedLayers(this.store, [layer]);
    if (opened!.lowerLinks().length > 0) return false; // one for the one given
    this.plain.add(layer.diffId);
    return true;
  }
}
