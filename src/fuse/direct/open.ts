/** OPEN, CREATE and TMPFILE. Only io mode 'passthrough' serves OPEN and CREATE; the other modes answer ENOSYS, after which the kernel
 *  opens without asking and creates with MKNOD, and sends no RELEASE either. */

import { errno } from '../../base/errno.js';
import { FsError } from '../../base/errors.js';
import { writeDevice } from '../../sys/device.js';
import type { NodeId } from '../../vfs/filesystem.js';
import { writeEntry } from '../protocol/attributes.js';
import { FOPEN_KEEP_CACHE, OPEN_KILL_SUIDGID } from '../protocol/constants.js';
import { invalInode } from '../protocol/notify.js';
import type { Value } from '../protocol/struct.js';
import { type createIn, entryOut, type openIn, openOut } from '../protocol/structs.js';
import { answerEntry } from './answers.js';
import type { Connection } from './connection.js';
import { bodyAt, bodyWord } from './reply.js';
import type { Request } from './request.js';

const O_TRUNC = 0o1000;

export function openFile(s: Connection, rq: Request, input: Value<typeof openIn>): number {
  if (s.agreement.io !== 'passthrough') throw new FsError(errno.ENOSYS, 'reads and writes go by node: the kernel stops asking');
  if ((input.flags & O_TRUNC) !== 0) {
    const killPrivileges = (input.open_flags & OPEN_KILL_SUIDGID) !== 0;
    s.fs.setattr(rq.node, killPrivileges ? { size: 0, killPrivileges } : { size: 0 }, rq.caller);
  }
  s.fs.open(rq.node, input.flags & ~O_TRUNC);
  const wasKept = !s.openHandles.isWrittenPastUs(rq.node);
  writeOpened(s, rq.node, 0);
  if (wasKept && s.openHandles.isWrittenPastUs(rq.node)) dropAttributes(s, rq.node);
  return openOut.size;
}

/** The kernel may have been told to keep them. Without pages to drop it takes no lock that anybody who waits for us holds (linux
 *  fuse_reverse_inval_inode), so this one goes before the answer. */
function dropAttributes(s: Connection, node: NodeId): void {
  const message = invalInode(node, -1, 0);
  writeDevice(s.device, message, 0, message.length);
}

export function createFile(s: Connection, rq: Request, input: Value<typeof createIn>): number {
  if (s.agreement.io !== 'passthrough') throw new FsError(errno.ENOSYS, 'the kernel creates with MKNOD instead');
  const { mode, umask, flags } = input;
  return answerCreated(s, s.fs.mknod(rq.node, rq.name(), mode, 0, rq.creator(umask)), flags);
}

/** TMPFILE has no other form, so it is served in every mode. */
export function makeTmpfile(s: Connection, rq: Request, input: Value<typeof createIn>): number {
  const { mode, umask, flags } = input;
  return answerCreated(s, s.fs.tmpfile(rq.node, mode, rq.creator(umask)), flags);
}

/** Only OPEN, CREATE and TMPFILE requests that were served have told the file system of a holder. */
export function releaseFile(s: Connection, rq: Request): number {
  if (s.agreement.io !== 'passthrough') return 0;
  s.openHandles.release(rq.node);
  s.fs.release(rq.node);
  return 0;
}

/** Entry and open handle of the new `node`. */
function answerCreated(s: Connection, node: NodeId, flags: number): number {
  answerEntry(s, node);
  const isHeld = s.agreement.io === 'passthrough';
  try {
    if (isHeld) s.fs.open(node, flags & ~O_TRUNC);
    writeOpened(s, node, entryOut.words);
    writeEntry(s.reply.words, bodyAt, node, s.attributes, s.valid, s.attributesValid(node));
  } catch (error) {
    s.fs.forget(node, 1);
    throw error;
  }
  return entryOut.size + openOut.size;
}

/** fuse_open_out, `wordsBehind` words into the body. PRE: in passthrough the file system has opened the node; it is released again on
 *  failure. */
function writeOpened(s: Connection, node: NodeId, wordsBehind: number): void {
  const answer = openOut.value;
  answer.fh = 0;
  answer.open_flags = FOPEN_KEEP_CACHE;
  answer.backing_id = 0;
  if (s.agreement.io === 'passthrough') {
    try {
      const opened = s.openHandles.open(node);
      answer.open_flags = opened.flags;
      answer.backing_id = opened.backingId;
    } catch (error) {
      s.fs.release(node);
      throw error;
    }
  }
  openOut.write(s.reply.words, bodyWord + wordsBehind, answer);
}
