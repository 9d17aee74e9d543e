/** The names of a lower file with several names: before it is copied up, all that the view shows must be known as names of one node. */

import type { Name } from '../base/name.js';
import type { EntryIndex } from '../layers/union/name-table.js';
import type { NodeIndex } from '../layers/union/node-table.js';
import type { Directory } from '../layers/union/tree.js';
import type { OverlayState } from './state.js';

/** Points every name of the lower file that `node` is (`ino` in its layer) to `node`, asked for before or not. May walk the layer once,
 *  and the parts of the view that lie below renamed directories. Errors of the disk pass. */
export function findOtherNames(view: OverlayState, node: NodeIndex, ino: number): void {
  const { union, tree } = view;
  const position = tree.nodes.layer(node);
  union.links.set(position, ino, node);
  const names = new Set([...union.layers[position]!.namesOf(ino), ...union.lowerLinks.names(position, ino)]);
  for (const path of names) joinIfSame(view, node, entryAt(view, path));
  if (tree.entriesOf(node).length >= tree.nodes.nlink(node)) return;
  // A name is missing: it was removed before the mount, or a directory above it has been renamed.
  for (const directory of renamedDirectories(view, union.root)) searchBelow(view, node, directory);
}

function joinIfSame(view: OverlayState, node: NodeIndex, entry: EntryIndex): void {
  const { tree } = view;
  const other = tree.names.node(entry);
  if (other === 0 || other === node || tree.nodes.isDirectory(other) || view.isUpper(other)) return;
  const isSame = tree.nodes.layer(other) === tree.nodes.layer(node) && tree.nodes.ino(other) === tree.nodes.ino(node);
  if (isSame) view.union.statEntry(entry);
}

/** The entry at a path of the view; 0 where there is none. */
function entryAt(view: OverlayState, path: Name): EntryIndex {
  const { union, tree } = view;
  const parts = path.split('/') as Name[]; // parts of a Name are Names
  let directory = union.root.node;
  for (const [i, part] of parts.entries()) {
    const entry = union.resolve(directory, part);
    if (entry === 0 || i === parts.length - 1) return entry;
    directory = tree.names.node(entry);
    if (!tree.nodes.isDirectory(directory)) return 0;
  }
  return 0;
}

/** Redirect marks stand in directories of the upper alone, which are few beside those of the layers. */
function renamedDirectories(view: OverlayState, directory: Directory): Directory[] {
  const { tree } = view;
  const found: Directory[] = [];
  for (const child of childDirectories(view, directory)) {
    if (!view.isUpper(child)) continue;
    const below = tree.directory(child);
    const deeper = renamedDirectories(view, below);
    if (below.isRedirected) found.push(below);
    else found.push(...deeper);
  }
  return found;
}

function searchBelow(view: OverlayState, node: NodeIndex, directory: Directory): void {
  for (const child of childDirectories(view, directory)) searchBelow(view, node, view.tree.directory(child));
  for (const entry of directory.children.subarray(0, directory.used)) joinIfSame(view, node, entry);
}

function childDirectories(view: OverlayState, directory: Directory): NodeIndex[] {
  const { names, nodes } = view.tree;
  const { children, used } = view.union.loaded(directory.node);
  return Array.from(children.subarray(0, used), (entry) => names.node(entry)).filter(
    (child) => child !== 0 && nodes.isDirectory(child),
  );
}
