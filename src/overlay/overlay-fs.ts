/** OverlayFs: the copy-on-write file system over a stack of layers. Each operation is here in the kernel's words; the longer ones are in
 *  creation.ts, removal.ts, rename.ts, copy-up.ts. What lookups and listings need is in memory once a directory was seen. */

import { Attributes } from '../base/attributes.js';
import { errno } from '../base/errno.js';
import { FsError } from '../base/errors.js';
import { dirType, S_IFLNK, S_ISGID, S_ISUID } from '../base/mode.js';
import { type Name, nameMax } from '../base/name.js';
import { DirectoryLayer } from '../layers/directory-layer.js';
import { type NodeIndex, nodeFlag } from '../layers/node-table.js';
import { rootIndex } from '../layers/tree.js';
import type { Counters } from '../observe/counters.js';
import { O_ACCMODE, O_RDONLY, O_TRUNC, SEEK_DATA, UTIME_NOW, UTIME_OMIT } from '../sys/constants.js';
import { copyFileRange, fallocate, ftruncate, lseek, pwriteSome } from '../sys/file.js';
import { closeFd, openAt } from '../sys/open.js';
import { chmodAt, chownAt, statFs, utimensAt } from '../sys/stat.js';
import { getxattrAt, removexattrAt } from '../sys/xattr.js';
import {
  type AttributeChange,
  type Caller,
  Deferred,
  type DirectorySink,
  type FileSystem,
  type FsStatistics,
  type NodeId,
  type Time,
} from '../vfs/filesystem.js';
import { readContent } from './content.js';
import { CopyUp } from './copy-up.js';
import { Creation } from './creation.js';
import { Memory, namesMaxDefault } from './memory.js';
import { ReadAhead } from './read-ahead.js';
import { Removal } from './removal.js';
import { Rename } from './rename.js';
import type { View } from './view.js';
import { Xattrs } from './xattrs.js';

/** Larger ranges are copied outside the serving thread, in bytes. */
const inlineRangeMax = 1 << 20;
const capability = 'security.capability' as Name;

export class OverlayFs implements FileSystem {
  private readonly copyUp: CopyUp;
  private readonly creation: Creation;
  private readonly removal: Removal;
  private readonly renaming: Rename;
  private readonly xattrs: Xattrs;
  private readonly known = new Attributes();
  private readonly ahead: ReadAhead;
  private readonly memory: Memory;
  /** How many hold each file open, told by drivers that serve OPEN. */
  private readonly holders = new Map<NodeIndex, number>();

  constructor(
    readonly view: View,
    private readonly onDestroy: () => void,
  ) {
    this.copyUp = new CopyUp(view);
    this.creation = new Creation(view, this.copyUp);
    this.removal = new Removal(view, this.copyUp);
    this.renaming = new Rename(view, this.copyUp, this.creation, this.removal);
    this.xattrs = new Xattrs(view, this.copyUp);
    this.ahead = new ReadAhead(view);
    this.memory = new Memory(view, view.config.namesMax ?? namesMaxDefault);
    this.copyUp.onCopied = (node) => this.removal.forget(node, 1);
    view.union.onDrop = (node) => view.files.drop(node);
  }

  get isReadOnly(): boolean {
    return this.view.isReadOnly;
  }

  // ---- names and attributes --------------------------------------------------------------------------------------------------------

  lookup(parent: NodeId, name: Name): NodeId | undefined {
    const { view } = this;
    const { tree, counters } = view;
    if (name.length > nameMax) throw new FsError(errno.ENAMETOOLONG);
    counters.add('lookups');
    const touchedBefore = layersTouched(counters);
    const directory = view.directory(parent);
    const entry = tree.names.find(directory.node, name);
    const isMiss = entry === 0 || tree.names.node(entry) === 0;
    const node = isMiss ? 0 : view.union.statEntry(entry);
    const touched = layersTouched(counters) - touchedBefore;
    if (touched === 0) counters.add('lookupsFromMemory');
    else counters.add('layersTouched', touched);
    if (isMiss) {
      counters.add('lookupMisses');
      return undefined;
    }
    tree.nodes.addReferences(node, 1);
    return node as NodeId; // a row of the tree is the node's identity
  }

  reference(node: NodeId): NodeId {
    const { tree, union } = this.view;
    const entry = tree.nodes.entry(node);
    const given = entry === 0 ? node : union.statEntry(entry);
    tree.nodes.addReferences(given, 1);
    return given as NodeId; // rows of the tree are identities
  }

  forget(node: NodeId, references: number): void {
    this.removal.forget(node, references);
    this.memory.forgot();
  }

  hasAttributes(node: NodeId): boolean {
    const { nodes } = this.view.tree;
    if (!nodes.has(node, nodeFlag.hasAttributes)) return false;
    return !nodes.isDirectory(node) || this.view.tree.directory(node).isLoaded;
  }

