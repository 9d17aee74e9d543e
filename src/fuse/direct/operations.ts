/** The operations table: one row per opcode, from the request's bytes to the file system's verb and back into the reply. */

import { errno } from '../../base/errno.js';
import { FsError } from '../../base/errors.js';
import { S_IFMT, S_IFREG } from '../../base/mode.js';
import type { NodeId } from '../../vfs/filesystem.js';
import { writeNegativeEntry, writeStatx } from '../protocol/attributes.js';
import { FSYNC_FDATASYNC, WRITE_CACHE, WRITE_KILL_SUIDGID } from '../protocol/constants.js';
import * as wire from '../protocol/structs.js';
import { answerAttr, answerCopied, answerEntry, answerWritten } from './answers.js';
import { changeOf } from './attribute-change.js';
import type { Connection } from './connection.js';
import { ioctl } from './ioctl.js';
import { negotiate } from './negotiate.js';
import { createFile, makeTmpfile, openFile, releaseFile } from './open.js';
import { noReply, type Operation, operation, operationOf, refusal } from './operation.js';
import { bodyAt, bodyWord } from './reply.js';
import type { Request } from './request.js';
import { getXattr, listXattr, setXattr } from './xattrs.js';

const entry = { names: 1, output: wire.entryOut };
const attr = { output: wire.attrOut };
const written = { output: wire.writeOut };

export const operations: readonly Operation[] = [
  operation('INIT', {}, negotiate),
  operation('DESTROY', {}, () => 0),

  operation('LOOKUP', entry, lookup),
  operationOf('FORGET', wire.forgetIn, {}, (s, rq, input) => {
    s.fs.forget(rq.node, input.nlookup);
    return noReply;
  }),
  operationOf('BATCH_FORGET', wire.batchForgetIn, {}, batchForget),

  operationOf('GETATTR', wire.getattrIn, attr, (s, rq) => answerAttr(s, rq.node)),
  operationOf('SETATTR', wire.setattrIn, attr, (s, rq, input) => {
    s.fs.setattr(rq.node, changeOf(input, rq.caller), rq.caller);
    return answerAttr(s, rq.node);
  }),
  operationOf('STATX', wire.statxIn, {}, (s, rq) => {
    s.fs.getattr(rq.node, s.attributes, true);
    writeStatx(s.reply.words, bodyAt, s.attributes, s.attributesValid(rq.node));
    return wire.statxOut.size;
  }),
  operation('STATFS', {}, statfs),
  refusal('ACCESS', errno.ENOSYS, 'the kernel checks permissions itself (default_permissions)'),

  operation('READLINK', {}, (s, rq) => s.reply.bytes.write(s.fs.readlink(rq.node), bodyAt, 'latin1')),
  operation('SYMLINK', { names: 2, output: entry.output }, (s, rq) => {
    const name = rq.name();
    return answerEntry(s, s.fs.symlink(rq.node, name, rq.name(), rq.creator(0)));
  }),
  operationOf('MKNOD', wire.mknodIn, entry, (s, rq, input) =>
    answerEntry(s, s.fs.mknod(rq.node, rq.name(), input.mode, input.rdev, rq.creator(input.umask))),
  ),
  operationOf('MKDIR', wire.mkdirIn, entry, (s, rq, input) =>
    answerEntry(s, s.fs.mkdir(rq.node, rq.name(), input.mode, rq.creator(input.umask))),
  ),
  operation('UNLINK', { names: 1 }, (s, rq) => {
    s.fs.unlink(rq.node, rq.name());
    return 0;
  }),
  operation('RMDIR', { names: 1 }, (s, rq) => {
    s.fs.rmdir(rq.node, rq.name());
    return 0;
  }),
  operationOf('RENAME', wire.renameIn, { names: 2 }, (s, rq, input) => rename(s, rq, input.newdir, 0)),
  operationOf('RENAME2', wire.rename2In, { names: 2 }, (s, rq, input) => rename(s, rq, input.newdir, input.flags)),
  operationOf('LINK', wire.linkIn, entry, (s, rq, input) => {
    const node = input.oldnodeid as NodeId; // the kernel names nodes we gave it
    s.fs.link(node, rq.node, rq.name());
    return answerEntry(s, node);
  }),

  operationOf('OPEN', wire.openIn, {}, openFile),
  operationOf('CREATE', wire.createIn, entry, createFile),
  operationOf('TMPFILE', wire.createIn, entry, makeTmpfile),
  operationOf('RELEASE', wire.releaseIn, {}, releaseFile),
  refusal('FLUSH', errno.ENOSYS, 'closing a file needs nothing from us: the kernel stops asking'),
  operationOf('READ', wire.readIn, {}, (s, rq, input) =>
    s.fs.read(rq.node, input.offset, s.reply.bytes, bodyAt, Math.min(input.size, s.reply.capacity)),
  ),
  operationOf('WRITE', wire.writeIn, written, (s, rq, input) => {
    const at = rq.data(input.size);
    const mustDrop = (input.write_flags & WRITE_KILL_SUIDGID) !== 0;
    // With a writeback cache the kernel owns the times of what it wrote, and sends them if they moved: late pages must not move them.
    const isWriteback = (input.write_flags & WRITE_CACHE) !== 0;
    const keepTimes = isWriteback && s.agreement.flags.has('WRITEBACK_CACHE');
    let size = s.fs.write(rq.node, input.offset, rq.bytes, at, input.size, mustDrop, keepTimes);
    // A program writes what is left itself, and is told then why it cannot; pages that the kernel writes back are written or lost.
    while (isWriteback && size < input.size)
      size += s.fs.write(rq.node, input.offset + size, rq.bytes, at + size, input.size - size, mustDrop, keepTimes);
    return answerWritten(s, size);
  }),
  operationOf('FSYNC', wire.fsyncIn, {}, fsync),
  operationOf('FSYNCDIR', wire.fsyncIn, {}, fsync),
  refusal('SYNCFS', errno.ENOSYS, 'the kernel sends it to fuseblk and virtiofs mounts only'),
  operationOf('FALLOCATE', wire.fallocateIn, {}, (s, rq, input) => {
    s.fs.fallocate(rq.node, input.mode, input.offset, input.length);
    return 0;
  }),
  operationOf('LSEEK', wire.lseekIn, {}, (s, rq, input) => {
    wire.lseekOut.value.offset = s.fs.seek(rq.node, input.offset, input.whence);
    wire.lseekOut.write(s.reply.words, bodyWord, wire.lseekOut.value);
    return wire.lseekOut.size;
  }),
  operationOf('COPY_FILE_RANGE', wire.copyFileRangeIn, written, (s, rq, input) => {
    // The answer has 32 bits here: a copy is never longer than they can tell.
    const length = Math.min(input.len, 0x7ffff000);
    const target = input.nodeid_out as NodeId; // as in LINK
    return answerWritten(s, s.fs.copyFileRange(rq.node, input.off_in, target, input.off_out, length));
  }),
  operationOf('COPY_FILE_RANGE_64', wire.copyFileRangeIn, {}, (s, rq, input) => {
    const target = input.nodeid_out as NodeId; // as in LINK
    return answerCopied(s, s.fs.copyFileRange(rq.node, input.off_in, target, input.off_out, input.len));
  }),

  refusal('OPENDIR', errno.ENOSYS, 'listings need no handle: the kernel stops asking and keeps them in its page cache'),
  operationOf('READDIR', wire.readIn, {}, (s, rq, input) => s.listing.plain(rq.node, input.offset, input.size)),
  operationOf('READDIRPLUS', wire.readIn, {}, (s, rq, input) => s.listing.plus(rq.node, input.offset, input.size)),
  operation('RELEASEDIR', {}, () => 0),

  operation('SETXATTR', {}, setXattr),
  operationOf('GETXATTR', wire.getxattrIn, { names: 1 }, getXattr),
  operationOf('LISTXATTR', wire.getxattrIn, {}, listXattr),
  operation('REMOVEXATTR', { names: 1 }, (s, rq) => {
    s.fs.removexattr(rq.node, rq.name());
    return 0;
  }),

  operation('INTERRUPT', {}, (s, rq) => {
    const at = rq.data(8); // fuse_interrupt_in: the request's `unique`
    s.interrupts.add(rq.bytes.subarray(at, at + 8));
    return noReply;
  }),
  refusal('GETLK', errno.ENOSYS, 'locks are left to the kernel'),
  refusal('SETLK', errno.ENOSYS, 'locks are left to the kernel'),
  refusal('SETLKW', errno.ENOSYS, 'locks are left to the kernel'),
  refusal('BMAP', errno.ENOSYS, 'there is no block device below'),
  operationOf('IOCTL', wire.ioctlIn, {}, ioctl),
  refusal('POLL', errno.ENOSYS, 'regular files are always ready: the kernel stops asking'),
  refusal('SETUPMAPPING', errno.ENOSYS, 'DAX is for virtiofs'),
  refusal('REMOVEMAPPING', errno.ENOSYS, 'DAX is for virtiofs'),
];

