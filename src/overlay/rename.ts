/** rename: a table of cases. What moves is made upper first; a directory with lower parts takes a redirect along (the kernel's format);
 *  one that covers a lower directory becomes opaque. Every state on the way shows either the old or the new tree. */

import { errno } from '../base/errno.js';
import { FsError } from '../base/errors.js';
import type { Name } from '../base/name.js';
import { type EntryIndex, entryFlag } from '../layers/union/name-table.js';
import type { NodeIndex } from '../layers/union/node-table.js';
import { type Directory, rootIndex } from '../layers/union/tree.js';
import { RENAME_EXCHANGE, RENAME_NOREPLACE, RENAME_WHITEOUT } from '../sys/constants.js';
import { unlinkAt } from '../sys/namespace.js';
import type { CopyUp } from './copy-up.js';
import { crashPoint } from './crash-point.js';
import type { Creation } from './creation.js';
import type { Removal } from './removal.js';
import type { OverlayState } from './state.js';

/** One end of a rename; `entry` 0: nothing is known of the name; `node` 0: it does not show. */
interface End {
  directory: Directory;
  name: Name;
  entry: EntryIndex;
  node: NodeIndex;
}

/** The kernel's limit for a redirect mark (redirect_max), in bytes. */
const redirectMax = 256;

export class Rename {
  constructor(
    private readonly state: OverlayState,
    private readonly copyUp: CopyUp,
    private readonly creation: Creation,
    private readonly removal: Removal,
  ) {}

  rename(parent: NodeIndex, name: Name, newParent: NodeIndex, newName: Name, flags: number): void {
    const from = this.end(parent, name);
    if (from.node === 0) throw new FsError(errno.ENOENT);
    if (this.state.isRemoved(newParent)) throw new FsError(errno.ENOENT);
    this.creation.checkName(newName, newParent);
    const to = this.end(newParent, newName);
    this.check(from, to, flags);
    if (from.node === to.node) return;
    if ((flags & RENAME_EXCHANGE) !== 0) this.exchange(from, to);
    else this.move(from, to);
  }

  private end(parent: NodeIndex, name: Name): End {
    const { names } = this.state.tree;
    const directory = this.state.directory(parent);
    const entry = names.find(directory.node, name);
    return { directory, name, entry, node: names.node(entry) };
  }