  getattr(node: NodeId, out: Attributes, withBirthTime = false): void {
    if (this.holders.size > 0 && this.holders.has(node)) this.view.invalidate(node);
    this.view.getattr(node, out, withBirthTime);
  }

  setattr(node: NodeId, change: AttributeChange, _caller: Caller): void {
    const { view } = this;
    if (this.isFlush(node, change)) return;
    if (change.size === undefined) this.copyUp.ensure(node);
    else this.truncate(node, change.size);
    const place = view.upperPlace(node);
    if (change.uid !== undefined || change.gid !== undefined) this.chown(place, change);
    if (change.killPrivileges === true) this.dropPrivileges(node);
    if (change.mode !== undefined) chmodAt(place.fd, place.name, change.mode & 0o7777);
    if (change.atime !== undefined || change.mtime !== undefined) setTimes(place, change.atime, change.mtime);
    view.invalidate(node);
  }

  /** The kernel writes back an inode it touched itself (a link count, by unlink): the times it has. Nothing to copy up for. */
  private isFlush(node: NodeIndex, change: AttributeChange): boolean {
    const { ctime, mtime, ...rest } = change;
    if (ctime === undefined || Object.keys(rest).length > 0 || this.view.isUpper(node)) return false;
    if (mtime === undefined) return true;
    const { known } = this;
    this.view.getattr(node, known, false);
    return mtime !== 'now' && mtime.sec === known.mtimeSec && mtime.nsec === known.mtimeNsec;
  }

  private truncate(node: NodeIndex, size: number): void {
    const type = this.view.tree.nodes.type(node);
    if (type !== dirType.reg) throw new FsError(type === dirType.dir ? errno.EISDIR : errno.EINVAL);
    this.copyUp.ensure(node, size);
    ftruncate(this.view.files.writing(node).fd, size);
  }

  private chown(place: { fd: number; name: Name }, change: AttributeChange): void {
    const { ids } = this.view;
    if (ids.isSquashed) return;
    const uid = change.uid === undefined ? -1 : ids.uidOnDisk(change.uid);
    const gid = change.gid === undefined ? -1 : ids.gidOnDisk(change.gid);
    if (uid === undefined || gid === undefined) throw new FsError(errno.EINVAL, 'an id without a mapping');
    chownAt(place.fd, place.name, uid, gid);
  }

  /** What ext4 does when somebody without CAP_FSETID writes to or truncates a file: no setuid, no setgid, no file capability. */
  private dropPrivileges(node: NodeIndex): void {
    const { view } = this;
    view.restat(node);
    const mode = view.tree.nodes.mode(node);
    if (view.tree.nodes.type(node) !== dirType.reg) return;
    const dropped = (mode & S_ISUID) | ((mode & (S_ISGID | 0o010)) === (S_ISGID | 0o010) ? S_ISGID : 0);
    const place = view.upperPlace(node);
    if (dropped !== 0) chmodAt(place.fd, place.name, mode & 0o7777 & ~dropped);
    // Asked first: without rights to remove it, removing is refused also where there is none.
    if (getxattrAt(place.fd, place.name, capability) !== undefined) removexattrAt(place.fd, place.name, capability);
    view.invalidate(node);
  }

  readlink(node: NodeId): Name {
    const { view } = this;
    if (view.tree.nodes.type(node) !== dirType.lnk) throw new FsError(errno.EINVAL);
    if (view.isUpper(node) && view.tree.nodes.entry(node) === 0) throw new FsError(errno.ENOENT);
    const place = view.union.locate(node);
    return place.layer.readlink(place.dir, place.name, place.ref);
  }

  statfs(): FsStatistics {
    const layer = this.view.union.layers[0];
    if (layer instanceof DirectoryLayer) return statFs(layer.fd(layer.root));
    return {
      blocks: 0,
      bfree: 0,
      bavail: 0,
      files: this.view.tree.names.count,
      ffree: 0,
      bsize: 4096,
      frsize: 4096,
      namelen: nameMax,
    };
  }

  // ---- changes of the namespace ------------------------------------------------------------------------------------------------------

  mknod(parent: NodeId, name: Name, mode: number, rdev: number, caller: Caller): NodeId {
    return this.creation.make(parent, name, mode, rdev, caller) as NodeId; // rows of the tree are identities, here and below
  }

  mkdir(parent: NodeId, name: Name, mode: number, caller: Caller): NodeId {
    return this.creation.make(parent, name, (mode & 0o7777) | (dirType.dir << 12), 0, caller) as NodeId;
  }

  symlink(parent: NodeId, name: Name, target: Name, caller: Caller): NodeId {
    return this.creation.make(parent, name, S_IFLNK | 0o777, 0, caller, target) as NodeId;
  }