/** The row of an opcode, by number. */
export const operationByOpcode: readonly (Operation | undefined)[] = byOpcode();

function byOpcode(): (Operation | undefined)[] {
  const rows: (Operation | undefined)[] = new Array(64).fill(undefined);
  for (const row of operations) rows[row.opcode] = row;
  return rows;
}

function lookup(s: Connection, rq: Request): number {
  const node = s.fs.lookup(rq.node, rq.name());
  if (node === undefined) {
    writeNegativeEntry(s.reply.words, bodyAt, s.valid);
    return wire.entryOut.size;
  }
  const size = answerEntry(s, node);
  if ((s.attributes.mode & S_IFMT) === S_IFREG) s.listing.lookedUp(rq.node);
  return size;
}

function batchForget(s: Connection, rq: Request, { count }: { count: number }): number {
  for (let left = count; left > 0; left--) {
    const one = wire.forgetOne.read(rq.words, rq.data(wire.forgetOne.size) >> 2);
    s.fs.forget(one.nodeid as NodeId, one.nlookup); // as in LINK
  }
  return noReply;
}

function statfs(s: Connection, rq: Request): number {
  Object.assign(wire.kstatfs.value, s.fs.statfs(rq.node));
  wire.kstatfs.write(s.reply.words, bodyWord, wire.kstatfs.value);
  return wire.kstatfs.size;
}

function rename(s: Connection, rq: Request, newParent: number, flags: number): number {
  const name = rq.name();
  s.fs.rename(rq.node, name, newParent as NodeId, rq.name(), flags, rq.caller); // as in LINK
  return 0;
}

function fsync(s: Connection, rq: Request, input: { fsync_flags: number }): number {
  if (s.options.isVolatile) throw new FsError(errno.ENOSYS, 'a volatile mount keeps no promise: the kernel stops asking');
  s.fs.fsync(rq.node, (input.fsync_flags & FSYNC_FDATASYNC) !== 0);
  return 0;
}
