/** The layer of an upper that somebody writes to, as it was at one moment for which the writers were held: first all that must be taken then,
 *  and after they were let go the bytes of large files, as long as nobody has written to them since. */

import { PlyfsError } from '../../base/errors.js';
import { type Name, textFromName } from '../../base/name.js';
import type { StoredLayer } from '../../store/catalog.js';
import type { Store } from '../../store/store.js';
import { type OpenedUpper, openUpperAs } from '../find/open-tree.js';
import { type OnBytes, TarIntake } from '../intake/tar-intake.js';
import type { LocatedImage } from '../stack/located-image.js';
import type { WalkStep } from '../tree/compare.js';
import { racyMs, StillView } from '../tree/still-view.js';
import type { TreeView } from '../tree/tree-view.js';
import { LayerTar, type LayerTarOptions } from './layer-writer.js';

/** Calls `read` while nobody changes the upper. `passes`: names and attributes stay, but files may be written to past the daemon. */
export type WhileStill = <T>(read: (passes: boolean) => Promise<T>) => Promise<T>;

export interface TakenLayer {
  /** undefined: the upper changes nothing. */
  readonly layer: StoredLayer | undefined;
  readonly warnings: readonly string[];
}

/** Times that an upper is taken again because a file was written to; the last time everything is copied while it is held. */
const attempts = 4;
/** Times that files are taken again, in one hold, that somebody writes to past the daemon. */
const settlingRounds = 12;

/** PRE: the caller holds lockForAdding. PlyfsError `unsettled` where files are written to all the time past the daemon; as LayerTar. */
export async function takeStillLayer(
  store: Store,
  upper: string,
  image: LocatedImage,
  label: string,
  options: LayerTarOptions,
  whileStill: WhileStill,
): Promise<TakenLayer> {
  const copies = new Set<Name>();
  for (let attempt = 1; ; attempt++) {
    const still = { store, copies: attempt === attempts ? ('all' as const) : copies };
    const opened = await openUpperAs(store, upper, image, label, (layers) => new StillView(label, layers, still));
    try {
      const { base, tree } = opened;
      const steps = await whileStill((passes) => takeSteps(tree, base, passes));
      refuseUnstorable(opened);
      const taken = await read(store, new LayerTar(base, tree, options), steps, tree, attempt < attempts, options.onBytes);
      if (!('changed' in taken)) return taken;
      for (const path of taken.changed) copies.add(path);
    } finally {
      opened.close();
    }
  }
}

/** The layer; or what was changed before it was read, which may have made the reading fail. */
async function read(
  store: Store,
  tar: LayerTar,
  steps: readonly WalkStep[],
  tree: StillView,
  mayRepeat: boolean,
  onBytes: OnBytes,
): Promise<TakenLayer | { readonly changed: readonly Name[] }> {
  using intake = new TarIntake(store, onBytes);
  try {
    await intake.pushAll(tar.chunks(steps));
  } catch (error) {
    const changed = mayRepeat ? tree.changedSince() : [];
    if (changed.length === 0) throw error;
    return { changed };
  }
  const changed = tree.changedSince();
  if (changed.length > 0) return { changed };
  return { layer: tar.entries === 0 ? undefined : intake.finish(), warnings: tar.warnings };
}

/** PRE: the whole upper was looked at. PlyfsError `wh-names` with the list of names that would be whiteouts in a layer (W-8). */
export function refuseUnstorable({ upper, label }: OpenedUpper<TreeView>): void {
  if (upper.unstorable.length === 0) return;
  const list = upper.unstorable.map((path) => `/${textFromName(path)}`).sort();
  throw new PlyfsError(
    'wh-names',
    `${label} holds files whose names begin with .wh., which an image cannot keep: rename or remove ${list.join(', ')}`,
  );
}

async function takeSteps(tree: StillView, base: TreeView | undefined, passes: boolean): Promise<WalkStep[]> {
  const steps = tree.take(base, passes);
  if (!passes) return steps;
  let changed = tree.takeChanged();
  for (let round = 1; changed.length > 0; round++) {
    if (round > settlingRounds) throw unsettled(tree.label, changed);
    await new Promise((resolve) => setTimeout(resolve, 2 * racyMs));
    changed = tree.takeChanged();
  }
  return steps;
}

function unsettled(label: string, changed: readonly Name[]): PlyfsError {
  const shown = changed.slice(0, 5).map((path) => `/${textFromName(path)}`);
  const more = changed.length > shown.length ? ` and ${changed.length - shown.length} more` : '';
  return new PlyfsError(
    'unsettled',
    `${label} is mounted with io=passthrough, and ${shown.join(', ')}${more} is written to all the time, which a mount cannot hold up then: ` +
      'stop who writes, commit with --pause=false (the image may mix states), or mount with io=cached',
  );
}
