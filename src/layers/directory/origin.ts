/** overlay.origin: which lower object an upper object was copied up from, in the kernel's format, so that its inode number stays what it
 *  was after a remount, under plyfs and under the kernel alike. Source: Linux fs/overlayfs/overlayfs.h, struct ovl_fb.
 *
 *  A lower object without a file handle that lasts (it lies in a tar, or on FUSE) is noted as `overlay.plyfs.origin`: its inode space and
 *  number as text. */

import type { FileHandle } from '../../sys/handle.js';
import { foldInode } from '../../sys/stat.js';

/** An object by its layer's inode space and its inode number there. */
export interface PlainOrigin {
  space: string;
  ino: number;
}

/** What an upper object says of its origin, whose number in its layer is one of `inos`. */
export interface HandleOrigin {
  readonly inos: readonly number[];
  readonly handle: FileHandle;
  /** Of the file system, in hex. */
  readonly uuid: string;
}

const magic = 0xfb;
const headerLength = 21;

/** The bytes of overlay.origin for the object with `handle` on the file system with `uuid`. */
export function encodeOrigin(handle: FileHandle, uuid: Buffer | undefined): Buffer {
  const bytes = Buffer.alloc(headerLength + handle.bytes.length);
  bytes[1] = magic;
  bytes[2] = bytes.length;
  bytes[4] = handle.type;
  uuid?.copy(bytes, 5, 0, 16);
  handle.bytes.copy(bytes, headerLength);
  return bytes;
}

/** Undefined for what has another form. */
export function decodeOrigin(bytes: Buffer): HandleOrigin | undefined {
  if (bytes.length < headerLength || bytes[0] !== 0 || bytes[1] !== magic || bytes[2] !== bytes.length) return undefined;
  const handle = { type: bytes[4]!, bytes: bytes.subarray(headerLength) }; // within the length
  return { inos: inosOfHandle(handle), handle, uuid: bytes.toString('hex', 5, headerLength) };
}

/** The inode number in a file handle (include/linux/exportfs.h). Two file systems may use one type for different forms: then both readings. */
function inosOfHandle({ type, bytes }: FileHandle): number[] {
  const word = (at: number) => bytes.readUInt32LE(at);
  // tmpfs: generation, number. ext4 and most others: number, generation.
  if (type === 0x01 && bytes.length === 12) return [foldInode(word(4), word(8)), word(0)];
  if ((type === 0x01 || type === 0x02) && bytes.length >= 8) return [word(0)];
  // xfs and btrfs have the lower half first, erofs the upper one.
  const isWide = type === 0x81 || type === 0x82 || (type >= 0x4d && type <= 0x4f);
  return isWide && bytes.length >= 12 ? [foldInode(word(0), word(4)), foldInode(word(4), word(0))] : [];
}

/** The generation in a file handle, which tells an inode from others that had its number before; 0 where there is none. */
export function generationOf({ type, bytes }: FileHandle): number {
  const at = type === 0x01 && bytes.length === 12 ? 0 : type === 0x01 || type === 0x02 ? 4 : 8;
  return bytes.length >= at + 4 ? bytes.readUInt32LE(at) : 0;
}

export function encodePlainOrigin(origin: PlainOrigin): Buffer {
  return Buffer.from(`${origin.ino} ${origin.space}`, 'utf8');
}

export function decodePlainOrigin(bytes: Buffer): PlainOrigin | undefined {
  const match = /^(\d+) (.+)$/.exec(bytes.toString('utf8'));
  return match === null ? undefined : { ino: Number(match[1]), space: match[2]! }; // the pattern has two groups
}