  tmpfile(parent: NodeId, mode: number, caller: Caller): NodeId {
    return this.creation.makeNameless(parent, mode, caller) as NodeId;
  }

  link(node: NodeId, parent: NodeId, name: Name): void {
    this.creation.link(node, parent, name);
  }

  unlink(parent: NodeId, name: Name): void {
    this.removal.unlink(parent, name);
  }

  rmdir(parent: NodeId, name: Name): void {
    this.removal.rmdir(parent, name);
  }

  rename(parent: NodeId, name: Name, newParent: NodeId, newName: Name, flags: number): void {
    this.renaming.rename(parent, name, newParent, newName, flags);
  }

  // ---- bytes -------------------------------------------------------------------------------------------------------------------------

  open(node: NodeId, flags: number): void {
    const { view } = this;
    const type = view.tree.nodes.type(node);
    if ((flags & O_ACCMODE) !== O_RDONLY) {
      if (type === dirType.dir) throw new FsError(errno.EISDIR);
      void view.upper;
    }
    if (type !== dirType.reg) return;
    if ((flags & O_TRUNC) !== 0) {
      this.truncate(node, 0);
      view.invalidate(node);
    } else {
      view.files.reading(node);
    }
    this.holders.set(node, (this.holders.get(node) ?? 0) + 1);
  }

  release(node: NodeId): void {
    const { view } = this;
    const left = (this.holders.get(node) ?? 0) - 1;
    view.invalidate(node);
    if (left > 0) {
      this.holders.set(node, left);
      return;
    }
    this.holders.delete(node);
    if (!view.tree.nodes.has(node, nodeFlag.isDetached)) view.files.unpin(node);
  }

  backing(node: NodeId, writable: boolean): number | undefined {
    const { view } = this;
    if (view.tree.nodes.type(node) !== dirType.reg) return undefined;
    if (!view.isUpper(node) && (writable || !view.isReadOnly)) return undefined;
    if (writable) view.files.writing(node);
    const file = view.files.pin(node);
    return file.start === 0 && file.extents === undefined ? file.fd : undefined;
  }

  read(node: NodeId, offset: number, buffer: Buffer, at: number, length: number): number {
    const type = this.view.tree.nodes.type(node);
    if (type !== dirType.reg) throw new FsError(type === dirType.dir ? errno.EISDIR : errno.EINVAL);
    const count = readContent(this.view.files.reading(node), offset, buffer, at, length);
    this.view.counters.add('bytesRead', count);
    return count;
  }

  write(
    node: NodeId,
    offset: number,
    buffer: Buffer,
    at: number,
    length: number,
    killPrivileges: boolean,
    keepTimes = false,
  ): number {
    const { view } = this;
    if (view.tree.nodes.type(node) !== dirType.reg) throw new FsError(errno.EINVAL);
    this.copyUp.ensure(node);
    if (killPrivileges) this.dropPrivileges(node);
    if (keepTimes) view.getattr(node, this.known, false);
    const { fd } = view.files.writing(node);
    view.invalidate(node);
    const count = pwriteSome(fd, buffer, at, length, offset);
    if (keepTimes) utimensAt(fd, '' as Name, 0, UTIME_OMIT, this.known.mtimeSec, this.known.mtimeNsec);
    view.counters.add('bytesWritten', count);
    return count;
  }

  fsync(node: NodeId, dataOnly: boolean): void {
    const { view } = this;
    if (view.isReadOnly || view.config.isVolatile || !view.isUpper(node)) return;
    const { nodes } = view.tree;
    if (nodes.isDirectory(node)) {
      if (view.isRemoved(node)) return;
      const fd = openAt(view.upperFd(view.tree.directory(node)), '.' as Name, O_RDONLY);
      throw new Deferred({ kind: 'fsync', fd, dataOnly }, 'done', () => closeFd(fd));
    }
    if (nodes.type(node) !== dirType.reg) return;
    const wasPinned = view.files.isPinned(node);
    const { fd } = view.files.pin(node);
    throw new Deferred({ kind: 'fsync', fd, dataOnly }, 'done', () => this.unpinAfter(node, wasPinned));
  }

  private unpinAfter(node: NodeIndex, wasPinned: boolean): void {
    if (wasPinned || this.holders.has(node) || this.view.tree.nodes.has(node, nodeFlag.isDetached)) return;
    this.view.files.unpin(node);
  }

  fallocate(node: NodeId, mode: number, offset: number, length: number): void {
    const { view } = this;
    if (view.tree.nodes.type(node) !== dirType.reg) throw new FsError(errno.ENODEV);
    this.copyUp.ensure(node);
    fallocate(view.files.writing(node).fd, mode, offset, length);
    view.invalidate(node);
  }

