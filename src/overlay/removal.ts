/** unlink and rmdir: a name goes; what lower layers would show there is covered by a whiteout in the same step. No data moves. */

import { errno } from '../base/errno.js';
import { errnoOf, FsError } from '../base/errors.js';
import { dirType } from '../base/mode.js';
import type { Name } from '../base/name.js';
import { withOwnerRights } from '../layers/owner-rights.js';
import { type EntryIndex, entryFlag } from '../layers/union/name-table.js';
import { type NodeIndex, nodeFlag } from '../layers/union/node-table.js';
import { type Directory, rootIndex } from '../layers/union/tree.js';
import { rmdirAt, unlinkAt } from '../sys/namespace.js';
import type { CopyUp } from './copy-up.js';
import { crashPoint } from './crash-point.js';
import type { OverlayState } from './state.js';

const self = '' as Name;

export class Removal {
  constructor(
    private readonly state: OverlayState,
    private readonly copyUp: CopyUp,
  ) {}

  unlink(parent: NodeIndex, name: Name): void {
    const { state } = this;
    const { upper, tree } = state;
    const directory = state.directory(parent);
    const entry = state.entry(directory, name);
    const node = state.union.statEntry(entry);
    if (tree.nodes.isDirectory(node)) throw new FsError(errno.EISDIR);
    this.copyUp.ensure(parent);
    this.keepForHolders(node);
    const fd = state.upperFd(directory);
    const hides = state.hidesLower(entry);
    if (!state.isUpper(node)) {
      upper.putWhiteout(fd, name);
      crashPoint('unlink-whiteout');
    } else if (hides) {
      const out = upper.moveOutLeavingWhiteout(fd, name);
      crashPoint('unlink-discard');
      upper.discard(out);
    } else {
      withOwnerRights([[fd, self]], () => unlinkAt(fd, name));
    }
    this.forgetName(directory, entry, hides);
    this.lostName(node);
  }

  rmdir(parent: NodeIndex, name: Name): void {
    const { state } = this;
    const { upper, tree } = state;
    const directory = state.directory(parent);
    const entry = state.entry(directory, name);
    const node = tree.names.node(entry);
    if (!tree.nodes.isDirectory(node)) throw new FsError(errno.ENOTDIR);
    const target = state.union.loaded(node);
    if (target.visible > 0) throw new FsError(errno.ENOTEMPTY);
    this.copyUp.ensure(parent);
    this.keepForHolders(node);
    const fd = state.upperFd(directory);
    const hides = state.hidesLower(entry);
    if (!state.isUpper(node)) upper.putWhiteout(fd, name);
    else if (hides) this.discardDirectory(upper.moveOutLeavingWhiteout(fd, name));
    else if (target.whiteouts > 0 || !this.isRemovedEmpty(fd, name)) this.discardDirectory(upper.moveOut(fd, name));
    this.forgetName(directory, entry, hides);
    this.lostName(node);
  }

  /** False where the disk holds what the view does not show: `.wh.` files. */
  private isRemovedEmpty(fd: number, name: Name): boolean {
    try {
      withOwnerRights([[fd, self]], () => rmdirAt(fd, name));
      return true;
    } catch (error) {
      if (errnoOf(error) !== errno.ENOTEMPTY) throw error;
      return false;
    }
  }

  private discardDirectory(out: Name): void {
    crashPoint('rmdir-discard');
    this.state.upper.discard(out);
  }

  /** The tree's part of taking a name away. */
  forgetName(directory: Directory, entry: EntryIndex, hides: boolean): void {
    const { tree } = this.state;
    if (hides) {
      tree.names.setFlag(entry, entryFlag.hasLower);
      tree.coverEntry(directory, entry);
    } else {
      tree.removeEntry(directory, entry);
    }
    this.state.touched(directory);
  }

  /** Before a node loses a name: those who hold it must be able to go on. */
  keepForHolders(node: NodeIndex): void {
    const { state } = this;
    const { nodes } = state.tree;
    state.stat(node);
    if (nodes.references(node) === 0 || state.tree.entriesOf(node).length > 1) return;
    if (!state.isUpper(node)) {
      if (!nodes.isDirectory(node)) state.union.keepPlace(node);
    } else if (nodes.type(node) === dirType.reg) {
      state.files.pin(node);
    } else {
      const entry = nodes.entry(node);
      state.files.pinObject(node, state.upperFd(state.tree.directoryOf(entry)), state.tree.names.name(entry));
    }
  }

  /** After a node has lost a name. */
  lostName(node: NodeIndex): void {
    const { state } = this;
    const { nodes } = state.tree;
    const isDirectory = nodes.isDirectory(node);
    if (!isDirectory && !state.isUpper(node)) state.union.links.loseName(state.tree.nodes.layer(node), node);
    nodes.setNlink(node, isDirectory ? 0 : Math.max(0, nodes.nlink(node) - 1));
    if (isDirectory) this.emptyTree(state.tree.directory(node));
    if (nodes.entry(node) === 0) {
      if (nodes.references(node) === 0) this.drop(node);
      else if (state.isUpper(node) && state.files.known(node) !== undefined) state.invalidate(node);
    } else if (state.isUpper(node)) {
      state.invalidate(node);
    }
  }

  /** A removed directory has no whiteouts to remember. */
  private emptyTree(directory: Directory): void {
    const { tree } = this.state;
    while (directory.used > 0) tree.removeEntry(directory, directory.children[directory.used - 1]!); // the last place is never empty
  }

  /** Takes references back; a node without name and reference goes. */
  forget(node: NodeIndex, references: number): void {
    const { nodes } = this.state.tree;
    if (node === rootIndex || nodes.addReferences(node, -references) > 0) return;
    if (nodes.has(node, nodeFlag.isDetached)) this.drop(node);
  }

  private drop(node: NodeIndex): void {
    const { state } = this;
    if (state.tree.nodes.isDirectory(node)) {
      const dir = state.isUpper(node) ? state.tree.directory(node).branches.dirIn(0) : undefined;
      if (dir !== undefined) state.upper.dropDirectory(dir);
    }
    state.files.drop(node);
    state.union.dropNode(node);
  }
}
