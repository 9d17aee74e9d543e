/** Hard links of stored layers, looked at before an image of them becomes visible: each must lead to something (L-8). */

import { checkLowerLinks } from '../layers/lower-links.js';
import type { StoredLayer } from '../store/catalog.js';
import type { Store } from '../store/store.js';
import { indexedLayers } from './stored-layers.js';

/** PlyfsError BAD_TAR. `layers` are an image's, bottom first. PRE: their blobs are there. */
export function checkStoredLinks(store: Store, layers: readonly StoredLayer[]): void {
  const opened = indexedLayers(store, layers);
  const titles = opened.map(({ label }) => `layer ${label}`);
  checkLowerLinks(opened, titles);
}
