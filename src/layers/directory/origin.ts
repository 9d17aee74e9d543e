/** overlay.origin: which lower object an upper object was copied up from, in the kernel's format, so that its inode number stays what it
 *  was after a remount, under plyfs and under the kernel alike. Source: Linux fs/overlayfs/overlayfs.h, struct ovl_fb.
 *
 *  A lower object that has no file handle (it lies in a tar) is noted as `overlay.plyfs.origin`: its inode space and number as text. */

import type { FileHandle } from '../../sys/handle.js';

/** An object by its layer's inode space and its inode number there. */
export interface Origin {
  space: string;
  ino: number;
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

/** The file system's uuid and the inode number that overlay.origin names; undefined where the handle's form is not known here. */
export function decodeOrigin(bytes: Buffer): { uuid: string; ino: number } | undefined {
  if (bytes.length < headerLength || bytes[0] !== 0 || bytes[1] !== magic || bytes[2] !== bytes.length) return undefined;
  const ino = inodeOfHandle(bytes[4]!, bytes.subarray(headerLength));
  return ino === undefined ? undefined : { uuid: bytes.toString('hex', 5, headerLength), ino };
}

/** The inode number in a file handle (include/linux/exportfs.h): ext4 and most others, tmpfs, xfs, btrfs. */
function inodeOfHandle(type: number, handle: Buffer): number | undefined {
  if (type === 0x01 && handle.length === 12) return handle.readUInt32LE(4) + handle.readUInt32LE(8) * 2 ** 32;
  if ((type === 0x01 || type === 0x02) && handle.length >= 8) return handle.readUInt32LE(0);
  const isWide = type === 0x81 || type === 0x82 || type === 0x4d || type === 0x4e;
  if (isWide && handle.length >= 12) return handle.readUInt32LE(0) + handle.readUInt32LE(4) * 2 ** 32;
  return undefined;
}

export function encodePlainOrigin(origin: Origin): Buffer {
  return Buffer.from(`${origin.ino} ${origin.space}`, 'utf8');
}

export function decodePlainOrigin(bytes: Buffer): Origin | undefined {
  const match = /^(\d+) (.+)$/.exec(bytes.toString('utf8'));
  return match === null ? undefined : { ino: Number(match[1]), space: match[2]! };
}
