/** The names of a lower file with several names: before it is copied up, all that the view shows must be known as names of one node. */

import type { Name } from '../base/name.js';
import type { EntryIndex } from '../layers/union/name-table.js';
import type { NodeIndex } from '../layers/union/node-table.js';
import type { Directory } from '../layers/union/tree.js';
import type { OverlayState } from './state.js';

/** Points every name of the lower file that `node` is (`ino` in its layer) to `node`, asked for before or not. May walk the layer once,
 *  and the parts of the view that lie below renamed directories. Errors of the disk pass. */
export function findOtherNames(state: OverlayState, node: NodeIndex, ino: number): void {
  const { union, tree } = state;
  const position = tree.nodes.layer(node);
  union.links.set(position, ino, node);
  const names = new Set([...union.layers[position]!.namesOf(ino), ...union.lowerLinks.names(position, ino)]);
  for (const path of names) joinIfSame(state, node, entryAt(state, path));
  if (tree.entriesOf(node).length >= tree.nodes.nlink(node)) return;
  // A name is missing: it was removed before the mount, or a directory above it has been renamed.
  for (const directory of renamedDirectories(state, union.root)) searchBelow(state, node, directory);
}

function joinIfSame(state: OverlayState, node: NodeIndex, entry: EntryIndex): void {
  const { tree } = state;
  const other = tree.names.node(entry);
  if (other === 0 || other === node || tree.nodes.isDirectory(other) || state.isUpper(other)) return;
  const isSame = tree.nodes.layer(other) === tree.nodes.layer(node) && tree.nodes.ino(other) === tree.nodes.ino(node);
  if (isSame) state.union.statEntry(entry);
}

/** The entry at a path of the view; 0 where there is none. */
function entryAt(state: OverlayState, path: Name): EntryIndex {
  const { union, tree } = state;
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
function renamedDirectories(state: OverlayState, directory: Directory): Directory[] {
  const { tree } = state;
  const found: Directory[] = [];
  for (const child of childDirectories(state, directory)) {
    if (!state.isUpper(child)) continue;
    const below = tree.directory(child);
    const deeper = renamedDirectories(state, below);
    if (below.isRedirected) found.push(below);
    else found.push(...deeper);
  }
  return found;
}

function searchBelow(state: OverlayState, node: NodeIndex, directory: Directory): void {
  for (const child of childDirectories(state, directory)) searchBelow(state, node, state.tree.directory(child));
  for (const entry of directory.children.subarray(0, directory.used)) joinIfSame(state, node, entry);
}

function childDirectories(state: OverlayState, directory: Directory): NodeIndex[] {
  const { names, nodes } = state.tree;
  const { children, used } = state.union.loaded(directory.node);
  return Array.from(children.subarray(0, used), (entry) => names.node(entry)).filter(
    (child) => child !== 0 && nodes.isDirectory(child),
  );
}
