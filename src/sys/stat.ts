/** Attributes: statx, statfs and the calls that change attributes. A name is never followed if it is a symlink; '' is the descriptor
 *  itself, which may be an O_PATH one. */

import type { Attributes } from '../base/attributes.js';
import { makeDevice } from '../base/attributes.js';
import { errno } from '../base/errno.js';
import { FsError } from '../base/errors.js';
import type { FsStatistics } from '../base/fs-statistics.js';
import { type Name, nameFromText } from '../base/name.js';
import { AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW, O_CLOEXEC, O_NOFOLLOW, O_PATH } from './constants.js';
import * as libc from './libc.js';
import { fdPath, nameBytes } from './path.js';

export { UTIME_NOW, UTIME_OMIT } from './constants.js';

const STATX_BASIC_STATS = 0x7ff;
const STATX_BTIME = 0x800;

const statxBytes = Buffer.alloc(256);
const statxWords = new Uint32Array(statxBytes.buffer, statxBytes.byteOffset, 64);

/** Fills `out`; false where there is nothing of that name (ENOENT). */
export function statAt(dirFd: number, name: Name, out: Attributes): boolean {
  return statRaw(dirFd, nameBytes(name), AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH, out);
}

/** As statAt, and the birth time is not asked for (0): what lstat(2) does. */
export function lstatAt(dirFd: number, name: Name, out: Attributes): boolean {
  return statRaw(dirFd, nameBytes(name), AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH, out, STATX_BASIC_STATS);
}

/** As statAt for a path that a person named; `follow` a symlink that it ends in. */
export function statPath(path: string, out: Attributes, follow = true): boolean {
  return statRaw(AT_FDCWD, nameBytes(nameFromText(path)), follow ? 0 : AT_SYMLINK_NOFOLLOW, out);
}

function statRaw(dirFd: number, path: Buffer, flags: number, out: Attributes, wanted = STATX_BASIC_STATS | STATX_BTIME): boolean {
  while (libc.statx(dirFd, path, flags, wanted, statxBytes) < 0) {
    const number = libc.errno();
    if (number === errno.ENOENT) return false;
    if (number !== errno.EINTR) throw new FsError(number, 'statx');
  }
  readStatx(out);
  return true;
}

/** struct statx by words of 32 bits. `!`: the array has 64 of them. */
function readStatx(out: Attributes): void {
  const w = statxWords;
  out.blksize = w[1]!;
  out.nlink = w[4]!;
  out.uid = w[5]!;
  out.gid = w[6]!;
  out.mode = w[7]! & 0xffff;
  out.ino = foldInode(w[8]!, w[9]!);
  out.size = w[10]! + w[11]! * 0x100000000;
  out.blocks = w[12]! + w[13]! * 0x100000000;
  out.atimeSec = w[16]! + (w[17]! | 0) * 0x100000000;
  out.atimeNsec = w[18]!;
  out.btimeSec = w[20]! + (w[21]! | 0) * 0x100000000;
  out.btimeNsec = w[22]!;
  out.ctimeSec = w[24]! + (w[25]! | 0) * 0x100000000;
  out.ctimeNsec = w[26]!;
  out.mtimeSec = w[28]! + (w[29]! | 0) * 0x100000000;
  out.mtimeNsec = w[30]!;
  out.rdev = makeDevice(w[32]!, w[33]!);
  out.dev = makeDevice(w[34]!, w[35]!);
  // Where the file system keeps no birth time the kernel leaves the bit out of stx_mask.
  if ((w[0]! & 0x800) === 0) {
    out.btimeSec = 0;
    out.btimeNsec = 0;
  }
}

/** An inode number from its halves. Of one from 2^52 on (a hash, a number with flags on top) the upper bits are laid over those below. */
export function foldInode(low: number, high: number): number {
  return low + (high < 0x100000 ? high : (high ^ (high >>> 20)) & 0xfffff) * 0x100000000;
}

const statfsBytes = Buffer.alloc(128);

function readStatfs(fd: number): void {
  while (libc.fstatfs(fd, statfsBytes) < 0) if (!libc.isInterrupted()) libc.fail('fstatfs');
}

/** The type of the file system that `fd` lies on (fsMagic). */
export function fsTypeOf(fd: number): number {
  readStatfs(fd);
  return statfsBytes.readUInt32LE(0);
}

/** fstatfs(2) of the file system that `fd` lies on. */
export function statFs(fd: number): FsStatistics {
  readStatfs(fd);
  const word = (at: number) => statfsBytes.readUInt32LE(at) + statfsBytes.readUInt32LE(at + 4) * 0x100000000;
  return {
    bsize: word(8),
    blocks: word(16),
    bfree: word(24),
    bavail: word(32),
    files: word(40),
    ffree: word(48),
    namelen: word(64),
    frsize: word(72),
  };
}

let hasFchmodat2 = true;

/** EOPNOTSUPP for a symlink. */
export function chmodAt(dirFd: number, name: Name, mode: number): void {
  if (hasFchmodat2) {
    if (libc.fchmodat2(dirFd, nameBytes(name), mode, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) === 0) return;
    const number = libc.errno();
    // Before Linux 6.6 there is no such call, and a sandbox may answer EPERM to calls it does not know.
    if (number !== errno.ENOSYS && number !== errno.EPERM) throw new FsError(number, 'fchmodat2');
    if (number === errno.ENOSYS) hasFchmodat2 = false;
  }
  if (name === '') {
    chmodFd(dirFd, mode);
    return;
  }
  const fd = libc.openat(dirFd, nameBytes(name), O_PATH | O_NOFOLLOW | O_CLOEXEC, 0);
  if (fd < 0) libc.fail('openat');
  try {
    chmodFd(fd, mode);
  } finally {
    libc.close(fd);
  }
}

function chmodFd(fd: number, mode: number): void {
  if (libc.fchmodat(AT_FDCWD, fdPath(fd), mode, 0) < 0) libc.fail('fchmodat');
}

/** -1 keeps an owner or group. */
export function chownAt(dirFd: number, name: Name, uid: number, gid: number): void {
  const flags = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH;
  if (libc.fchownat(dirFd, nameBytes(name), uid >>> 0, gid >>> 0, flags) < 0) libc.fail('fchownat');
}

/** struct timespec[2]. */
const times = Buffer.alloc(32);
const timeSlots = new BigInt64Array(times.buffer, times.byteOffset, 4);

/** Whole seconds, may be negative; nanoseconds 0..999999999, UTIME_NOW or UTIME_OMIT (the seconds then do not matter). */
export function utimensAt(
  dirFd: number,
  name: Name,
  atimeSec: number,
  atimeNsec: number,
  mtimeSec: number,
  mtimeNsec: number,
): void {
  timeSlots[0] = BigInt(atimeSec);
  timeSlots[1] = BigInt(atimeNsec);
  timeSlots[2] = BigInt(mtimeSec);
  timeSlots[3] = BigInt(mtimeNsec);
  const flags = name === '' ? AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH : AT_SYMLINK_NOFOLLOW;
  if (libc.utimensat(dirFd, nameBytes(name), times, flags) === 0) return;
  // AT_EMPTY_PATH is known here since Linux 5.8.
  const isOld = name === '' && libc.errno() === errno.EINVAL;
  if (!isOld || libc.utimensat(AT_FDCWD, fdPath(dirFd), times, 0) < 0) libc.fail('utimensat');
}
