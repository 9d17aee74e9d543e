/** The layers of a stored image as indexes alone: for questions about names, without the tars. */

import { closeSync, openSync } from 'node:fs';
import type { TarIndex } from '../../layers/tar/tar-index.js';
import { TarLayer } from '../../layers/tar/tar-layer.js';
import { scanTar } from '../../layers/tar/tar-scan.js';
import type { StoredLayer } from '../../store/catalog.js';
import type { Store } from '../../store/store.js';
import { findIndex } from '../intake/saved-index.js';

/** Top first, with nothing to close; `layers` are bottom first. PRE: their blobs are there. Content cannot be read. */
export function indexedLayers(store: Store, layers: readonly StoredLayer[]): TarLayer[] {
  return [...layers].reverse().map((layer) => {
    const index = findIndex(store.blobs.indexPath(layer.diffId), layer.tarBytes) ?? scanStored(store, layer);
    return new TarLayer(layer.diffId, index, { number: -1, close: () => undefined }, 0);
  });
}

function scanStored(store: Store, { diffId, tarBytes }: StoredLayer): TarIndex {
  const fd = openSync(store.blobs.path(diffId), 'r');
  try {
    return scanTar(fd, 0, tarBytes).index;
  } finally {
    closeSync(fd);
  }
}
