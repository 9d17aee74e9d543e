/** What the addon takes in place of C structures: arrays of 32-bit words (fuse-native.c: populate_stat, populate_statvfs). */

import type { Attributes } from '../../base/attributes.js';
import type { FsStatistics, Time } from '../../vfs/filesystem.js';

const wordSize = 0x100000000;

/** struct stat. Inode numbers lose what is above 32 bits, times what is below a millisecond; times before 1970 are 1970, because the
 *  addon divides unsigned numbers. */
export function statWords(a: Attributes): Uint32Array {
  const words = new Uint32Array(18);
  words[0] = a.mode;
  words[1] = a.uid;
  words[2] = a.gid;
  putLong(words, 3, a.size);
  words[6] = a.nlink;
  words[7] = shortIno(a.ino);
  words[8] = a.rdev;
  words[9] = a.blksize;
  putLong(words, 10, a.blocks);
  putLong(words, 12, milliseconds(a.atimeSec, a.atimeNsec));
  putLong(words, 14, milliseconds(a.mtimeSec, a.mtimeNsec));
  putLong(words, 16, milliseconds(a.ctimeSec, a.ctimeNsec));
  return words;
}

/** struct stat of a directory entry: libfuse takes the kind and the inode number. */
export function entryWords(ino: number, type: number): Uint32Array {
  const words = new Uint32Array(18);
  words[0] = type << 12;
  words[7] = shortIno(ino);
  return words;
}

/** The lower 32 bits; never 0, which readers of directories skip. */
function shortIno(ino: number): number {
  return ino % wordSize || 1;
}

/** struct statvfs. Counts of blocks that need more than 32 bits are told in larger blocks. */
export function statvfsWords(s: FsStatistics): Uint32Array {
  let unit = 1;
  while (s.blocks / unit >= wordSize) unit *= 2;
  const blocks = (count: number) => Math.floor(count / unit);
  const count = (number: number) => Math.min(number, wordSize - 1);
  const words = new Uint32Array(11);
  words[0] = s.bsize;
  words[1] = (s.frsize === 0 ? s.bsize : s.frsize) * unit;
  words[2] = blocks(s.blocks);
  words[3] = blocks(s.bfree);
  words[4] = blocks(s.bavail);
  words[5] = count(s.files);
  words[6] = count(s.ffree);
  words[7] = count(s.ffree);
  words[10] = s.namelen;
  return words;
}

/** A 64-bit number of its two halves: exact below 2^53. */
export function long(low: number, high: number): number {
  return low + high * wordSize;
}

/** A time in milliseconds as the addon tells it: unsigned, of a signed number. */
export function timeOf(low: number, high: number): Time {
  const ms = long(low, high >= 0x80000000 ? high - wordSize : high);
  const sec = Math.floor(ms / 1000);
  return { sec, nsec: (ms - sec * 1000) * 1_000_000 };
}

function milliseconds(sec: number, nsec: number): number {
  return Math.max(0, sec * 1000 + Math.floor(nsec / 1_000_000));
}

function putLong(words: Uint32Array, at: number, value: number): void {
  words[at] = value % wordSize;
  words[at + 1] = Math.floor(value / wordSize);
}
