/** Attributes on the wire: fuse_attr in entry and attr replies, fuse_statx. */

import { type Attributes, deviceMajor, deviceMinor } from '../../base/attributes.js';
import { attrOut, entryOut, statxOut } from './structs.js';

/** How long the kernel may keep what it was told. */
export interface Lifetime {
  readonly sec: number;
  readonly nsec: number;
}

/** The kernel's clock of caches counts in 64 bits of jiffies; it clamps what is longer (fuse_time_to_jiffies). */
const longestSec = 2 ** 31;

/** A lifetime of `seconds`, fractions and Infinity included. */
export function lifetime(seconds: number): Lifetime {
  if (!(seconds < longestSec)) return { sec: longestSec, nsec: 0 };
  const sec = Math.floor(Math.max(0, seconds));
  return { sec, nsec: seconds > sec ? Math.floor((seconds - sec) * 1e9) : 0 };
}

interface WireAttributes {
  ino: number;
  size: number;
  blocks: number;
  atime: number;
  mtime: number;
  ctime: number;
  atimensec: number;
  mtimensec: number;
  ctimensec: number;
  mode: number;
  nlink: number;
  uid: number;
  gid: number;
  blksize: number;
}

function fill(value: WireAttributes, from: Attributes): void {
  value.ino = from.ino;
  value.size = from.size;
  value.blocks = from.blocks;
  value.atime = from.atimeSec;
  value.mtime = from.mtimeSec;
  value.ctime = from.ctimeSec;
  value.atimensec = from.atimeNsec;
  value.mtimensec = from.mtimeNsec;
  value.ctimensec = from.ctimeNsec;
  value.mode = from.mode;
  value.nlink = from.nlink;
  value.uid = from.uid;
  value.gid = from.gid;
  value.blksize = from.blksize;
}

/** For attributes that change without us. */
export const noLifetime: Lifetime = { sec: 0, nsec: 0 };

/** fuse_entry_out at byte `at`: `node`, cached for `valid`, and its attributes. */
export function writeEntry(
  words: Uint32Array,
  at: number,
  node: number,
  from: Attributes,
  valid: Lifetime,
  attributesValid = valid,
): void {
  const value = entryOut.value;
  fill(value, from);
  value.rdev = from.rdev;
  value.nodeid = node;
  value.entry_valid = valid.sec;
  value.entry_valid_nsec = valid.nsec;
  value.attr_valid = attributesValid.sec;
  value.attr_valid_nsec = attributesValid.nsec;
  entryOut.write(words, at >> 2, value);
}

/** fuse_entry_out with nodeid 0: there is no such name, and that may be cached for `valid`. */
export function writeNegativeEntry(words: Uint32Array, at: number, valid: Lifetime): void {
  words.fill(0, at >> 2, (at + entryOut.size) >> 2);
  words[(at >> 2) + 4] = valid.sec;
  words[(at >> 2) + 8] = valid.nsec;
}

export function writeAttr(words: Uint32Array, at: number, from: Attributes, valid: Lifetime): void {
  const value = attrOut.value;
  fill(value, from);
  value.rdev = from.rdev;
  value.attr_valid = valid.sec;
  value.attr_valid_nsec = valid.nsec;
  attrOut.write(words, at >> 2, value);
}

const STATX_BASIC_STATS = 0x7ff;
const STATX_BTIME = 0x800;

export function writeStatx(words: Uint32Array, at: number, from: Attributes, valid: Lifetime): void {
  const value = statxOut.value;
  fill(value, from);
  value.btime = from.btimeSec;
  value.btimensec = from.btimeNsec;
  value.rdev_major = deviceMajor(from.rdev);
  value.rdev_minor = deviceMinor(from.rdev);
  value.dev_major = deviceMajor(from.dev);
  value.dev_minor = deviceMinor(from.dev);
  value.mask = from.btimeSec === 0 && from.btimeNsec === 0 ? STATX_BASIC_STATS : STATX_BASIC_STATS | STATX_BTIME;
  value.attr_valid = valid.sec;
  value.attr_valid_nsec = valid.nsec;
  statxOut.write(words, at >> 2, value);
}
