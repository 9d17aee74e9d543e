/** Lists directories before they are asked for: a walk (find, tar, cp -r, rm -r) that has listed a directory goes on to those in it, and
 *  the serving thread has nothing to do while the walker looks at what it got. */

import { FsError } from '../base/errors.js';
import type { NodeIndex } from '../layers/union/node-table.js';
import type { Directory } from '../layers/union/tree.js';
import type { OverlayState } from './state.js';

/** So many directories may be listed ahead without anybody having come for them: then this was no walk. */
const unusedMax = 32;
/** Directories remembered as candidates; a walk that goes depth first wants the newest. */
const candidatesMax = 1024;

export class ListAhead {
  private readonly candidates: NodeIndex[] = [];
  private readonly unused = new Set<NodeIndex>();

  constructor(private readonly state: OverlayState) {}

  /** Somebody reads this directory from its start. */
  listed(directory: Directory): void {
    this.unused.delete(directory.node);
    if (directory.subdirectories === 0 || this.candidates.length > candidatesMax) return;
    const { names, nodes } = this.state.tree;
    for (let i = directory.used - 1; i >= 0; i--) {
      const node = names.node(directory.children[i]!);
      if (node !== 0 && nodes.isDirectory(node) && !this.state.tree.directory(node).isLoaded) this.candidates.push(node);
    }
  }

  /** Lists one directory. False when there is nothing to do. */
  step(): boolean {
    if (this.unused.size >= unusedMax) {
      this.candidates.length = 0;
      return false;
    }
    for (;;) {
      const node = this.candidates.pop();
      if (node === undefined) return false;
      if (this.isWanted(node)) return this.list(node);
    }
  }

  /** The candidate may have been listed, removed, or its number given to another node since. */
  private isWanted(node: NodeIndex): boolean {
    const { tree } = this.state;
    const { nodes } = tree;
    return nodes.isDirectory(node) && nodes.entry(node) !== 0 && !tree.directory(node).isLoaded;
  }

  private list(node: NodeIndex): boolean {
    try {
      this.state.union.loaded(node);
      this.unused.add(node);
      this.state.counters.add('prefetched');
    } catch (error) {
      // whoever asks for the directory is told
      if (!(error instanceof FsError)) throw error;
    }
    return true;
  }
}
