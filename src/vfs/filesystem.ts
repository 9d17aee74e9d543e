/** The seam between drivers and file systems: inode operations, the kernel's own verbs.
 *  Implementers: overlay/overlay-fs.ts; test/mirror-fs.ts. Callers: the drivers in fuse/ and vfs/walk.ts.
 *
 *  Every operation is synchronous and runs to completion: that is the lock. What an operation refuses it throws as FsError; what is
 *  absent it returns as undefined. An operation that must wait for file bytes to move throws Deferred (below) before it changed
 *  anything; the driver parks the request and runs it again, or answers it, when the bytes have moved.
 *
 *  Lifetimes: `lookup` and every creating operation hand out one reference to the node they return; `forget` takes references back.
 *  A node lives while it has a name or a reference, so its data stays readable and writable after the last unlink. Reads and writes
 *  go by node, not by handle: `open` and `release` only tell that somebody holds the file (a driver that spares the kernel its OPEN
 *  requests never calls them). */

import type { Attributes } from '../base/attributes.js';
import type { FsStatistics } from '../base/fs-statistics.js';
import type { Name } from '../base/name.js';

declare const nodeBrand: unique symbol;
/** Identity of a node while it lives: an integer from 1 below 2^32. May be issued again only after the last reference was forgotten. */
export type NodeId = number & { readonly [nodeBrand]: true };

/** The root of every file system. It is never forgotten. */
export const rootNode = 1 as NodeId;

/** Who asks. `umask` is meaningful in creating operations only. */
export interface Caller {
  uid: number;
  gid: number;
  pid: number;
  umask: number;
  /** A supplementary group that makes the caller a member of the parent's group (CREATE_SUPP_GROUP), if the driver was told one. */
  suppGroup?: number;
}

/** The members of `setattr` that change; absent ones stay. Times: 'now' or seconds and nanoseconds. */
export interface AttributeChange {
  mode?: number;
  uid?: number;
  gid?: number;
  size?: number;
  atime?: Time | 'now';
  mtime?: Time | 'now';
  ctime?: Time;
  /** The size or owner change must drop setuid, setgid and security.capability (HANDLE_KILLPRIV_V2's FATTR_KILL_SUIDGID). */
  killPrivileges?: boolean;
}

export interface Time {
  sec: number;
  nsec: number;
}

/** Receives directory entries. Return false to stop: that entry was not taken and comes again from the same offset.
 *  `node` carries no reference; `offset` is the position after this entry; `type` is a d_type. `node` is undefined for `.` and `..`. */
export type DirectorySink = (name: Name, node: NodeId | undefined, ino: number, type: number, offset: number) => boolean;

export interface FileSystem {
  /** EROFS is already settled: a driver mounts a read-only file system read-only. */
  readonly isReadOnly: boolean;

  /** The node of `name` in `parent`, plus one reference; undefined where there is none.
   *  ENOTDIR, ENAMETOOLONG, EACCES/EIO from the layer. `.` and `..` are not names here. */
  lookup(parent: NodeId, name: Name): NodeId | undefined;
  forget(node: NodeId, references: number): void;
  /** One more reference to a node that came from `readdir` (READDIRPLUS hands nodes out without a lookup). Returns the node it is given
   *  to: names of one multi-linked file turn out to be one node when their attributes are first read. FsError from the layer. */
  reference(node: NodeId): NodeId;
  /** Whether the attributes can be had without reading a disk: READDIRPLUS leaves the others out. */
  hasAttributes(node: NodeId): boolean;

  /** With `withBirthTime` the birth time is filled in too, at the price of asking the disk. */
  getattr(node: NodeId, out: Attributes, withBirthTime?: boolean): void;
  /** `setattr` changes what `change` names, copies up first, and updates ctime. */
  setattr(node: NodeId, change: AttributeChange, caller: Caller): void;
  readlink(node: NodeId): Name;
  statfs(node: NodeId): FsStatistics;

