/** An upper becomes an image: one more layer on the image below it, or none where nothing was changed (M-1, M-2). */

import type { Digest } from '../../base/digest.js';
import { applyChanges } from '../../dockerfile/instructions.js';
import type { StoredImage, StoredLayer } from '../../store/catalog.js';
import type { Store } from '../../store/store.js';
import { openUpper } from '../find/open-tree.js';
import { TarIntake } from '../intake/tar-intake.js';
import { type LocatedImage, locateStoredImage } from '../stack/located-image.js';
import { readStoredConfig } from '../stack/stored-config.js';
import { LayerTar, type LayerTarOptions } from './layer-writer.js';
import { addingTo, newName, putNewImage, sourceDateEpoch } from './new-image.js';
import { refuseUnstorable, type TakenLayer, takeStillLayer, type WhileStill } from './still-layer.js';

export interface CommitOptions extends Omit<LayerTarOptions, 'latestSec'> {
  /** The name of the new image. */
  readonly reference?: string | undefined;
  readonly author?: string | undefined;
  readonly message?: string | undefined;
  /** Members of the config that the container was made with. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly changes?: readonly string[];
  /** Holds still whoever writes to the upper, for a moment. Without it the upper is read as it is. */
  readonly whileStill?: WhileStill;
}

export interface Committed {
  readonly id: Digest;
  /** undefined: the upper changes nothing. */
  readonly layer: StoredLayer | undefined;
  /** What could not be taken, as sentences. */
  readonly warnings: readonly string[];
}

/** Commits the upper directory `upper`, by whomever it was written, on the image it lies on. `label` names it in messages. Nothing is seen
 *  of a commit that fails. PlyfsError `reference`, `change`, `unreadable`, `store`. */
export async function commitUpper(
  store: Store,
  upper: string,
  parent: StoredImage,
  label: string,
  options: CommitOptions = {},
): Promise<Committed> {
  const name = newName(options.reference);
  const { author, changes, config = {}, message: comment } = options;
  // What is wrong with the words is said before anything is read.
  applyChanges({}, changes ?? []);
  return addingTo(store, async () => {
    const image = locateStoredImage(store, parent, readStoredConfig(store, parent.id), label);
    const { layer, warnings } = await takeLayer(store, upper, image, label, options);
    const id = await putNewImage(store, {
      parent,
      layer,
      name,
      author,
      comment,
      config,
      ...(changes === undefined ? {} : { changes }),
    });
    return { id, layer, warnings };
  });
}

async function takeLayer(
  store: Store,
  upper: string,
  image: LocatedImage,
  label: string,
  options: CommitOptions,
): Promise<TakenLayer> {
  const tarOptions = { ...options, latestSec: sourceDateEpoch() };
  if (options.whileStill !== undefined) return takeStillLayer(store, upper, image, label, tarOptions, options.whileStill);
  const opened = await openUpper(store, upper, image, label);
  try {
    using intake = new TarIntake(store, options.onBytes);
    const tar = new LayerTar(opened.base, opened.tree, tarOptions);
    await intake.pushAll(tar.chunks());
    refuseUnstorable(opened);
    return { layer: tar.entries === 0 ? undefined : intake.finish(), warnings: tar.warnings };
  } finally {
    opened.close();
  }
}
