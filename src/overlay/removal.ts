/** unlink and rmdir: a name goes; what lower layers would show there is covered by a whiteout in the same step. No data moves. */

import { errno } from '../base/errno.js';
import { errnoOf, FsError } from '../base/errors.js';
import { dirType } from '../base/mode.js';
import type { Name } from '../base/name.js';
import { type EntryIndex, entryFlag } from '../layers/union/name-table.js';
import { type NodeIndex, nodeFlag } from '../layers/union/node-table.js';
import { type Directory, rootIndex } from '../layers/union/tree.js';
import { rmdirAt, unlinkAt } from '../sys/namespace.js';
import type { CopyUp } from './copy-up.js';
import { crashPoint } from './crash-point.js';
import type { OverlayState } from './state.js';

export class Removal {
  constructor(
    private readonly view: OverlayState,
    private readonly copyUp: CopyUp,
  ) {}

  unlink(parent: NodeIndex, name: Name): void {
    const { view } = this;
    const { upper, tree } = view;
    const directory = view.directory(parent);
    const entry = view.entry(directory, name);
    const node = view.union.statEntry(entry);
    if (tree.nodes.isDirectory(node)) throw new FsError(errno.EISDIR);
    this.copyUp.ensure(parent);
    this.keepForHolders(node);
    const fd = view.upperFd(directory);
    const hides = view.hidesLower(entry);
    if (!view.isUpper(node)) {
      upper.putWhiteout(fd, name);
      crashPoint('unlink-whiteout');
    } else if (hides) {
      const out = upper.moveOutLeavingWhiteout(fd, name);
      crashPoint('unlink-discard');
      upper.discard(out);
    } else {
      unlinkAt(fd, name);
    }
    this.forgetName(directory, entry, hides);
    this.lostName(node);
  }

  rmdir(parent: NodeIndex, name: Name): void {
    const { view } = this;
    const { upper, tree } = view;
    const directory = view.directory(parent);
    const entry = view.entry(directory, name);
    const node = tree.names.node(entry);
    if (!tree.nodes.isDirectory(node)) throw new FsError(errno.ENOTDIR);
    const target = view.union.loaded(node);
    if (target.visible > 0) throw new FsError(errno.ENOTEMPTY);
    this.copyUp.ensure(parent);
    this.keepForHolders(node);
    const fd = view.upperFd(directory);
    const hides = view.hidesLower(entry);
    if (!view.isUpper(node)) upper.putWhiteout(fd, name);
    else if (hides) this.discardDirectory(upper.moveOutLeavingWhiteout(fd, name));
    else if (target.whiteouts > 0 || !this.isRemovedEmpty(fd, name)) this.discardDirectory(upper.moveOut(fd, name));
    this.forgetName(directory, entry, hides);
    this.lostName(node);
  }

  /** False where the disk holds what the view does not show: `.wh.` files. */
  private isRemovedEmpty(fd: number, name: Name): boolean {
    try {
      rmdirAt(fd, name);
      return true;
    } catch (error) {
      if (errnoOf(error) !== errno.ENOTEMPTY) throw error;
      return false;
    }
  }

  private discardDirectory(out: Name): void {
    crashPoint('rmdir-discard');
    this.view.upper.discard(out);
  }

  /** The tree's part of taking a name away. */
  forgetName(directory: Directory, entry: EntryIndex, hides: boolean): void {
    const { tree } = this.view;
    if (hides) {
      tree.names.setFlag(entry, entryFlag.hasLower);
      tree.coverEntry(directory, entry);
    } else {
      tree.removeEntry(directory, entry);
    }
    this.view.touched(directory);
  }

  /** Before a node loses a name: those who hold it must be able to go on. */
  keepForHolders(node: NodeIndex): void {
    const { view } = this;
    const { nodes } = view.tree;
    view.stat(node);
    if (nodes.references(node) === 0 || view.tree.entriesOf(node).length > 1) return;
    if (!view.isUpper(node)) {
      if (!nodes.isDirectory(node)) view.union.keepPlace(node);
    } else if (nodes.type(node) === dirType.reg) {
      view.files.pin(node);
    } else {
      const entry = nodes.entry(node);
      view.files.pinObject(node, view.upperFd(view.tree.directoryOf(entry)), view.tree.names.name(entry));
    }
  }

  /** After a node has lost a name. */
  lostName(node: NodeIndex): void {
    const { view } = this;
    const { nodes } = view.tree;
    const isDirectory = nodes.isDirectory(node);
    if (!isDirectory && !view.isUpper(node)) view.union.links.loseName(view.tree.nodes.layer(node), node);
    nodes.setNlink(node, isDirectory ? 0 : Math.max(0, nodes.nlink(node) - 1));
    if (isDirectory) this.emptyTree(view.tree.directory(node));
    if (nodes.entry(node) === 0) {
      if (nodes.references(node) === 0) this.drop(node);
      else if (view.isUpper(node) && view.files.known(node) !== undefined) view.invalidate(node);
    } else if (view.isUpper(node)) {
      view.invalidate(node);
    }
  }

  /** A removed directory has no whiteouts to remember. */
  private emptyTree(directory: Directory): void {
    const { tree } = this.view;
    while (directory.used > 0) tree.removeEntry(directory, directory.children[directory.used - 1]!); // the last place is never empty
  }

  /** Takes references back; a node without name and reference goes. */
  forget(node: NodeIndex, references: number): void {
    const { nodes } = this.view.tree;
    if (node === rootIndex || nodes.addReferences(node, -references) > 0) return;
    if (nodes.has(node, nodeFlag.isDetached)) this.drop(node);
  }

  private drop(node: NodeIndex): void {
    const { view } = this;
    if (view.tree.nodes.isDirectory(node)) {
      const dir = view.isUpper(node) ? view.tree.directory(node).branches.dirIn(0) : undefined;
      if (dir !== undefined) view.upper.dropDirectory(dir);
    }
    view.files.drop(node);
    view.union.dropNode(node);
  }
}
