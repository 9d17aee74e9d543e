/** Packs directory entries for READDIR and READDIRPLUS: fuse_dirent or fuse_direntplus, each padded to 8 bytes. */

import { type Name, nameFromBytes } from '../../base/name.js';
import { dirent, entryOut } from './structs.js';

/** Bytes of the plain record for a name of `length` bytes. */
export function direntSize(length: number): number {
  return (dirent.size + length + 7) & ~7;
}

/** Bytes of the record with a fuse_entry_out before it. */
export function direntplusSize(length: number): number {
  return entryOut.size + direntSize(length);
}

/** Writes one fuse_dirent at byte `at` (a multiple of 8) and returns the bytes it takes. PRE: it fits. */
export function writeDirent(
  bytes: Buffer,
  words: Uint32Array,
  at: number,
  name: Name,
  ino: number,
  type: number,
  offset: number,
): number {
  const value = dirent.value;
  value.ino = ino;
  value.off = offset;
  value.namelen = name.length;
  value.type = type;
  dirent.write(words, at >> 2, value);
  const size = direntSize(name.length);
  const end = at + dirent.size + bytes.write(name, at + dirent.size, 'latin1');
  bytes.fill(0, end, at + size);
  return size;
}

/** Reads the fuse_direntplus at byte `at`: its node (0 for "name only"), its name and the bytes it takes. */
export function readDirentplus(bytes: Buffer, words: Uint32Array, at: number): { node: number; name: Name; size: number } {
  const node = entryOut.read(words, at >> 2).nodeid;
  const { namelen } = dirent.read(words, (at + entryOut.size) >> 2);
  const begin = at + entryOut.size + dirent.size;
  return { node, name: nameFromBytes(bytes, begin, begin + namelen), size: direntplusSize(namelen) };
}

/** Writes a fuse_entry_out that says "name only": the kernel makes no inode for it and takes no reference. */
export function writeNoEntry(words: Uint32Array, at: number): void {
  words.fill(0, at >> 2, (at + entryOut.size) >> 2);
}