  private check(from: End, to: End, flags: number): void {
    const { state } = this;
    state.mustBeWritable();
    const isExchange = (flags & RENAME_EXCHANGE) !== 0;
    // RENAME_WHITEOUT, as in the kernel's overlayfs: an overlay whose upper lies in the view could not see the mark that it asks for.
    if ((flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE)) !== 0) {
      state.hostsOverlay ||= (flags & RENAME_WHITEOUT) !== 0;
      throw new FsError(errno.EINVAL);
    }
    if (isExchange && (flags & RENAME_NOREPLACE) !== 0) throw new FsError(errno.EINVAL);
    if (to.node === 0) {
      if (isExchange) throw new FsError(errno.ENOENT);
      return;
    }
    if ((flags & RENAME_NOREPLACE) !== 0) throw new FsError(errno.EEXIST);
    if (isExchange || from.node === to.node) return;
    const { nodes } = state.tree;
    if (nodes.isDirectory(from.node) && !nodes.isDirectory(to.node)) throw new FsError(errno.ENOTDIR);
    if (!nodes.isDirectory(from.node) && nodes.isDirectory(to.node)) throw new FsError(errno.EISDIR);
    if (nodes.isDirectory(to.node) && state.union.loaded(to.node).visible > 0) throw new FsError(errno.ENOTEMPTY);
  }

  private move(from: End, to: End): void {
    const { state } = this;
    this.prepare(from, to);
    if (to.node !== 0) this.removal.keepForHolders(to.node);
    const hides = state.hidesLower(from.entry);
    crashPoint('rename-move');
    this.moveOnDisk(from, to, hides);
    crashPoint('rename-done');
    this.placeName(from, to, hides);
    if (to.node !== 0) this.removal.lostName(to.node);
    this.moved(from.node, to);
  }

  /** Makes both directories and what moves upper, and marks a directory so that it shows the same at its new place. */
  private prepare(moving: End, target: End): void {
    this.copyUp.ensure(moving.directory.node);
    this.copyUp.ensure(target.directory.node);
    const { state } = this;
    const directory = state.tree.nodes.isDirectory(moving.node) ? state.union.loaded(moving.node) : undefined;
    const isMerged = directory !== undefined && (state.isMerged(directory) || !state.isUpper(moving.node));
    const redirect = isMerged ? this.redirectOf(moving.node) : undefined;
    this.copyUp.ensure(moving.node);
    if (directory === undefined) return;
    if (redirect !== undefined) {
      state.upper.setRedirect(state.upperFd(directory), redirect);
      directory.isRedirected = true;
      crashPoint('rename-redirect');
    } else if (target.entry !== 0 && state.hidesLower(target.entry)) {
      state.upper.setOpaque(state.upperFd(directory));
    }
  }

  /** Where the lower parts of a directory are, as the path from the overlay root that lower layers know (Linux ovl_get_redirect). */
  private redirectOf(node: NodeIndex): Name {
    const { state } = this;
    const { tree } = state;
    if (!state.config.redirectDir || !state.upper.canRedirect) throw new FsError(errno.EXDEV, 'redirects are off');
    const parts: string[] = [];
    let isAbsolute = false;
    for (let at = node; at !== rootIndex && !isAbsolute; ) {
      const entry = tree.nodes.entry(at);
      const own = state.isUpper(at) ? state.upper.getRedirect(state.upperFd(tree.directory(at))) : undefined;
      isAbsolute = own?.startsWith('/') ?? false;
      parts.push(isAbsolute ? own!.slice(1) : (own ?? tree.names.name(entry))); // isAbsolute only if own is there
      at = tree.names.directory(entry);
    }
    const redirect = `/${parts.reverse().join('/')}` as Name; // names joined
    if (redirect.length > redirectMax) throw new FsError(errno.EXDEV, `a redirect of ${redirect.length} bytes is too long`);
    return redirect;
  }

  private moveOnDisk(from: End, to: End, hides: boolean): void {
    const { state } = this;
    const { upper, tree } = state;
    const fromFd = state.upperFd(from.directory);
    const toFd = state.upperFd(to.directory);
    const isDirectory = tree.nodes.isDirectory(from.node);
    const isCovered = to.entry !== 0 && to.node === 0;
    if (to.node !== 0 && isDirectory && state.isUpper(to.node)) this.clearTarget(to, toFd);
    if (isCovered && isDirectory && upper.exchange(fromFd, from.name, toFd, to.name)) {
      // the target's whiteout has changed places with the directory and may serve at the source
      if (!hides) unlinkAt(fromFd, from.name);
    } else if (hides) {
      upper.renameLeavingWhiteout(fromFd, from.name, toFd, to.name);
    } else {
      state.upper.rename(fromFd, from.name, toFd, to.name);
    }
    if (isCovered) upper.dropWhiteoutFile(toFd, to.name);
  }

  /** An empty directory of the view may hold whiteouts on disk, and rename(2) wants it empty there too. */
  private clearTarget(to: End, toFd: number): void {
    const { state } = this;
    const { upper, tree } = state;
    const target = tree.directory(to.node);
    if (upper.format.whiteout === 'file') {
      upper.discard(state.hidesLower(to.entry) ? upper.moveOutLeavingWhiteout(toFd, to.name) : upper.moveOut(toFd, to.name));
      return;
    }
    const fd = state.upperFd(target);
    if (target.whiteouts > 0) upper.setOpaque(fd);
    upper.emptyDirectory(fd);
  }

  private exchange(from: End, to: End): void {
    const { state } = this;
    const { tree } = state;
    this.prepare(from, to);
    this.prepare(to, from);
    state.upper.rename(state.upperFd(from.directory), from.name, state.upperFd(to.directory), to.name, RENAME_EXCHANGE);
    tree.pointEntry(from.directory, from.entry, to.node);
    tree.pointEntry(to.directory, to.entry, from.node);
    this.moved(from.node, to);
    this.moved(to.node, from);
  }

  /** The tree's part of a rename. A new name in the same directory is listed where the old one was: who renames what he reads there comes
   *  to an end. */
  private placeName(from: End, to: End, hides: boolean): void {
    const { tree } = this.state;
    tree.coverEntry(from.directory, from.entry);
    if (to.entry !== 0 && this.state.hidesLower(to.entry)) tree.names.setFlag(to.entry, entryFlag.hasLower);
    const entry = to.entry === 0 ? tree.addEntry(to.directory, to.name, from.node, 0) : to.entry;
    if (to.entry !== 0) tree.pointEntry(to.directory, entry, from.node);
    if (from.directory === to.directory && to.node === 0) tree.exchangePlaces(from.directory, from.entry, entry);
    this.removal.forgetName(from.directory, from.entry, hides);
  }

  /** The node has its new name in `place`. */
  private moved(node: NodeIndex, place: End): void {
    const { state } = this;
    const { tree, upper } = state;
    if (tree.nodes.isDirectory(node)) {
      upper.moveDirectory(state.upperDir(tree.directory(node)), state.upperDir(place.directory), place.name);
    }
    state.markOrigin(place.directory, node);
    state.invalidate(node);
    state.touched(place.directory);
  }
}
