/** The merged tree of an image's layers: a tree that knows which layer of the image each thing comes from. */

import type { TarLayer } from '../../layers/tar/tar-layer.js';
import type { OpenedLayer } from '../stack/stack.js';
import { type NodeNumber, TreeView } from './tree-view.js';

export type { NodeNumber, ViewEntry } from './tree-view.js';

export class ImageView extends TreeView {
  /** `stack` is top first, as openStackOf gives it; `close` closes it. */
  constructor(
    label: string,
    readonly stack: readonly OpenedLayer[],
  ) {
    super(
      label,
      stack.map(({ layer }) => layer),
    );
  }

  /** The layer that the node's bytes, or a directory's attributes, come from. */
  layerOf(node: NodeNumber): OpenedLayer {
    const layer = this.sourceOf(node);
    // Without layers the root is nobody's.
    return this.stack.find((opened) => opened.layer === layer) ?? nobody(layer as TarLayer); // images are tars
  }
}

function nobody(layer: TarLayer): OpenedLayer {
  const location = { path: '', start: 0, size: 0 };
  return {
    label: layer.label,
    number: 0,
    diffId: undefined,
    history: undefined,
    location,
    indexPath: '',
    title: layer.label,
    layer,
  };
}
