/** Notifications: messages to the kernel that answer no request. Each function gives the whole message.
 *
 *  The kernel takes inode, page and directory locks while it works on one, and a process that waits for an answer of ours may hold
 *  them. So the serving thread must never write these to the device: they go through an I/O thread (direct/jobs.ts). */

import { bytesFromName, type Name } from '../../base/name.js';
import { notifyCode, outHeaderSize } from './constants.js';
import { notifyDelete, notifyInvalEntry, notifyInvalInode, notifyPrune, notifyStore } from './notify-structs.js';
import type { Field, Struct, ValueOf } from './struct.js';
import { outHeader } from './structs.js';

/** Drops the cached attributes of `node` and its pages from `offset` on; `length` 0 means to the end, `offset` -1 no pages. */
export function invalInode(node: number, offset: number, length: number): Buffer {
  return message(notifyCode.INVAL_INODE, notifyInvalInode, { ino: node, off: offset, len: length });
}

/** Drops the cached entry `name` (also a negative one) of `parent`. */
export function invalEntry(parent: number, name: Name): Buffer {
  return message(notifyCode.INVAL_ENTRY, notifyInvalEntry, { parent, namelen: name.length, flags: 0 }, withNul(name));
}

/** As invalEntry, for a `child` that is gone: watchers of the directory are told. */
export function deleteEntry(parent: number, child: number, name: Name): Buffer {
  return message(notifyCode.DELETE, notifyDelete, { parent, child, namelen: name.length }, withNul(name));
}

/** Puts `bytes` into the page cache of `node`. The kernel ignores what lies beyond whole pages unless the file ends there. */
export function store(node: number, offset: number, bytes: Buffer): Buffer {
  return message(notifyCode.STORE, notifyStore, { nodeid: node, offset, size: bytes.length }, bytes);
}

/** Asks the kernel to send again every request that was not answered (HAS_RESEND). */
export function resend(): Buffer {
  return message(notifyCode.RESEND, undefined, undefined);
}

/** Makes every cached entry of the mount be looked up again (7.44). */
export function incEpoch(): Buffer {
  return message(notifyCode.INC_EPOCH, undefined, undefined);
}

/** Asks the kernel to forget unused nodes (7.45). */
export function prune(nodes: readonly number[]): Buffer {
  const ids = Buffer.alloc(nodes.length * 8);
  nodes.forEach((node, index) => {
    ids.writeBigUInt64LE(BigInt(node), index * 8);
  });
  return message(notifyCode.PRUNE, notifyPrune, { count: nodes.length }, ids);
}

function message<F extends readonly Field[]>(
  code: number,
  shape: Struct<F> | undefined,
  value: ValueOf<F> | undefined,
  tail: Buffer = Buffer.alloc(0),
): Buffer {
  const bodySize = shape?.size ?? 0;
  const bytes = Buffer.from(new ArrayBuffer(outHeaderSize + bodySize + tail.length));
  const words = new Uint32Array(bytes.buffer, 0, (outHeaderSize + bodySize) >> 2);
  outHeader.write(words, 0, { len: bytes.length, error: code });
  if (shape && value) shape.write(words, outHeaderSize >> 2, value);
  tail.copy(bytes, outHeaderSize + bodySize);
  return bytes;
}

function withNul(name: Name): Buffer {
  return Buffer.concat([bytesFromName(name), Buffer.alloc(1)]);
}
