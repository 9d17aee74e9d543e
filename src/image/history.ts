/** The history of an image with the size of each step (M-6). */

import type { Digest } from '../base/digest.js';
import type { Store } from '../store/store.js';
import type { LocatedImage } from './stack/located-image.js';
import { openStackOf } from './stack/stack.js';

export interface HistoryRow {
  /** The image's own for the newest step; steps before have none. */
  readonly id: Digest | undefined;
  readonly created: string | undefined;
  readonly createdBy: string;
  readonly author: string;
  readonly comment: string;
  readonly sizeBytes: number;
  /** The layer it made; undefined for a step that changed no file. */
  readonly layer: Digest | undefined;
}

/** Newest first. An image without history has a row for each layer. */
export async function historyRows(store: Store, image: LocatedImage): Promise<HistoryRow[]> {
  const sizes = await layerSizes(store, image);
  const steps = image.config?.history ?? [];
  const unknown = { created: undefined, createdBy: '', author: '', comment: '', isEmptyLayer: false };
  const all = steps.length > 0 ? steps : image.layers.map(() => unknown);
  let next = 0;
  const rows = all.map((step) => {
    const at = step.isEmptyLayer ? undefined : next++;
    return {
      id: undefined,
      created: step.created,
      createdBy: step.createdBy,
      author: step.author,
      comment: step.comment,
      sizeBytes: at === undefined ? 0 : (sizes[at] ?? 0),
      layer: at === undefined ? undefined : image.layers[at]?.diffId,
    };
  });
  return rows.reverse().map((row, at) => (at === 0 ? { ...row, id: image.id } : row));
}

/** Bottom first: from the catalog for a stored image, else from the layers' indexes. */
async function layerSizes(store: Store, image: LocatedImage): Promise<number[]> {
  const stored = image.id === undefined ? undefined : store.catalog().images.get(image.id);
  if (stored !== undefined) return stored.layers.map((layer) => layer.contentBytes);
  const stack = await openStackOf(store, image);
  try {
    return stack.map(({ layer }) => layer.index.contentBytes()).reverse();
  } finally {
    for (const { layer } of stack) layer.close();
  }
}
