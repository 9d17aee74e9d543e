/** chattr(1) +i and +a. As in the kernel's overlay they are a mark of the upper's object (`overlay.protattr`), not flags of the disk's own,
 *  so that the engine itself may still move and delete what it holds; so whoever changes something asks here first. What the kernel's own
 *  file systems refuse is EPERM: fs/attr.c, fs/namei.c (may_delete, may_linkat), fs/xattr.c (xattr_permission), mm and ext4 for writes. The
 *  disk's other flags are the disk's. */

import { errno } from '../base/errno.js';
import { FsError } from '../base/errors.js';
import { FS_APPEND_FL, FS_IMMUTABLE_FL, protectionFlags } from '../base/inode-flags.js';
import { dirType } from '../base/mode.js';
import type { Name } from '../base/name.js';
import { DirectoryLayer } from '../layers/directory/directory-layer.js';
import { type NodeIndex, nodeFlag } from '../layers/union/node-table.js';
import { O_ACCMODE, O_APPEND, O_RDONLY, O_TRUNC } from '../sys/constants.js';
import { inodeFlags, setInodeFlags } from '../sys/file.js';
import { closeFd, openAt } from '../sys/open.js';
import type { AttributeChange } from '../vfs/filesystem.js';
import type { CopyUp } from './copy-up.js';
import type { OverlayState } from './state.js';

const dot = '.' as Name;
const FALLOC_FL_KEEP_SIZE = 1;

export class Protection {
  constructor(
    private readonly state: OverlayState,
    private readonly copyUp: CopyUp,
  ) {}

  /** FS_*_FL of the object. ENOTTY for what has none (symlinks, devices). */
  flags(node: NodeIndex): number {
    this.checkKind(node);
    return (this.withFd(node, inodeFlags) & ~protectionFlags) | this.of(node);
  }

  /** EOPNOTSUPP for flags that the disk does not keep. */
  setFlags(node: NodeIndex, flags: number): void {
    this.checkKind(node);
    const changed = (this.flags(node) ^ flags) & ~protectionFlags;
    this.copyUp.ensure(node);
    if (changed !== 0) this.withFd(node, (fd) => this.changeOnDisk(fd, changed, flags));
    const { fd, name } = this.state.upperPlace(node);
    this.state.upper.setProtection(fd, name, flags & protectionFlags);
    if ((flags & protectionFlags) === 0) this.state.tree.nodes.setFlag(node, nodeFlag.isUnprotected);
    else this.state.tree.nodes.clearFlag(node, nodeFlag.isUnprotected);
    this.state.invalidate(node);
  }

  private changeOnDisk(fd: number, changed: number, flags: number): number {
    setInodeFlags(fd, (inodeFlags(fd) & ~changed) | (flags & changed));
    return 0;
  }

  private checkKind(node: NodeIndex): void {
    const type = this.state.tree.nodes.type(node);
    if (type !== dirType.reg && type !== dirType.dir) throw new FsError(errno.ENOTTY);
  }

  /** `use` with a descriptor of the object itself; 0 flags for what lies in no directory (a tar). */
  private withFd(node: NodeIndex, use: (fd: number) => number): number {
    const { state } = this;
    if (state.tree.nodes.type(node) === dirType.reg) {
      const isOnDisk = state.isUpper(node) || state.union.locate(node).layer instanceof DirectoryLayer;
      return isOnDisk ? use(state.files.reading(node).fd) : 0;
    }
    const { position, dir } = state.union.spelledOut(state.tree.directory(node));
    const layer = state.union.layers[position];
    if (!(layer instanceof DirectoryLayer)) return 0;
    const fd = openAt(layer.fd(dir), dot, O_RDONLY);
    try {
      return use(fd);
    } finally {
      closeFd(fd);
    }
  }

  /** The protecting flags of the object; those of a layer do not count. */
  private of(node: NodeIndex): number {
    const { state } = this;
    const { nodes } = state.tree;
    if (nodes.has(node, nodeFlag.isUnprotected) || !state.isUpper(node) || state.isRemoved(node)) return 0;
    const { fd, name } = state.upperPlace(node);
    const flags = state.upper.protection(fd, name);
    if (flags === 0) nodes.setFlag(node, nodeFlag.isUnprotected);
    return flags;
  }

  private refuse(node: NodeIndex, flags: number): void {
    if ((this.of(node) & flags) !== 0) throw new FsError(errno.EPERM, 'chattr has protected it');
  }

  checkAttributes(node: NodeIndex, change: AttributeChange): void {
    const isOwner =
      change.mode !== undefined || change.uid !== undefined || change.gid !== undefined || change.size !== undefined;
    // With a writeback cache the kernel sends the times of what it wrote, and the ctime with them.
    const setsTime = typeof change.atime === 'object' || (typeof change.mtime === 'object' && change.ctime === undefined);
    this.refuse(node, isOwner || setsTime ? protectionFlags : FS_IMMUTABLE_FL);
  }

  checkXattrs(node: NodeIndex): void {
    this.refuse(node, protectionFlags);
  }

  /** A name is to be made in the directory. */
  checkAdding(parent: NodeIndex): void {
    this.refuse(parent, FS_IMMUTABLE_FL);
  }

  checkLinking(node: NodeIndex): void {
    this.refuse(node, protectionFlags);
  }

  /** The name, if it is there, is to go or to become another object's. */
  checkRemoving(parent: NodeIndex, name: Name): void {
    this.refuse(parent, protectionFlags);
    const { tree } = this.state;
    const entry = tree.shown(this.state.directory(parent), name);
    if (entry !== 0) this.refuse(tree.names.node(entry), protectionFlags);
  }

  /** The name is the target of a rename. */
  checkReplacing(parent: NodeIndex, name: Name): void {
    if (this.state.tree.shown(this.state.directory(parent), name) === 0) this.checkAdding(parent);
    else this.checkRemoving(parent, name);
  }

  /** Bytes from `offset` on are to change; undefined: anywhere. */
  checkWriting(node: NodeIndex, offset?: number): void {
    const flags = this.of(node);
    if (flags === 0) return;
    if ((flags & FS_IMMUTABLE_FL) !== 0) this.refuse(node, FS_IMMUTABLE_FL);
    this.state.restat(node);
    if (offset !== this.state.tree.nodes.size(node)) this.refuse(node, FS_APPEND_FL);
  }

  /** The kernel writes pages of a writeback cache whole: how many of the first bytes of an append-only file's are there already and stay. */
  keptOfPages(node: NodeIndex, offset: number, length: number): number {
    if ((this.of(node) & FS_APPEND_FL) === 0) return 0;
    this.state.restat(node);
    const kept = Math.max(0, this.state.tree.nodes.size(node) - offset);
    if (kept >= length) this.refuse(node, FS_APPEND_FL);
    return kept;
  }

  /** fallocate(2): an append-only file may get room, without holes or zeros in what is there. */
  checkAllocating(node: NodeIndex, mode: number): void {
    this.refuse(node, (mode & ~FALLOC_FL_KEEP_SIZE) === 0 ? FS_IMMUTABLE_FL : protectionFlags);
  }

  /** open(2) of somebody who may be served past us. */
  checkOpening(node: NodeIndex, flags: number): void {
    if ((flags & O_ACCMODE) === O_RDONLY && (flags & O_TRUNC) === 0) return;
    const appends = (flags & O_APPEND) !== 0 && (flags & O_TRUNC) === 0;
    this.refuse(node, appends ? FS_IMMUTABLE_FL : protectionFlags);
  }
}
