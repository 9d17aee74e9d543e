/** Files that are open, by the numbers libfuse keeps for them, and those of them that have lost their last name.
 *
 *  libfuse addresses everything by path, so it keeps an open file that is unlinked (or replaced by a rename) under a name of its own:
 *  before the unlink it renames the file to `.fuse_hidden` and 16 digits in the same directory, and it unlinks that name at the last
 *  close (fuse.c, hide_node). Here such a rename is an unlink: the file keeps its node, and the hidden name leads to the node from this
 *  table only. So listings do not show it, its directory can be removed and its link count is 0, as on a disk. */

import type { Name } from '../../base/name.js';
import type { FileSystem, NodeId } from '../../vfs/filesystem.js';
import { leave } from '../../vfs/walk.js';

export class NativeOpenFiles {
  /** The node of each number; every one holds a reference. */
  private readonly files = new Map<number, NodeId>();
  private readonly counts = new Map<NodeId, number>();
  /** Nodes without a name of their own, by their last name in libfuse's eyes; every one holds a reference. */
  private readonly hidden = new Map<Name, NodeId>();
  private lastFd = 0;
  private lastHidden = -1;

  constructor(private readonly fs: FileSystem) {}

  /** The number of one more open file; takes over the caller's reference to `node`, which the file system has opened. Never 0: for the
   *  addon that is none. */
  add(node: NodeId): number {
    do this.lastFd = (this.lastFd % 0x7fffffff) + 1;
    while (this.files.has(this.lastFd));
    this.files.set(this.lastFd, node);
    this.counts.set(node, (this.counts.get(node) ?? 0) + 1);
    return this.lastFd;
  }

  find(fd: number): NodeId | undefined {
    return this.files.get(fd);
  }

  release(fd: number): void {
    const node = this.files.get(fd);
    if (node === undefined) return;
    this.files.delete(fd);
    const left = (this.counts.get(node) ?? 1) - 1;
    if (left > 0) this.counts.set(node, left);
    else this.counts.delete(node);
    if (left === 0) this.dropHidden(node);
    this.fs.release(node);
    leave(this.fs, node);
  }

  /** Whether a rename of `node` to `name` is libfuse hiding an open file. Its numbers only go up, which a user's name can hardly know. */
  isHiding(node: NodeId, name: Name): boolean {
    const digits = /^\.fuse_hidden[0-9a-f]{8}([0-9a-f]{8})$/.exec(name)?.[1];
    if (digits === undefined || !this.counts.has(node)) return false;
    return Number.parseInt(digits, 16) > this.lastHidden;
  }

  /** Keeps `node` under a hidden name; takes over the caller's reference. */
  hide(node: NodeId, name: Name): void {
    this.hidden.set(name, node);
    this.lastHidden = Number.parseInt(name.slice(-8), 16);
  }

  findHidden(name: Name): NodeId | undefined {
    return this.hidden.size === 0 ? undefined : this.hidden.get(name);
  }

  /** Whether `name` was a hidden one, which is gone now. */
  removeHidden(name: Name): boolean {
    const node = this.findHidden(name);
    if (node === undefined) return false;
    this.hidden.delete(name);
    leave(this.fs, node);
    return true;
  }

  /** libfuse does not unlink a hidden name whose directory is gone. */
  private dropHidden(node: NodeId): void {
    for (const [name, other] of this.hidden) if (other === node) this.removeHidden(name);
  }
}
