/** Naming and removing images: tag, rmi, prune, with docker's rules (M-7). */

import { type Digest, shortId } from '../base/digest.js';
import { PlyfsError } from '../base/errors.js';
import { chainIds } from '../oci/config.js';
import { canonicalText, familiarText, parseReference, withDefaultTag } from '../oci/reference.js';
import { type Catalog, neededBy, type StoredImage } from './catalog.js';
import { type Collected, collectGarbage, collectNow } from './gc.js';
import { getImage } from './resolve.js';
import type { Store } from './store.js';
import { listUses, type Use } from './uses.js';

/** Gives the image that `source` names the further name `target`, taking it from whatever had it. */
export async function tagImage(store: Store, source: string, target: string): Promise<void> {
  const reference = withDefaultTag(parseReference(target));
  if (reference.digest !== undefined) throw new PlyfsError('reference', `"${target}" has a digest: a new name has a tag only`);
  await store.change((catalog) => {
    const { image, name } = getImage(catalog, source);
    // What is pushed under the new name are the same digests.
    catalog.name(canonicalText(reference), image, catalog.originOf(name, image));
  });
}

export interface Removed {
  /** Familiar names. */
  readonly untagged: readonly string[];
  /** The image, where it went with its last name. */
  readonly deleted: Digest | undefined;
  /** ChainIDs of its layers that went with it, top first: those that nothing else needs. */
  readonly layers: readonly Digest[];
}

type Unlisted = Omit<Removed, 'layers'>;

/** What `rmi text` does: a name goes, and the image with its last name; an ID removes the image, with several names only by `force`.
 *  PlyfsError `no-image`, `in-use`, `ambiguous`. Its blobs go at once, unless somebody is adding to the store: then with the next prune. */
export async function removeImage(store: Store, text: string, force: boolean): Promise<Removed> {
  const { image, ...removed } = await store.change((catalog) => {
    const { image } = getImage(catalog, text);
    return { image, ...unlist(catalog, text, force, listUses(store)) };
  });
  const blobs = removed.deleted === undefined ? [] : await collectNow(store, neededBy(image));
  return { ...removed, layers: layersAmong(image, new Set(blobs)) };
}

/** ChainIDs, top first, of the layers whose tar is among `blobs`. */
function layersAmong(image: StoredImage, blobs: ReadonlySet<Digest>): Digest[] {
  const chain = chainIds(image.layers.map(({ diffId }) => diffId));
  return chain.filter((_, at) => blobs.has(image.layers[at]!.diffId)).reverse(); // one ID for each layer
}

function unlist(catalog: Catalog, text: string, force: boolean, uses: readonly Use[]): Unlisted {
  const { image, name } = getImage(catalog, text);
  const names = catalog.namesOf(image.id);
  if (name !== undefined && names.some((other) => other !== name && !other.includes('@'))) {
    catalog.unname(name);
    return { untagged: [familiarText(parseReference(name))], deleted: undefined };
  }
  const tags = names.filter((other) => !other.includes('@'));
  if (name === undefined && tags.length > 1 && !force) {
    const list = tags.map((tag) => familiarText(parseReference(tag))).join(', ');
    throw new PlyfsError('in-use', `image ${shortId(image.id)} has several names (${list}): remove them one by one, or use -f`);
  }
  refuseUsed(image, uses, force);
  for (const other of names) catalog.unname(other);
  catalog.images.delete(image.id);
  return { untagged: names.map((other) => familiarText(parseReference(other))), deleted: image.id };
}

/** A running mount keeps its image whatever is asked; a container only without force: its blobs stay until it is removed. */
function refuseUsed(image: StoredImage, uses: readonly Use[], force: boolean): void {
  const users = uses.filter((use) => use.image === image.id && (use.pid !== undefined || !force));
  if (users.length === 0) return;
  const isMounted = users.some((use) => use.pid !== undefined);
  const advice = isMounted ? 'end it first' : 'remove it first, or use -f';
  throw new PlyfsError('in-use', `image ${shortId(image.id)} is used by ${users.map((use) => use.label).join(', ')}: ${advice}`);
}

/** Removes images without a name (`all`: without a use), then everything that nothing needs any more. */
export async function pruneStore(
  store: Store,
  all: boolean,
  isWanted: (image: StoredImage) => boolean = () => true,
): Promise<{ deleted: readonly Removed[]; collected: Collected }> {
  const used = new Set(listUses(store).map((use) => use.image));
  const unlisted = await store.change((catalog) => {
    const unnamed = (id: Digest): boolean => catalog.namesOf(id).length === 0;
    const gone = [...catalog.images.values()].filter(
      (image) => !used.has(image.id) && (all || unnamed(image.id)) && isWanted(image),
    );
    return gone.map((image) => {
      const names = catalog.namesOf(image.id);
      for (const name of names) catalog.unname(name);
      catalog.images.delete(image.id);
      return { image, untagged: names.map((name) => familiarText(parseReference(name))) };
    });
  });
  const collected = await collectGarbage(store);
  const blobs = new Set(collected.blobs);
  const deleted = unlisted.map(({ image, untagged }) => {
    const layers = layersAmong(image, blobs);
    for (const { diffId } of image.layers) blobs.delete(diffId); // told once, though several had it
    return { untagged, deleted: image.id, layers };
  });
  return { deleted, collected };
}

/** Bytes of layers that no other image has, and of those it shares. */
export function sharedAndUnique(catalog: Catalog, image: StoredImage): { sharedBytes: number; uniqueBytes: number } {
  const elsewhere = new Set<Digest>();
  for (const other of catalog.images.values()) {
    if (other.id !== image.id) for (const layer of other.layers) elsewhere.add(layer.diffId);
  }
  let sharedBytes = 0;
  let uniqueBytes = 0;
  for (const layer of image.layers) {
    if (elsewhere.has(layer.diffId)) sharedBytes += layer.contentBytes;
    else uniqueBytes += layer.contentBytes;
  }
  return { sharedBytes, uniqueBytes };
}
