/** Multi-linked files by layer and inode number there: all names of one are one node of the tree. */

import type { NodeIndex } from './node-table.js';

export class Links {
  private readonly nodes = new Map<string, NodeIndex>();
  /** The keys in `nodes` of a node. */
  private readonly keys = new Map<NodeIndex, string[]>();
  /** By the same keys: how many names of a lower file were removed from the view. The layer still counts them. */
  private readonly lostNames = new Map<string, number>();

  get(layer: number, ino: number): NodeIndex | undefined {
    return this.nodes.size === 0 ? undefined : this.nodes.get(`${layer}:${ino}`);
  }

  set(layer: number, ino: number, node: NodeIndex): void {
    const key = `${layer}:${ino}`;
    if (this.nodes.get(key) === node) return;
    this.nodes.set(key, node);
    const keys = this.keys.get(node);
    if (keys === undefined) this.keys.set(node, [key]);
    else keys.push(key);
  }

  /** One name of a node's file in `layer`, a lower one, no longer shows: st_nlink is one less from now on, until the next mount. */
  loseName(layer: number, node: NodeIndex): void {
    const prefix = `${layer}:`;
    const key = this.keys.get(node)?.find((each) => each.startsWith(prefix));
    if (key !== undefined) this.lostNames.set(key, (this.lostNames.get(key) ?? 0) + 1);
  }

  /** How many names of the file were lost so. */
  lost(layer: number, ino: number): number {
    return this.lostNames.size === 0 ? 0 : (this.lostNames.get(`${layer}:${ino}`) ?? 0);
  }

  /** The node's row is given back. */
  drop(node: NodeIndex): void {
    for (const key of this.keys.get(node) ?? []) if (this.nodes.get(key) === node) this.nodes.delete(key);
    this.keys.delete(node);
  }
}
