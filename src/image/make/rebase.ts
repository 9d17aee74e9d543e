/** The layers that an image has above its base move onto another base, byte for byte, with a report of what stands in the way. */

import type { Digest } from '../../base/digest.js';
import { PlyfsError } from '../../base/errors.js';
import { canonicalText, parseReference, repositoryOf } from '../../oci/reference.js';
import { type Catalog, type StoredImage, sharedLayers } from '../../store/catalog.js';
import { getImage } from '../../store/resolve.js';
import type { Store } from '../../store/store.js';
import { locateStoredImage } from '../stack/located-image.js';
import { openStackOf } from '../stack/stack.js';
import { readStoredConfig } from '../stack/stored-config.js';
import { StoredLinks } from '../stack/stored-links.js';
import { addingTo, newName, storeNewImage } from './new-image.js';
import { rebasedConfig } from './rebase-config.js';
import { type Conflict, conflictKinds, conflictText, findConflicts } from './rebase-conflicts.js';

export interface RebaseOptions {
  /** What people call the image and the new base. */
  readonly imageName: string;
  readonly baseName: string;
  /** The old base: an image, or how many of the lowest layers it is. Found out without it. */
  readonly from?: string | undefined;
  /** The name of the new image. */
  readonly reference?: string | undefined;
  /** Makes the image also where parts of the new base would be hidden. */
  readonly force?: boolean;
  /** Makes nothing, only reports. */
  readonly dryRun?: boolean;
}

export interface OldBase {
  /** How many of the image's lowest layers it is. */
  readonly count: number;
  /** undefined where only the number is known. */
  readonly image: StoredImage | undefined;
  /** For people. */
  readonly label: string;
}

export interface Rebased {
  /** undefined where nothing was made. */
  readonly id: Digest | undefined;
  readonly oldBase: OldBase;
  readonly movedLayers: number;
  readonly conflicts: readonly Conflict[];
  /** Why it was refused. */
  readonly refusal: string | undefined;
}

/** Nothing is seen of a rebase that fails or is refused. PlyfsError `no-base` where the old base cannot be found out, `no-layer` where the
 *  image has nothing above it, `platform`, `reference`, `store`. */
export async function rebaseImage(store: Store, image: StoredImage, base: StoredImage, options: RebaseOptions): Promise<Rebased> {
  const name = newName(options.reference);
  if (image.platform !== base.platform) {
    const both = `${options.imageName} is for ${image.platform}, ${options.baseName} for ${base.platform}`;
    throw new PlyfsError('platform', `${both}: an image cannot move to a base of another platform`);
  }
  return addingTo(store, async () => {
    const oldBase = findOldBase(store.catalog(), image, base, options);
    const movedLayers = image.layers.length - oldBase.count;
    if (movedLayers === 0)
      throw new PlyfsError('no-layer', `${options.imageName} has no layers above ${oldBase.label}: nothing moves`);
    const conflicts = await conflictsOf(store, image, base, oldBase, options);
    const refusal = refusalOf(conflicts, options.force === true);
    if (refusal !== undefined || options.dryRun === true) return { id: undefined, oldBase, movedLayers, conflicts, refusal };
    const layers = [...base.layers, ...image.layers.slice(oldBase.count)];
    new StoredLinks(store).check(layers);
    const read = (stored: StoredImage) => readStoredConfig(store, stored.id);
    const old = oldBase.image === undefined ? undefined : read(oldBase.image);
    const config = rebasedConfig(read(image), old, oldBase.count, read(base), layers);
    const id = await storeNewImage(store, config, { layers, parent: base.id, name });
    return { id, oldBase, movedLayers, conflicts, refusal };
  });
}

async function conflictsOf(
  store: Store,
  image: StoredImage,
  base: StoredImage,
  { count }: OldBase,
  { imageName, baseName }: RebaseOptions,
): Promise<Conflict[]> {
  const open = async (stored: StoredImage, label: string) => {
    const located = locateStoredImage(store, stored, readStoredConfig(store, stored.id), label);
    return stored.layers.length === 0 ? [] : (await openStackOf(store, located)).map(({ layer }) => layer);
  };
  const stack = await open(image, imageName);
  try {
    const newBase = await open(base, baseName);
    try {
      const above = stack.length - count;
      return findConflicts({ oldBase: stack.slice(above), newBase, moved: stack.slice(0, above) });
    } finally {
      for (const layer of newBase) layer.close();
    }
  } finally {
    for (const layer of stack) layer.close();
  }
}

function refusalOf(conflicts: readonly Conflict[], force: boolean): string | undefined {
  const missing = conflicts.find(({ kind }) => conflictKinds[kind].breaks === 'never');
  if (missing !== undefined) return `${conflictText(missing)}: the image would be damaged`;
  const broken = conflicts.find(({ kind }) => conflictKinds[kind].breaks === 'forced');
  return force || broken === undefined ? undefined : `${conflictText(broken)} (--force makes the image all the same)`;
}

/** What `--from` says; else the image of the new base's repository that it lies on; else the layers that it shares with the new base. */
function findOldBase(
  catalog: Catalog,
  image: StoredImage,
  base: StoredImage,
  { from, imageName, baseName }: RebaseOptions,
): OldBase {
  if (from !== undefined) return namedOldBase(catalog, image, from, imageName);
  const sibling = siblingBelow(catalog, image, base, baseName);
  if (sibling !== undefined) return sibling;
  const count = sharedLayers(image, base);
  if (count > 0)
    return { count, image: count === base.layers.length ? base : undefined, label: `what it shares with ${baseName}` };
  throw new PlyfsError(
    'no-base',
    `${imageName} shares no layer with ${baseName}, and no image of the store under that name lies below it: name its old base with --from (an image, or how many layers it is)`,
  );
}

function namedOldBase(catalog: Catalog, image: StoredImage, from: string, imageName: string): OldBase {
  if (/^\d{1,4}$/.test(from)) {
    const count = Number(from);
    if (count >= 1 && count <= image.layers.length)
      return { count, image: undefined, label: count === 1 ? 'its lowest layer' : `its lowest ${count} layers` };
    throw new PlyfsError('no-such-layer', `${imageName} has layers 1 to ${image.layers.length}, not ${from}`);
  }
  const old = getImage(catalog, from).image;
  const count = sharedLayers(image, old);
  if (count === 0) throw new PlyfsError('no-base', `${imageName} does not lie on ${from}: their lowest layers are different`);
  return { count, image: old, label: from };
}

/** The image with the most layers that is named as the new base is but for the tag, and lies below `image`. */
function siblingBelow(catalog: Catalog, image: StoredImage, base: StoredImage, baseName: string): OldBase | undefined {
  const repositories = new Set(catalog.namesOf(base.id).map((name) => repositoryOf(parseReference(name))));
  let best: OldBase | undefined;
  for (const [name, id] of catalog.names) {
    const other = catalog.images.get(id);
    if (other === undefined || id === image.id || !repositories.has(repositoryOf(parseReference(name)))) continue;
    const count = other.layers.length;
    if (count === 0 || sharedLayers(image, other) !== count || count <= (best?.count ?? 0)) continue;
    best = { count, image: other, label: id === base.id ? baseName : canonicalText(parseReference(name)) };
  }
  return best;
}
