/** Gives back the memory of names that the kernel no longer remembers: a directory of which nobody holds a child is merged again when
 *  somebody asks. Runs while references are taken back, when more names are known than are wanted. */

import { nodeFlag } from '../layers/union/node-table.js';
import { type Directory, rootIndex } from '../layers/union/tree.js';
import type { OverlayState } from './state.js';

/** Names kept without anybody asking for less, about 150 bytes each. */
export const namesMaxDefault = 1_000_000;
/** Looking through all directories is worth it only after so many references came back. */
const forgetsBetween = 4096;

export class Unloading {
  private forgets = 0;

  constructor(
    private readonly state: OverlayState,
    private readonly namesMax: number,
  ) {}

  /** A reference was taken back. */
  forgot(): void {
    if (++this.forgets < Math.min(forgetsBetween, this.namesMax)) return;
    this.forgets = 0;
    if (this.state.tree.names.count > this.namesMax) this.release();
  }

  /** Unloads every directory of which nothing is held, the deepest first. */
  release(): void {
    const { tree, union, counters } = this.state;
    const loaded = tree.loadedDirectories();
    // children have been added after their parents: from the end, a directory comes before the one it lies in
    for (const directory of loaded.reverse()) if (this.isUnheld(directory)) union.unload(directory);
    counters.set('names', tree.names.count);
    counters.set('nodes', tree.nodes.count);
  }

  private isUnheld(directory: Directory): boolean {
    const { tree } = this.state;
    const { nodes, names } = tree;
    if (directory.node !== rootIndex && nodes.entry(directory.node) === 0) return false;
    for (let i = 0; i < directory.used; i++) {
      const node = names.node(directory.children[i]!);
      if (node === 0) continue;
      if (nodes.references(node) > 0 || nodes.has(node, nodeFlag.isLinked | nodeFlag.hasPlace)) return false;
      if (nodes.isDirectory(node) && tree.directory(node).isLoaded) return false;
      if (this.state.files.isPinned(node)) return false;
    }
    return true;
  }
}
