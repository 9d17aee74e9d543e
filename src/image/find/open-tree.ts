/** Opening whatever a person may name as a tree of files: a container, an image, an archive, one layer, a directory. */

import { existsSync, statSync } from 'node:fs';
import { parseDigest } from '../../base/digest.js';
import { PlyfsError } from '../../base/errors.js';
import { Descriptors } from '../../layers/directory/descriptors.js';
import { DirectoryLayer } from '../../layers/directory/directory-layer.js';
import { UpperReader } from '../../layers/directory/upper-reader.js';
import type { Layer } from '../../layers/layer.js';
import { type Container, findContainer } from '../../store/containers.js';
import { findImage } from '../../store/resolve.js';
import type { Store } from '../../store/store.js';
import type { LocatedImage } from '../stack/located-image.js';
import { openPrepared, openStackOf } from '../stack/stack.js';
import { LayoutDirectory } from '../transports/layout-directory.js';
import { TreeView } from '../tree/tree-view.js';
import { UpperView } from '../tree/upper-view.js';
import { locateContainerImage } from './container-image.js';
import { locateImage } from './locate.js';

/** A tree, and what it is a change of: a container's image, the layers below an image's top one. */
export interface OpenedTree {
  readonly label: string;
  readonly tree: TreeView;
  /** undefined where there is nothing below. */
  readonly base: TreeView | undefined;
  /** `upper`: the tree is the base with an upper on it. */
  readonly extent: 'upper' | 'whole';
  close(): void;
}

/** Open directories kept at a time: a walk needs those above it. Beyond 64 descriptors, and at each doubling, the kernel makes a process
 *  with threads wait some 4 ms while it enlarges their table (expand_fdtable). */
const descriptorLimit = 24;

/** `text` is a container's name or ID, or whatever locateImage takes, a layer's digest, or the path of a directory. PlyfsError. */
export async function openTreeOf(store: Store, text: string, platform?: string): Promise<OpenedTree> {
  if (isDirectoryTree(text)) return openDirectoryTree(text);
  const container = /^\.{0,2}\//.test(text) ? undefined : findContainer(store, text);
  if (container !== undefined) return openContainer(store, container);
  const layer = openStoredLayer(store, text);
  if (layer !== undefined) return lone(text, layer);
  return openImageTree(store, await locateImage(store, text, platform, 'container, image or file'));
}

/** A container's view as it is now, over that of its image. */
export async function openContainer(store: Store, container: Container): Promise<OpenedTree> {
  return openUpper(store, container.upper, locateContainerImage(store, container), `container ${container.name}`);
}

/** The view of an upper, by whomever it was written, over an image. PlyfsError `no-upper`. */
export async function openUpper(
  store: Store,
  upper: string,
  image: LocatedImage,
  label: string,
): Promise<OpenedUpper<UpperView>> {
  const opened = await openUpperAs(store, upper, image, label, (layers) => new UpperView(label, layers));
  try {
    opened.tree.findIndexedNames(opened.base);
    return opened;
  } catch (error) {
    opened.close();
    throw error;
  }
}

export interface OpenedUpper<T extends TreeView> extends OpenedTree {
  readonly tree: T;
  readonly upper: UpperReader;
}

/** The same as a view that `make` makes of the layers, the upper among them. */
export async function openUpperAs<T extends TreeView>(
  store: Store,
  upper: string,
  image: LocatedImage,
  label: string,
  make: (layers: readonly Layer[]) => T,
): Promise<OpenedUpper<T>> {
  if (statSync(upper, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new PlyfsError('no-upper', `the upper ${upper} is not a directory`);
  }
  const layers = image.layers.length === 0 ? [] : (await openStackOf(store, image)).map(({ layer }) => layer);
  return closing(layers, () => {
    const base = layers.length === 0 ? undefined : new TreeView(image.label, layers);
    const descriptors = new Descriptors(descriptorLimit);
    const layer = new UpperReader(upper, descriptors);
    const tree = make([layer, ...layers]);
    return { label, tree, base, upper: layer, extent: 'upper', close: () => closeBoth(tree, descriptors) };
  });
}

async function openImageTree(store: Store, image: LocatedImage): Promise<OpenedTree> {
  const layers = (await openStackOf(store, image)).map(({ layer }) => layer);
  return closing(layers, () => {
    const tree = new TreeView(image.label, layers);
    const base = layers.length < 2 ? undefined : new TreeView(`${image.label} without its top layer`, layers.slice(1));
    return { label: image.label, tree, base, extent: 'whole', close: () => tree.close() };
  });
}

/** A directory that is no OCI layout: those are images. */
function isDirectoryTree(text: string): boolean {
  const isPath = /^\.{0,2}\//.test(text) || text === '.' || text === '..';
  return isPath && existsSync(text) && statSync(text).isDirectory() && !LayoutDirectory.isOne(text);
}

export function openDirectoryTree(path: string): OpenedTree {
  const { layer, descriptors } = directoryLayer(path);
  const tree = new TreeView(path, [layer]);
  return { label: path, tree, base: undefined, extent: 'whole', close: () => closeBoth(tree, descriptors) };
}

/** A layer of the store by its diffID, where no image has that digest. */
function openStoredLayer(store: Store, text: string): Layer | undefined {
  const digest = parseDigest(text);
  if (digest === undefined || findImage(store.catalog(), text) !== undefined) return undefined;
  const indexPath = store.blobs.indexPath(digest);
  const size = store.blobs.findSize(digest);
  if (size === undefined || !existsSync(indexPath)) return undefined;
  const location = { path: store.blobs.path(digest), start: 0, size };
  const prepared = {
    label: digest,
    number: 0,
    diffId: digest,
    history: undefined,
    location,
    indexPath,
    title: `layer ${digest}`,
  };
  return openPrepared(store, [prepared])[0]?.layer;
}

function lone(label: string, layer: Layer): OpenedTree {
  const tree = new TreeView(label, [layer]);
  return { label, tree, base: undefined, extent: 'whole', close: () => tree.close() };
}

function directoryLayer(path: string): { layer: DirectoryLayer; descriptors: Descriptors } {
  const descriptors = new Descriptors(descriptorLimit);
  return { layer: new DirectoryLayer(path, path, descriptors), descriptors };
}

function closeBoth(tree: TreeView, descriptors: Descriptors): void {
  descriptors.close();
  tree.close();
}

/** The layers are closed where the tree on them cannot be made. */
function closing<T extends OpenedTree>(layers: readonly Layer[], make: () => T): T {
  try {
    return make();
  } catch (error) {
    for (const layer of layers) layer.close();
    throw error;
  }
}
