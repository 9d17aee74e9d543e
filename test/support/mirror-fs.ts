/** A FileSystem over a directory: every operation is passed through to it. It shows a driver at work without the engine, and can be told
 *  to fail or to defer on names that begin with a word:
 *  `throws-` an exception in lookup; `slow-` the first write waits for a job (a copy to nowhere) and is then retried. */

import { Attributes } from '../../src/base/attributes.js';
import { errno } from '../../src/base/errno.js';
import { FsError } from '../../src/base/errors.js';
import type { FsStatistics } from '../../src/base/fs-statistics.js';
import { dirType, isRegular, S_IFMT } from '../../src/base/mode.js';
import { type Name, nameFromText } from '../../src/base/name.js';
import * as c from '../../src/sys/constants.js';
import { readDirectory } from '../../src/sys/dir.js';
import * as file from '../../src/sys/file.js';
import { linkAt, mkdirAt, mknodAt, readlinkAt, renameAt, rmdirAt, symlinkAt, unlinkAt } from '../../src/sys/namespace.js';
import { closeFd, openAt, openPath, reopen, tryOpenAt } from '../../src/sys/open.js';
import { setUmask } from '../../src/sys/process.js';
import { chmodAt, chownAt, statAt, statFs, UTIME_NOW, UTIME_OMIT, utimensAt } from '../../src/sys/stat.js';
import { getxattrAt, listxattrAt, removexattrAt, setxattrAt } from '../../src/sys/xattr.js';
import {
  type AttributeChange,
  type Caller,
  Deferred,
  type DirectorySink,
  type FileSystem,
  type NodeId,
  rootNode,
  type Time,
} from '../../src/vfs/filesystem.js';

interface MirrorNode {
  /** O_PATH. */
  path: number;
  /** Readable, and writable if the file system is; opened when bytes are wanted. */
  data: number;
  key: string;
  references: number;
  name: string;
  isSlow: boolean;
  listing: { name: Name; type: number; ino: number }[];
}

const self = '' as Name;

export class MirrorFs implements FileSystem {
  private readonly nodes = new Map<NodeId, MirrorNode>();
  private readonly byKey = new Map<string, NodeId>();
  private lastNode = 0;
  private readonly scratch = new Attributes();

  constructor(
    root: string,
    readonly isReadOnly: boolean,
  ) {
    setUmask(0);
    this.adopt(openPath(root, c.O_PATH | c.O_DIRECTORY), 'root');
  }

  private node(id: NodeId): MirrorNode {
    const node = this.nodes.get(id);
    if (node === undefined) throw new FsError(errno.ESTALE, `node ${id}`);
    return node;
  }

  /** The node of an O_PATH descriptor, with one more reference. */
  private adopt(path: number, name: string): NodeId {
    statAt(path, self, this.scratch);
    const key = `${this.scratch.dev}:${this.scratch.ino}`;
    const known = this.byKey.get(key);
    if (known !== undefined) {
      closeFd(path);
      this.node(known).references++;
      return known;
    }
    const id = ++this.lastNode as NodeId;
    this.nodes.set(id, { path, data: -1, key, references: 1, name, isSlow: name.startsWith('slow-'), listing: [] });
    this.byKey.set(key, id);
    return id;
  }

  private dataOf(id: NodeId): number {
    const node = this.node(id);
    if (node.data < 0) node.data = reopen(node.path, this.isReadOnly ? c.O_RDONLY : c.O_RDWR);
    return node.data;
  }

  lookup(parent: NodeId, name: Name): NodeId | undefined {
    if (name.startsWith('throws-')) throw new Error('a bug in the file system');
    const fd = tryOpenAt(this.node(parent).path, name, c.O_PATH | c.O_NOFOLLOW);
    return fd === undefined ? undefined : this.adopt(fd, name);
  }

  forget(id: NodeId, references: number): void {
    const node = this.node(id);
    node.references -= references;
    if (node.references > 0 || id === rootNode) return;
    this.nodes.delete(id);
    this.byKey.delete(node.key);
    closeFd(node.path);
    if (node.data >= 0) closeFd(node.data);
  }

  reference(id: NodeId): NodeId {
    this.node(id).references++;
    return id;
  }

  idle(): boolean {
    return false;
  }

  hasAttributes(): boolean {
    return false;
  }

  getattr(id: NodeId, out: Attributes): void {
    statAt(this.node(id).path, self, out);
  }

  setattr(id: NodeId, change: AttributeChange): void {
    const { path } = this.node(id);
    if (change.uid !== undefined || change.gid !== undefined) chownAt(path, self, change.uid ?? -1, change.gid ?? -1);
    if (change.mode !== undefined) chmodAt(path, self, change.mode & 0o7777);
    if (change.size !== undefined) file.ftruncate(this.dataOf(id), change.size);
    if (change.atime === undefined && change.mtime === undefined) return;
    const [atimeSec, atimeNsec] = timeOf(change.atime);
    const [mtimeSec, mtimeNsec] = timeOf(change.mtime);
    utimensAt(path, self, atimeSec, atimeNsec, mtimeSec, mtimeNsec);
  }

  readlink(id: NodeId): Name {
    return readlinkAt(this.node(id).path, self);
  }

  statfs(): FsStatistics {
    return statFs(this.node(rootNode).path);
  }

  private made(parent: NodeId, name: Name, caller: Caller): NodeId {
    const directory = this.node(parent).path;
    chownAt(directory, name, caller.uid, caller.gid);
    return this.adopt(openAt(directory, name, c.O_PATH | c.O_NOFOLLOW), name);
  }

  mknod(parent: NodeId, name: Name, mode: number, rdev: number, caller: Caller): NodeId {
    mknodAt(this.node(parent).path, name, (mode & S_IFMT) | (mode & 0o7777 & ~caller.umask), rdev);
    return this.made(parent, name, caller);
  }

