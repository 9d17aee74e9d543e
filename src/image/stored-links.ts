/** Hard links of stored layers, looked at before an image of them becomes visible: each must lead to something (L-8). */

import { checkLowerLinks } from '../layers/lower-links.js';
import { TarLayer } from '../layers/tar-layer.js';
import type { StoredLayer } from '../store/catalog.js';
import type { Store } from '../store/store.js';
import { findIndex } from './saved-index.js';

/** PlyfsError BAD_TAR. `layers` are an image's, bottom first. A layer whose index is missing is checked when it is opened. */
export function checkStoredLinks(store: Store, layers: readonly StoredLayer[]): void {
  const opened: TarLayer[] = [];
  for (const { diffId, tarBytes } of [...layers].reverse()) {
    const index = findIndex(store.blobs.indexPath(diffId), tarBytes);
    if (index === undefined) return;
    opened.push(new TarLayer(diffId, index, { fd: -1, start: 0, close: () => undefined }));
  }
  const titles = opened.map(({ label }) => `layer ${label}`);
  checkLowerLinks(opened, titles);
}
