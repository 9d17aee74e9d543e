/** The system call that makes the kernel send a request, by the request's name. What it returns is the outcome where that is not `ok`. */

import {
  chmodSync,
  closeSync,
  fsyncSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  rmdirSync,
  statfsSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { bytesFromName } from '../base/name.js';
import type { RecordedRequest } from '../observe/recording.js';
import { AT_FDCWD } from '../sys/constants.js';
import { copyFileRange, fallocate, lseek } from '../sys/file.js';
import { mknodAt, renameAt } from '../sys/namespace.js';
import { getxattrAt, listxattrAt, removexattrAt } from '../sys/xattr.js';
import { NotTold, type ReplayGround } from './replay-ground.js';

/** PRE of all: the process has no umask. Errors of Node's fs, FsError, NotTold. */
type Call = (ground: ReplayGround, request: RecordedRequest) => string | undefined;

const readInto = Buffer.alloc(1 << 20);
const written = Buffer.alloc(1 << 20, 'plyfs ');

/** Of fuse_setattr_in (linux/fuse.h, FATTR_*). */
const attribute = { mode: 1, uid: 2, gid: 4, size: 8, atime: 16, mtime: 32 };

export const replayedCalls: Readonly<Record<string, Call>> = {
  LOOKUP: (ground, request) =>
    lstatSync(bytesFromName(ground.child(request.node, request)), { throwIfNoEntry: false }) === undefined ? 'absent' : undefined,
  GETATTR: (ground, { node }) => done(lstatSync(ground.path(node))),
  STATX: (ground, { node }) => done(lstatSync(ground.path(node))),
  STATFS: (ground, { node }) => done(statfsSync(ground.path(node))),
  SETATTR: (ground, request) => done(setAttributes(ground, request)),
  READLINK: (ground, { node }) => done(readlinkSync(ground.path(node))),
  READDIR: list,
  READDIRPLUS: list,
  READ: (ground, { node, fields }) =>
    done(
      readSync(ground.file(node, 'r'), readInto, 0, Math.min(field(fields, 'size'), readInto.length), field(fields, 'offset')),
    ),
  WRITE: (ground, { node, fields }) =>
    done(
      writeSync(ground.file(node, 'r+'), written, 0, Math.min(field(fields, 'size'), written.length), field(fields, 'offset')),
    ),
  FSYNC: (ground, { node }) => done(fsyncSync(ground.file(node, 'r'))),
  FSYNCDIR: (ground, { node }) => done(fsyncSync(ground.file(node, 'r'))),
  LSEEK: (ground, { node, fields }) => done(lseek(ground.file(node, 'r'), field(fields, 'offset'), field(fields, 'whence'))),
  FALLOCATE: (ground, { node, fields }) =>
    done(fallocate(ground.file(node, 'r+'), field(fields, 'mode'), field(fields, 'offset'), field(fields, 'length'))),
  COPY_FILE_RANGE: copyRange,
  COPY_FILE_RANGE_64: copyRange,
  CREATE: (ground, request) =>
    done(closeSync(openSync(bytesFromName(ground.child(request.node, request)), 'w', modeOf(request) & 0o7777))),
  MKNOD: (ground, request) =>
    done(mknodAt(AT_FDCWD, ground.child(request.node, request), modeOf(request), field(request.fields, 'rdev'))),
  MKDIR: (ground, request) => done(mkdirSync(bytesFromName(ground.child(request.node, request)), modeOf(request) & 0o7777)),
  SYMLINK: (ground, request) => {
    const target = request.names[1];
    if (target === undefined) throw new NotTold('the trace has no target of the symlink');
    return done(symlinkSync(bytesFromName(target), bytesFromName(ground.child(request.node, request))));
  },
  LINK: (ground, request) =>
    done(linkSync(ground.path(field(request.fields, 'oldnodeid')), bytesFromName(ground.child(request.node, request)))),
  UNLINK: (ground, request) => done(unlinkSync(bytesFromName(ground.child(request.node, request)))),
  RMDIR: (ground, request) => done(rmdirSync(bytesFromName(ground.child(request.node, request)))),
  RENAME: rename,
  RENAME2: rename,
  GETXATTR: (ground, request) => {
    const [key] = request.names;
    return key === undefined || getxattrAt(AT_FDCWD, ground.name(request.node), key) === undefined ? 'ENODATA' : undefined;
  },
  LISTXATTR: (ground, { node }) => done(listxattrAt(AT_FDCWD, ground.name(node))),
  REMOVEXATTR: (ground, request) => {
    const [key] = request.names;
    return key === undefined || !removexattrAt(AT_FDCWD, ground.name(request.node), key) ? 'ENODATA' : undefined;
  },
};

function done(_result: unknown): undefined {}

function field(fields: ReadonlyMap<string, number>, name: string): number {
  const value = fields.get(name);
  if (value === undefined || Number.isNaN(value)) throw new NotTold(`the trace has no ${name} where one belongs`);
  return value;
}

function modeOf({ fields }: RecordedRequest): number {
  return field(fields, 'mode') & ~(fields.get('umask') ?? 0);
}

/** A listing is asked for in parts; the whole of it is read once, at the first. */
function list(ground: ReplayGround, { node, fields }: RecordedRequest): undefined {
  if (field(fields, 'offset') === 0) readdirSync(ground.path(node), { encoding: 'buffer' });
}

function rename(ground: ReplayGround, request: RecordedRequest): undefined {
  const { node, fields } = request;
  const to = ground.child(field(fields, 'newdir'), request, 1);
  renameAt(AT_FDCWD, ground.child(node, request), AT_FDCWD, to, fields.get('flags') ?? 0);
}

function copyRange(ground: ReplayGround, { node, fields }: RecordedRequest): undefined {
  const target = ground.file(field(fields, 'nodeid_out'), 'r+');
  copyFileRange(ground.file(node, 'r'), field(fields, 'off_in'), target, field(fields, 'off_out'), field(fields, 'len'));
}

function setAttributes(ground: ReplayGround, { node, fields }: RecordedRequest): void {
  const path = ground.path(node);
  const valid = field(fields, 'valid');
  const has = (bits: number): boolean => (valid & bits) !== 0;
  if (has(attribute.size)) truncateSync(path, field(fields, 'size'));
  if (has(attribute.uid | attribute.gid)) {
    const was = lstatSync(path);
    lchownSync(path, has(attribute.uid) ? field(fields, 'uid') : was.uid, has(attribute.gid) ? field(fields, 'gid') : was.gid);
  }
  if (has(attribute.mode)) chmodSync(path, field(fields, 'mode') & 0o7777);
  if (has(attribute.atime | attribute.mtime)) {
    const was = lstatSync(path);
    const time = (name: string): number => field(fields, name) + field(fields, `${name}nsec`) / 1e9;
    lutimesSync(path, has(attribute.atime) ? time('atime') : was.atime, has(attribute.mtime) ? time('mtime') : was.mtime);
  }
}