  mkdir(parent: NodeId, name: Name, mode: number, caller: Caller): NodeId {
    mkdirAt(this.node(parent).path, name, mode & ~caller.umask);
    return this.made(parent, name, caller);
  }

  symlink(parent: NodeId, name: Name, target: Name, caller: Caller): NodeId {
    symlinkAt(target, this.node(parent).path, name);
    return this.made(parent, name, caller);
  }

  tmpfile(parent: NodeId, mode: number): NodeId {
    return this.adopt(openAt(this.node(parent).path, nameFromText('.'), c.O_TMPFILE | c.O_RDWR, mode & 0o7777), 'tmpfile');
  }

  link(id: NodeId, parent: NodeId, name: Name): void {
    const node = this.node(id);
    linkAt(node.path, self, this.node(parent).path, name);
    node.references++;
  }

  unlink(parent: NodeId, name: Name): void {
    unlinkAt(this.node(parent).path, name);
  }

  rmdir(parent: NodeId, name: Name): void {
    rmdirAt(this.node(parent).path, name);
  }

  rename(parent: NodeId, name: Name, newParent: NodeId, newName: Name, flags: number): void {
    renameAt(this.node(parent).path, name, this.node(newParent).path, newName, flags);
  }

  open(id: NodeId): void {
    this.node(id);
  }

  release(id: NodeId): void {
    this.node(id);
  }

  read(id: NodeId, offset: number, buffer: Buffer, at: number, length: number): number {
    return file.pread(this.dataOf(id), buffer, at, length, offset);
  }

  write(id: NodeId, offset: number, buffer: Buffer, at: number, length: number): number {
    const node = this.node(id);
    if (node.isSlow) this.deferWrite(node);
    return file.pwrite(this.dataOf(id), buffer, at, length, offset);
  }

  private deferWrite(node: MirrorNode): never {
    const source = reopen(node.path, c.O_RDONLY);
    const target = openPath('/tmp', c.O_TMPFILE | c.O_RDWR, 0o600);
    statAt(source, self, this.scratch);
    const job = { kind: 'copy', source, sourceStart: 0, target, length: this.scratch.size } as const;
    throw new Deferred(job, 'retry', () => {
      node.isSlow = false;
      closeFd(source);
      closeFd(target);
    });
  }

  fsync(id: NodeId, dataOnly: boolean): void {
    this.getattr(id, this.scratch);
    if (!isRegular(this.scratch.mode)) return;
    throw new Deferred({ kind: 'fsync', fd: this.dataOf(id), dataOnly }, 'done', () => {});
  }

  fallocate(id: NodeId, mode: number, offset: number, length: number): void {
    file.fallocate(this.dataOf(id), mode, offset, length);
  }

  inodeFlags(id: NodeId): number {
    return file.inodeFlags(this.dataOf(id));
  }

  setInodeFlags(id: NodeId, flags: number): void {
    file.setInodeFlags(this.dataOf(id), flags);
  }

  seek(id: NodeId, offset: number, whence: number): number {
    return file.lseek(this.dataOf(id), offset, whence);
  }

  copyFileRange(from: NodeId, sourceOffset: number, to: NodeId, targetOffset: number, length: number): number {
    const [source, target] = [this.dataOf(from), this.dataOf(to)];
    throw new Deferred({ kind: 'copy-range', source, sourceOffset, target, targetOffset, length }, 'done', () => {});
  }

  backing(id: NodeId): number | undefined {
    return this.dataOf(id);
  }

  readdir(id: NodeId, offset: number, sink: DirectorySink): void {
    const node = this.node(id);
    if (offset === 0) node.listing = this.list(node);
    for (let at = offset; at < node.listing.length; at++) {
      const { name, type, ino } = node.listing[at]!; // at is below the length
      if (!this.give(id, name, type, ino, at + 1, sink)) return;
    }
  }

  private list(node: MirrorNode): MirrorNode['listing'] {
    const entries = ['.', '..'].map((name) => ({ name: name as Name, type: dirType.dir as number, ino: 1 }));
    const fd = reopen(node.path, c.O_RDONLY | c.O_DIRECTORY);
    try {
      readDirectory(fd, (name, type, ino) => entries.push({ name, type, ino }));
    } finally {
      closeFd(fd);
    }
    return entries;
  }

  /** A node is looked up for the time of the call. */
  private give(parent: NodeId, name: Name, type: number, ino: number, offset: number, sink: DirectorySink): boolean {
    if (name === '.' || name === '..' || name.startsWith('throws-')) return sink(name, undefined, ino, type, offset);
    const child = this.lookup(parent, name);
    if (child === undefined) return true;
    try {
      return sink(name, child, ino, type, offset);
    } finally {
      this.forget(child, 1);
    }
  }

  getxattr(id: NodeId, name: Name): Buffer | undefined {
    return getxattrAt(this.node(id).path, self, name);
  }

  setxattr(id: NodeId, name: Name, value: Buffer, flags: number): void {
    setxattrAt(this.node(id).path, self, name, value, flags);
  }

  listxattr(id: NodeId): Name[] {
    return listxattrAt(this.node(id).path, self);
  }

  removexattr(id: NodeId, name: Name): void {
    if (!removexattrAt(this.node(id).path, self, name)) throw new FsError(errno.ENODATA);
  }

  destroy(): void {
    for (const [id, node] of this.nodes) if (id !== rootNode) this.forget(id, node.references);
  }
}

function timeOf(time: Time | 'now' | undefined): [number, number] {
  if (time === undefined) return [0, UTIME_OMIT];
  return time === 'now' ? [0, UTIME_NOW] : [time.sec, time.nsec];
}
