/** The operations table: one row per operation of fuse-native, from paths and numbers to the file system's verbs and back. */

import { errno } from '../../base/errno.js';
import { FsError } from '../../base/errors.js';
import { S_IFREG } from '../../base/mode.js';
import type { Name } from '../../base/name.js';
import type { AttributeChange, NodeId } from '../../vfs/filesystem.js';
import { leave } from '../../vfs/walk.js';
import type { OpcodeName } from '../protocol/constants.js';
import type { Arguments, OperationName } from './binding.js';
import type { NativeConnection } from './connection.js';

export interface Row<N extends OperationName> {
  /** The request of the kernel that it is counted as. */
  readonly counted: OpcodeName;
  /** What the addon is answered (binding.ts). Refusals are FsErrors. */
  readonly run: (connection: NativeConnection, ...args: Arguments[N]) => number;
}

const done = 0;

export const operations: { readonly [N in OperationName]: Row<N> } = {
  getattr: row('GETATTR', (s, path) => s.at(path, (node) => attributesOf(s, node))),
  fgetattr: row('GETATTR', (s, path, fd) => s.open(path, fd, (node) => attributesOf(s, node))),
  readlink: row('READLINK', (s, path) =>
    s.at(path, (node) => {
      s.record.putLink(s.fs.readlink(node));
      return done;
    }),
  ),
  statfs: row('STATFS', (s, path) =>
    s.at(path, (node) => {
      s.record.putStatistics(s.fs.statfs(node));
      return done;
    }),
  ),
  readdir: row('READDIR', (s, path) => s.at(path, (node) => listing(s, node))),

  mknod: row('MKNOD', (s, path, mode, rdev) =>
    s.within(path, (parent, name) => made(s, s.fs.mknod(parent, name, mode, rdev, s.caller))),
  ),
  mkdir: row('MKDIR', (s, path, mode) => s.within(path, (parent, name) => made(s, s.fs.mkdir(parent, name, mode, s.caller)))),
  symlink: row('SYMLINK', (s, target, path) =>
    s.within(path, (parent, name) => made(s, s.fs.symlink(parent, name, target, s.caller))),
  ),
  link: row('LINK', (s, path, newPath) =>
    s.at(path, (node) =>
      s.within(newPath, (parent, name) => {
        s.fs.link(node, parent, name);
        return made(s, node);
      }),
    ),
  ),
  unlink: row('UNLINK', (s, path) =>
    s.within(path, (parent, name) => {
      if (!s.openFiles.removeHidden(name)) s.fs.unlink(parent, name);
      return done;
    }),
  ),
  rmdir: row('RMDIR', (s, path) =>
    s.within(path, (parent, name) => {
      s.fs.rmdir(parent, name);
      return done;
    }),
  ),
  rename: row('RENAME', rename),

  chmod: row('SETATTR', (s, path, mode) => change(s, path, { mode: mode & 0o7777 })),
  chown: row('SETATTR', (s, path, uid, gid) => change(s, path, owners(uid, gid))),
  truncate: row('SETATTR', (s, path, low, high) => change(s, path, { size: long(low, high) })),
  ftruncate: row('SETATTR', (s, path, fd, low, high) =>
    s.open(path, fd, (node) => {
      s.fs.setattr(node, { size: long(low, high) }, s.caller);
      return done;
    }),
  ),
  utimens: row('SETATTR', (s, path) => change(s, path, { atime: s.record.atime, mtime: s.record.mtime })),

  open: row('OPEN', (s, path, flags) => s.at(path, (node) => opened(s, node, flags))),
  create: row('CREATE', (s, path, mode) =>
    s.within(path, (parent, name) => {
      const node = s.fs.mknod(parent, name, (mode & 0o7777) | S_IFREG, 0, s.caller);
      try {
        return opened(s, node, O_RDWR);
      } finally {
        leave(s.fs, node);
      }
    }),
  ),
  release: row('RELEASE', (s, _path, fd) => {
    s.openFiles.release(fd);
    return done;
  }),
  read: row('READ', (s, path, fd, room, length, low, high) =>
    s.open(path, fd, (node) => s.fs.read(node, long(low, high), room, 0, length)),
  ),
  write: row('WRITE', (s, path, fd, data, length, low, high) =>
    // The kernel takes setuid, setgid and capabilities away by requests of their own.
    s.open(path, fd, (node) => s.fs.write(node, long(low, high), data, 0, length, false)),
  ),
  fsync: row('FSYNC', (s, path, dataOnly, fd) => s.open(path, fd, (node) => synced(s, node, dataOnly))),
  fsyncdir: row('FSYNCDIR', (s, path, dataOnly) => s.at(path, (node) => synced(s, node, dataOnly))),

  setxattr: row('SETXATTR', (s, path, name, value, _position, flags) =>
    s.at(path, (node) => {
      s.fs.setxattr(node, name, Buffer.from(value), flags);
      return done;
    }),
  ),
  getxattr: row('GETXATTR', (s, path, name, room) =>
    s.at(path, (node) => {
      const value = s.fs.getxattr(node, name);
      if (value === undefined) throw new FsError(errno.ENODATA);
      return given(value, room);
    }),
  ),
  listxattr: row('LISTXATTR', (s, path, room) =>
    s.at(path, (node) =>
      given(
        Buffer.from(
          s.fs
            .listxattr(node)
            .map((name) => `${name}\0`)
            .join(''),
          'latin1',
        ),
        room,
      ),
    ),
  ),
  removexattr: row('REMOVEXATTR', (s, path, name) =>
    s.at(path, (node) => {
      s.fs.removexattr(node, name);
      return done;
    }),
  ),
};

