/** The operations on extended attributes. */

import { errno } from '../../base/errno.js';
import { FsError } from '../../base/errors.js';
import { S_ISGID } from '../../base/mode.js';
import type { Name } from '../../base/name.js';
import { CAP_SYS_ADMIN, processHasCapability } from '../../sys/process.js';
import { SETXATTR_ACL_KILL_SGID } from '../protocol/constants.js';
import { getxattrOut, setxattrCompatIn, setxattrIn } from '../protocol/structs.js';
import type { Connection } from './connection.js';
import { bodyAt, bodyWord } from './reply.js';
import type { Request } from './request.js';

/** The input has a long form since 7.33, used only where SETXATTR_EXT was agreed on. */
export function setXattr(s: Connection, rq: Request): number {
  const isLong = s.agreement.flags.has('SETXATTR_EXT');
  const input = isLong ? setxattrIn.read(rq.words, rq.body(setxattrIn.size)) : readShort(rq);
  const { size, flags, setxattr_flags } = input;
  const name = rq.name();
  const at = rq.data(size);
  // The value is copied: the file system may keep it.
  s.fs.setxattr(rq.node, name, Buffer.from(rq.bytes.subarray(at, at + size)), flags);
  if ((setxattr_flags & SETXATTR_ACL_KILL_SGID) !== 0) dropSetgid(s, rq);
  return 0;
}

function readShort(rq: Request): { size: number; flags: number; setxattr_flags: number } {
  const { size, flags } = setxattrCompatIn.read(rq.words, rq.body(setxattrCompatIn.size));
  return { size, flags, setxattr_flags: 0 };
}

/** posix_acl_update_mode: who is not in the file's group and lacks CAP_FSETID loses setgid by setting the access ACL. */
function dropSetgid(s: Connection, rq: Request): void {
  s.fs.getattr(rq.node, s.attributes);
  const { mode } = s.attributes;
  if ((mode & S_ISGID) !== 0) s.fs.setattr(rq.node, { mode: mode & ~S_ISGID & 0o7777 }, rq.caller);
}

/** Size 0 asks how long the value is; a value longer than `size` is ERANGE. */
export function getXattr(s: Connection, rq: Request, { size }: { size: number }): number {
  const value = s.fs.getxattr(rq.node, rq.name());
  if (value === undefined) throw new FsError(errno.ENODATA);
  if (size === 0) return answerSize(s, value.length);
  if (value.length > size) throw new FsError(errno.ERANGE);
  value.copy(s.reply.bytes, bodyAt);
  return value.length;
}

/** The names, each with its NUL. */
export function listXattr(s: Connection, rq: Request, { size }: { size: number }): number {
  const names = listedFor(s.fs.listxattr(rq.node), rq.caller.pid);
  let length = 0;
  for (const name of names) length += name.length + 1;
  if (size === 0) return answerSize(s, length);
  if (length > size) throw new FsError(errno.ERANGE);
  let at = bodyAt;
  for (const name of names) {
    at += s.reply.bytes.write(name, at, 'latin1');
    s.reply.bytes[at++] = 0;
  }
  return length;
}

/** xattr(7): who lacks CAP_SYS_ADMIN does not learn of trusted ones. The kernel sees to that for getxattr, but not here; and a container's
 *  root may have read the list only to be refused each of them. */
function listedFor(all: Name[], pid: number): Name[] {
  const isTrusted = (name: Name) => name.startsWith('trusted.');
  if (!all.some(isTrusted) || processHasCapability(pid, CAP_SYS_ADMIN)) return all;
  return all.filter((name) => !isTrusted(name));
}

function answerSize(s: Connection, size: number): number {
  getxattrOut.value.size = size;
  getxattrOut.write(s.reply.words, bodyWord, getxattrOut.value);
  return getxattrOut.size;
}
