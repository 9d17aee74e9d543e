/** One request as the kernel sent it: header decoded, a cursor for what follows. One object serves all requests, one after another. */

import { errno } from '../../base/errno.js';
import { FsError } from '../../base/errors.js';
import { type Name, nameFromBytes } from '../../base/name.js';
import type { Caller, NodeId } from '../../vfs/filesystem.js';
import { EXT_GROUPS, inHeaderSize } from '../protocol/constants.js';
import { extHeader } from '../protocol/structs.js';

/** Word of the message at which the structure behind the header starts. */
const bodyWord = inHeaderSize >> 2;

export class Request {
  bytes: Buffer;
  words: Uint32Array;
  opcode = 0;
  node = 0 as NodeId;
  readonly caller: Caller = { uid: 0, gid: 0, pid: 0, umask: 0 };
  /** Byte at which the next part of the body starts; `end` is behind the last byte of the body, before extensions. */
  cursor = inHeaderSize;
  end = 0;

  /** `bytes` must start an ArrayBuffer of its own: it is read as words, too. */
  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.words = wordsOf(bytes);
  }

  /** Another message in another buffer (a parked request). */
  take(bytes: Buffer): void {
    this.bytes = bytes;
    this.words = wordsOf(bytes);
  }

  /** Decodes the header of the `length` bytes in the buffer. FsError EIO: not a whole request. */
  open(length: number): void {
    const words = this.words;
    if (length < inHeaderSize || words[0] !== length) throw new FsError(errno.EIO, `request of ${length} bytes says ${words[0]}`);
    this.opcode = words[1]!;
    // Node ids are ours and below 2^32; the upper word is 0.
    this.node = words[4]! as NodeId;
    const caller = this.caller;
    caller.uid = words[6]!;
    caller.gid = words[7]!;
    caller.pid = words[8]!;
    this.cursor = inHeaderSize;
    this.end = length - (words[9]! & 0xffff) * 8;
  }

  /** `unique` for the trace: the kernel counts up from 2 by 2. */
  get unique(): string {
    return String((BigInt(this.words[3]!) << 32n) | BigInt(this.words[2]!));
  }

  /** Word index of the structure of `size` bytes at the start of the body; moves the cursor behind it. EIO: the request is shorter. */
  body(size: number): number {
    this.cursor = inHeaderSize + size;
    if (this.cursor > this.end) throw new FsError(errno.EIO, `opcode ${this.opcode}: ${this.end} bytes are too few`);
    return bodyWord;
  }

  /** The NUL-terminated name at the cursor; moves behind it. */
  name(): Name {
    const { bytes, end, cursor } = this;
    let stop = cursor;
    while (stop < end && bytes[stop] !== 0) stop++;
    if (stop === end) throw new FsError(errno.EIO, `opcode ${this.opcode}: a name has no end`);
    this.cursor = stop + 1;
    return nameFromBytes(bytes, cursor, stop);
  }

  /** Byte at which `length` bytes of data start; moves behind them. */
  data(length: number): number {
    const at = this.cursor;
    this.cursor = at + length;
    if (this.cursor > this.end)
      throw new FsError(errno.EIO, `opcode ${this.opcode}: ${this.end} bytes are too few for ${length} of data`);
    return at;
  }

  /** The caller of a creating request: umask, and the group the kernel names if the parent's group is among the caller's. */
  creator(umask: number): Caller {
    const caller = this.caller;
    caller.umask = umask;
    const group = this.suppGroup();
    if (group !== undefined) caller.suppGroup = group;
    else if (caller.suppGroup !== undefined) delete caller.suppGroup;
    return caller;
  }

  /** CREATE_SUPP_GROUP: fuse_ext_header, a count, then the groups (at most one is sent). */
  private suppGroup(): number | undefined {
    const total = this.words[0]!;
    let at = this.end;
    while (at + extHeader.size + 8 <= total) {
      const { size, type } = { size: this.bytes.readUInt32LE(at), type: this.bytes.readUInt32LE(at + 4) };
      if (type === EXT_GROUPS && this.bytes.readUInt32LE(at + 8) > 0) return this.bytes.readUInt32LE(at + 12);
      if (size < extHeader.size) return undefined;
      at += (size + 7) & ~7;
    }
    return undefined;
  }
}

function wordsOf(bytes: Buffer): Uint32Array {
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2);
}

/** A zeroed buffer that starts an ArrayBuffer of its own, of whole 8-byte units. */
export function alignedBuffer(size: number): Buffer {
  return Buffer.from(new ArrayBuffer((size + 7) & ~7));
}