const O_RDWR = 2;
/** chown's «leave it», as an unsigned number. */
const unchanged = 0xffffffff;

/** A 64-bit number of its two halves: exact below 2^53. */
function long(low: number, high: number): number {
  return low + high * 0x100000000;
}

function row<N extends OperationName>(counted: OpcodeName, run: Row<N>['run']): Row<N> {
  return { counted, run };
}

function attributesOf(s: NativeConnection, node: NodeId): number {
  s.fs.getattr(node, s.attributes);
  s.record.putStat(s.attributes);
  return done;
}

/** A creating operation's own reference is not kept: libfuse asks for the attributes by path. */
function made(s: NativeConnection, node: NodeId): number {
  leave(s.fs, node);
  return done;
}

function opened(s: NativeConnection, node: NodeId, flags: number): number {
  s.fs.open(node, flags);
  s.fs.reference(node);
  return s.openFiles.add(node);
}

function change(s: NativeConnection, path: Name, members: AttributeChange): number {
  return s.at(path, (node) => {
    s.fs.setattr(node, members, s.caller);
    return done;
  });
}

function owners(uid: number, gid: number): AttributeChange {
  return { ...(uid === unchanged ? {} : { uid }), ...(gid === unchanged ? {} : { gid }) };
}

function synced(s: NativeConnection, node: NodeId, dataOnly: number): number {
  if (s.isVolatile) throw new FsError(errno.ENOSYS, 'a volatile mount keeps no promise: the kernel stops asking');
  s.fs.fsync(node, dataOnly !== 0);
  return done;
}

/** All entries at once: libfuse keeps them while the directory is open. */
function listing(s: NativeConnection, node: NodeId): number {
  s.fs.readdir(node, 0, (name, _node, ino, type) => s.record.putEntry(name, ino, type));
  return done;
}

/** Without room the question is how long the value is; too little room is ERANGE. */
function given(value: Buffer, room: Buffer): number {
  if (room.length > 0 && value.length > room.length) throw new FsError(errno.ERANGE);
  value.copy(room);
  return value.length;
}

/** Also how libfuse hides an open file before it unlinks or replaces it (open-files.ts). */
function rename(s: NativeConnection, path: Name, newPath: Name): number {
  return s.within(path, (parent, name) =>
    s.within(newPath, (newParent, newName) => {
      const node = s.fs.lookup(parent, name);
      if (node === undefined) throw new FsError(errno.ENOENT);
      try {
        if (!s.openFiles.isHiding(node, newName)) s.fs.rename(parent, name, newParent, newName, 0, s.caller);
        else hide(s, parent, name, node, newName);
        return done;
      } finally {
        leave(s.fs, node);
      }
    }),
  );
}

function hide(s: NativeConnection, parent: NodeId, name: Name, node: NodeId, hiddenName: Name): void {
  s.fs.unlink(parent, name);
  s.fs.reference(node);
  s.openFiles.hide(node, hiddenName);
}