  seek(node: NodeId, offset: number, whence: number): number {
    const file = this.view.files.reading(node);
    if (file.start === 0 && file.extents === undefined) return lseek(file.fd, offset, whence);
    this.view.stat(node);
    return seekContent(file.extents, this.view.tree.nodes.size(node), offset, whence);
  }

  copyFileRange(source: NodeId, sourceOffset: number, target: NodeId, targetOffset: number, length: number): number {
    const { view } = this;
    this.copyUp.ensure(target);
    const from = view.files.reading(source);
    if (from.extents !== undefined) throw new FsError(errno.EOPNOTSUPP);
    const to = view.files.writing(target);
    const wanted = Math.min(length, Math.max(0, from.size - sourceOffset));
    view.invalidate(target);
    if (wanted <= inlineRangeMax) return copyFileRange(from.fd, from.start + sourceOffset, to.fd, targetOffset, wanted);
    const held = [source, target].filter((node) => !view.files.isPinned(node));
    view.files.pin(source);
    view.files.pin(target);
    const job = {
      kind: 'copy-range',
      source: from.fd,
      sourceOffset: from.start + sourceOffset,
      target: to.fd,
      targetOffset,
      length: wanted,
    } as const;
    throw new Deferred(job, 'done', () => {
      for (const node of held) this.unpinAfter(node, false);
      view.invalidate(target);
    });
  }

  // ---- listings and xattrs -----------------------------------------------------------------------------------------------------------

  readdir(node: NodeId, offset: number, sink: DirectorySink): void {
    const { view } = this;
    const { tree } = view;
    const directory = view.directory(node);
    if (offset === 0) this.ahead.listed(directory);
    if (offset < 1 && !sink('.' as Name, undefined, tree.nodes.ino(node), dirType.dir, 1)) return;
    if (offset < 2 && !sink('..' as Name, undefined, this.parentIno(node), dirType.dir, 2)) return;
    for (let place = directory.placeFrom(Math.max(0, offset - 2)); place < directory.used; place++) {
      const entry = directory.children[place]!;
      if (entry === 0) continue;
      const child = tree.names.node(entry);
      if (child === 0) continue;
      const next = directory.positionAt(place) + 3;
      const taken = sink(tree.names.name(entry), child as NodeId, tree.nodes.ino(child), tree.nodes.type(child), next);
      if (!taken) return;
    }
  }

  /** Lists directories ahead of a walk that goes down the tree. */
  idle(): boolean {
    return this.ahead.step();
  }

  private parentIno(node: NodeIndex): number {
    const { nodes, names } = this.view.tree;
    const entry = node === rootIndex ? 0 : nodes.entry(node);
    return nodes.ino(entry === 0 ? rootIndex : names.directory(entry));
  }

  getxattr(node: NodeId, name: Name): Buffer | undefined {
    return this.xattrs.get(node, name);
  }
  setxattr(node: NodeId, name: Name, value: Buffer, flags: number): void {
    this.xattrs.set(node, name, value, flags);
  }
  listxattr(node: NodeId): Name[] {
    return this.xattrs.list(node);
  }
  removexattr(node: NodeId, name: Name): void {
    this.xattrs.remove(node, name);
  }

  destroy(): void {
    this.onDestroy();
  }
}

/** How often a layer was asked for anything but bytes. */
function layersTouched(counters: Counters): number {
  return counters.get('layerListings') + counters.get('layerStats');
}

function setTimes(place: { fd: number; name: Name }, atime: Time | 'now' | undefined, mtime: Time | 'now' | undefined): void {
  const nsec = (time: Time | 'now' | undefined): number =>
    time === undefined ? UTIME_OMIT : time === 'now' ? UTIME_NOW : time.nsec;
  const sec = (time: Time | 'now' | undefined): number => (typeof time === 'object' ? time.sec : 0);
  utimensAt(place.fd, place.name, sec(atime), nsec(atime), sec(mtime), nsec(mtime));
}

/** SEEK_DATA and SEEK_HOLE of a tar's file: data all through, or the extents of a sparse entry. */
function seekContent(
  extents: readonly { offset: number; length: number }[] | undefined,
  size: number,
  offset: number,
  whence: number,
): number {
  if (offset >= size) throw new FsError(errno.ENXIO);
  const ranges = extents ?? [{ offset: 0, length: size }];
  const around = ranges.find((range) => offset >= range.offset && offset < range.offset + range.length);
  if (whence === SEEK_DATA) {
    if (around !== undefined) return offset;
    const next = ranges.find((range) => range.offset > offset && range.length > 0);
    if (next === undefined) throw new FsError(errno.ENXIO);
    return next.offset;
  }
  if (around === undefined) return offset;
  let end = around.offset + around.length;
  for (const range of ranges) if (range.offset === end) end += range.length;
  return Math.min(end, size);
}
