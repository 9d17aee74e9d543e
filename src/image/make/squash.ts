/** Layers of an image become one: the same tree, without what the upper ones hid of the lower ones. */

import type { Digest } from '../../base/digest.js';
import { PlyfsError } from '../../base/errors.js';
import { applyChanges } from '../../dockerfile/instructions.js';
import type { ImageConfig } from '../../oci/config.js';
import { type StoredImage, type StoredLayer, sharedLayers } from '../../store/catalog.js';
import type { Store } from '../../store/store.js';
import { type OnBytes, TarIntake } from '../intake/tar-intake.js';
import { locateStoredImage } from '../stack/located-image.js';
import { openStackOf } from '../stack/stack.js';
import { readStoredConfig } from '../stack/stored-config.js';
import { StackedView } from '../tree/stacked-view.js';
import { TreeView } from '../tree/tree-view.js';
import { exportTree } from './export.js';
import { LayerTar } from './layer-writer.js';
import { addingTo, creationTime, formerHistory, inheritedFields, newName, objectOf, storeNewImage } from './new-image.js';

export interface SquashOptions {
  /** The name of the new image. */
  readonly reference?: string | undefined;
  /** How many of the lowest layers stay as they are. */
  readonly keep: number;
  readonly author?: string | undefined;
  /** Without it the history says how many layers were squashed. */
  readonly message?: string | undefined;
  readonly changes?: readonly string[];
  readonly onBytes?: OnBytes;
}

export interface Squashed {
  readonly id: Digest;
  /** undefined: the layers together change nothing of those below. */
  readonly layer: StoredLayer | undefined;
  /** How many layers became this one. */
  readonly count: number;
}

/** How many of the lowest layers of `image` are those of `base`: all of them. PlyfsError `no-base` where `image` does not lie on it. */
export function layersOfBase(image: StoredImage, base: StoredImage, imageName: string, baseName: string): number {
  if (sharedLayers(image, base) === base.layers.length) return base.layers.length;
  throw new PlyfsError('no-base', `${imageName} does not lie on ${baseName}: its lowest layers are others`);
}

/** Squashes the layers of `image` above the `keep` lowest; `label` names it in messages. Nothing is seen of a squash that fails. PlyfsError
 *  `reference`, `change`, `no-layer` where nothing is above, `store`. */
export async function squashImage(store: Store, image: StoredImage, label: string, options: SquashOptions): Promise<Squashed> {
  const name = newName(options.reference);
  applyChanges({}, options.changes ?? []);
  const count = image.layers.length - options.keep;
  if (count < 1) {
    throw new PlyfsError('no-such-layer', `${label} has ${image.layers.length} layers: none lies above layer ${options.keep}`);
  }
  return addingTo(store, async () => {
    const config = readStoredConfig(store, image.id);
    const layer = await flatten(store, image, config, label, options);
    const kept = image.layers.slice(0, options.keep);
    const layers = layer === undefined ? kept : [...kept, layer];
    const id = await storeNewImage(store, squashedConfig(config, layers, count, options), { layers, parent: image.id, name });
    return { id, layer, count };
  });
}

async function flatten(
  store: Store,
  image: StoredImage,
  config: ImageConfig,
  label: string,
  { keep, onBytes }: SquashOptions,
): Promise<StoredLayer | undefined> {
  const stack = (await openStackOf(store, locateStoredImage(store, image, config, label))).map(({ layer }) => layer);
  try {
    using intake = new TarIntake(store, onBytes);
    if (keep === 0) {
      await intake.pushAll(exportTree(new TreeView(label, stack), { nanoseconds: true }));
      return intake.finish();
    }
    const above = stack.length - keep;
    const tar = new LayerTar(new TreeView(label, stack.slice(above)), new StackedView(label, stack, above), {
      nanoseconds: true,
    });
    await intake.pushAll(tar.chunks());
    return tar.entries === 0 ? undefined : intake.finish();
  } finally {
    for (const layer of stack) layer.close();
  }
}

/** The history keeps every step; those whose layers are no longer there are empty ones, and one more tells of the squash, as docker's does. */
function squashedConfig(
  base: ImageConfig,
  layers: readonly StoredLayer[],
  count: number,
  { keep, author, message, changes }: SquashOptions,
): Record<string, unknown> {
  const created = creationTime();
  const hasLayer = layers.length > keep;
  let seen = 0;
  const former = formerHistory(base).map((entry) => {
    const step = objectOf(entry);
    const isGone = step.empty_layer !== true && ++seen > keep;
    return isGone ? { ...step, empty_layer: true } : entry;
  });
  const step = {
    created,
    ...(author === undefined ? {} : { author }),
    created_by: 'plyfs squash',
    comment: message ?? `${count} ${count === 1 ? 'layer' : 'layers'} squashed`,
    ...(hasLayer ? {} : { empty_layer: true }),
  };
  return {
    ...inheritedFields(base.document),
    created,
    ...(author === undefined ? {} : { author }),
    config: applyChanges(objectOf(base.document.config), changes ?? []),
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history: [...former, step],
  };
}