  /** Regular files, FIFOs, sockets and device nodes; `mode` has the kind, before umask. EEXIST, ENOTDIR, ENOENT (parent removed),
   *  ENOSPC, EPERM, EROFS. Ownership, setgid inheritance, umask and default ACLs as on ext4. */
  mknod(parent: NodeId, name: Name, mode: number, rdev: number, caller: Caller): NodeId;
  mkdir(parent: NodeId, name: Name, mode: number, caller: Caller): NodeId;
  symlink(parent: NodeId, name: Name, target: Name, caller: Caller): NodeId;
  /** O_TMPFILE: a regular file without a name; `link` may give it one. */
  tmpfile(parent: NodeId, mode: number, caller: Caller): NodeId;
  /** A further name for `node`; adds a reference to it. EEXIST, EPERM for directories, EMLINK. */
  link(node: NodeId, parent: NodeId, name: Name): void;
  unlink(parent: NodeId, name: Name): void;
  rmdir(parent: NodeId, name: Name): void;
  /** `flags`: RENAME_* of renameat2(2). EXDEV only where redirects are impossible. */
  rename(parent: NodeId, name: Name, newParent: NodeId, newName: Name, flags: number, caller: Caller): void;

  /** Somebody holds the file: `flags` are open(2)'s. EISDIR, EROFS, EACCES from the layer. With O_TRUNC the file is emptied. */
  open(node: NodeId, flags: number): void;
  release(node: NodeId): void;
  /** Bytes copied into `buffer` at `at`: fewer than `length` only at the end of the file. */
  read(node: NodeId, offset: number, buffer: Buffer, at: number, length: number): number;
  /** Bytes written: fewer than `length` where there was room for a first part only. Copies up first. With `keepTimes` the file's times stay as they were. */
  write(
    node: NodeId,
    offset: number,
    buffer: Buffer,
    at: number,
    length: number,
    killPrivileges: boolean,
    keepTimes?: boolean,
  ): number;
  /** Data and metadata of a file, or the entries of a directory, are on disk when this returns (nothing when volatile). */
  fsync(node: NodeId, dataOnly: boolean): void;
  fallocate(node: NodeId, mode: number, offset: number, length: number): void;
  /** `whence` is SEEK_DATA or SEEK_HOLE. ENXIO past the end. */
  seek(node: NodeId, offset: number, whence: number): number;
  copyFileRange(source: NodeId, sourceOffset: number, target: NodeId, targetOffset: number, length: number): number;
  /** The descriptor that a passthrough open of `node` may be backed with, or undefined where bytes must go through `read`/`write`.
   *  Valid until the last `release` of the node. A writable one only for a node whose data is in the upper. */
  backing(node: NodeId, writable: boolean): number | undefined;

  /** Entries from `offset` (0 = the start) in a stable order, `.` and `..` first. */
  readdir(node: NodeId, offset: number, sink: DirectorySink): void;

  /** The value, undefined where there is none (ENODATA). */
  getxattr(node: NodeId, name: Name): Buffer | undefined;
  /** `flags`: XATTR_* of setxattr(2). */
  setxattr(node: NodeId, name: Name, value: Buffer, flags: number): void;
  listxattr(node: NodeId): Name[];
  /** ENODATA where there is none. */
  removexattr(node: NodeId, name: Name): void;

  /** FS_*_FL of a file or directory (chattr(1)). ENOTTY for other kinds. */
  inodeFlags(node: NodeId): number;
  /** EOPNOTSUPP for flags that cannot be kept. */
  setInodeFlags(node: NodeId, flags: number): void;

  /** Called while nobody asks for anything: does one small piece of work (some 50 us) that is likely to be asked for next. False when
   *  there is none. */
  idle(): boolean;

  /** The driver is gone: flush what must be kept, close descriptors, empty the work directory. Safe to repeat. */
  destroy(): void;
}

/** Bytes that have to move before an operation can go on, done outside the serving thread. A `copy` for which nobody waits any more is given up:
 *  `finish` gets EINTR.
 *  `copy`: a whole copy-up (holes kept). `fsync`: flush a descriptor. */
export type Job =
  | { kind: 'copy'; source: number; sourceStart: number; target: number; length: number }
  | { kind: 'copy-range'; source: number; sourceOffset: number; target: number; targetOffset: number; length: number }
  | { kind: 'fsync'; fd: number; dataOnly: boolean };

/** Thrown by an operation that has to wait for `job`. When the job has ended the driver calls `finish(errno, result)` (errno 0: done)
 *  and then, if `resume` is 'retry', runs the parked operation again; if it is 'done', answers it with `result`.
 *  The same Deferred object may be thrown to several requests: the job runs once and `finish` is called once. Where the job failed, or
 *  `finish` threw an FsError, every one of them is answered with that errno. */
export class Deferred {
  constructor(
    readonly job: Job,
    readonly resume: 'retry' | 'done',
    readonly finish: (errno: number, result: number) => void,
  ) {}
}
