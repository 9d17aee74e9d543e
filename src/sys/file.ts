/** Bytes of open files. Positions are given, never kept in the descriptor. */

import { Attributes } from '../base/attributes.js';
import { errno } from '../base/errno.js';
import { FsError } from '../base/errors.js';
import type { Name } from '../base/name.js';
import { SEEK_DATA, SEEK_HOLE } from './constants.js';
import * as libc from './libc.js';
import { statAt } from './stat.js';

/** Bytes read into `buffer` at `at`; fewer than `length` at the end of the file (or on a signal after some bytes). */
export function pread(fd: number, buffer: Buffer, at: number, length: number, offset: number): number {
  const into = window(buffer, at, length);
  for (;;) {
    const count = libc.pread(fd, into, length, offset);
    if (count >= 0) return count;
    if (!libc.isInterrupted()) libc.fail('pread');
  }
}

/** Writes all of `length` and returns it. After an FsError (ENOSPC, EDQUOT, EFBIG, EIO) a first part may have been written. */
export function pwrite(fd: number, buffer: Buffer, at: number, length: number, offset: number): number {
  for (let done = 0; done < length; ) done += pwriteSome(fd, buffer, at + done, length - done, offset + done);
  return length;
}

/** Bytes written, at least one: fewer than `length` (above 0) where there was room for a first part only. FsError as pwrite. */
export function pwriteSome(fd: number, buffer: Buffer, at: number, length: number, offset: number): number {
  const from = window(buffer, at, length);
  for (;;) {
    const count = libc.pwrite(fd, from, length, offset);
    if (count > 0 || length === 0) return count;
    if (count === 0) throw new FsError(errno.EIO, 'pwrite wrote nothing');
    if (!libc.isInterrupted()) libc.fail('pwrite');
  }
}

/** The part of `buffer` from `at`, checked to hold `length` bytes: libc would read or write past the end. */
function window(buffer: Buffer, at: number, length: number): Buffer {
  if (at < 0 || length < 0 || at + length > buffer.length) throw new Error(`${length} bytes at ${at} of ${buffer.length}`);
  return at === 0 ? buffer : buffer.subarray(at);
}

export function ftruncate(fd: number, size: number): void {
  while (libc.ftruncate(fd, size) < 0) if (!libc.isInterrupted()) libc.fail('ftruncate');
}

/** `mode`: FALLOC_FL_*; EOPNOTSUPP where the file system lacks it. */
export function fallocate(fd: number, mode: number, offset: number, length: number): void {
  while (libc.fallocate(fd, mode, offset, length) < 0) if (!libc.isInterrupted()) libc.fail('fallocate');
}

/** The resulting position. SEEK_DATA and SEEK_HOLE: ENXIO past the end of the file (SEEK_DATA: also past the last data). */
export function lseek(fd: number, offset: number, whence: number): number {
  const position = libc.lseek(fd, offset, whence);
  return position < 0 ? libc.fail('lseek') : position;
}

export function fsync(fd: number): void {
  while (libc.fsync(fd) < 0) if (!libc.isInterrupted()) libc.fail('fsync');
}

export function fdatasync(fd: number): void {
  while (libc.fdatasync(fd) < 0) if (!libc.isInterrupted()) libc.fail('fdatasync');
}

/** All of the file system that `fd` (not an O_PATH descriptor) lies on. */
export function syncfs(fd: number): void {
  while (libc.syncfs(fd) < 0) if (!libc.isInterrupted()) libc.fail('syncfs');
}

const FICLONE = 0x40049409;
const noClone: readonly number[] = [errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY];

/** Makes `targetFd` share all blocks of `sourceFd` (a reflink); false where the file systems cannot. */
export function clone(sourceFd: number, targetFd: number): boolean {
  if (libc.ioctlNumber(targetFd, FICLONE, sourceFd) === 0) return true;
  const number = libc.errno();
  if (noClone.includes(number)) return false;
  throw new FsError(number, 'ioctl FICLONE');
}

/** loff_t of the source, loff_t of the target. */
const inOffset = Buffer.alloc(8);
const outOffset = Buffer.alloc(8);

/** Bytes copied inside the kernel: may be fewer than `length`, 0 at the end of the source. */
export function copyFileRange(inFd: number, inAt: number, outFd: number, outAt: number, length: number): number {
  const count = copyRangeRaw(inFd, inAt, outFd, outAt, length);
  return count < 0 ? libc.fail('copy_file_range') : count;
}

function copyRangeRaw(inFd: number, inAt: number, outFd: number, outAt: number, length: number): number {
  for (;;) {
    libc.putWord(inOffset, 0, inAt);
    libc.putWord(outOffset, 0, outAt);
    const count = libc.copyFileRange(inFd, inOffset, outFd, outOffset, length, 0);
    if (count >= 0 || !libc.isInterrupted()) return count;
  }
}

const source = new Attributes();

/** Copies the `length` bytes from `inStart` of `inFd` to the start of `outFd`, which is empty, and returns how many there were: fewer
 *  where the source ends early. If `inStart` is 0 the source's holes stay holes, the one at its end included. Asks `mustStop` now and then: EINTR
 *  if so. */
export function copyData(inFd: number, inStart: number, outFd: number, length: number, mustStop = never): number {
  if (inStart !== 0) return copyRange(inFd, inStart, outFd, 0, length, mustStop);
  statAt(inFd, '' as Name, source);
  const end = Math.min(length, source.size);
  let at = 0;
  while (at < end) {
    const data = libc.lseek(inFd, at, SEEK_DATA);
    if (data < 0 && libc.errno() === errno.ENXIO) break; // only a hole is left
    // EINVAL: a file system without holes. No other errno is possible for an open file.
    const from = data < 0 ? at : data;
    if (from >= end) break;
    const hole = data < 0 ? end : libc.lseek(inFd, from, SEEK_HOLE);
    const upTo = Math.min(hole < 0 ? end : hole, end);
    const count = copyRange(inFd, from, outFd, from, upTo - from, mustStop);
    if (count < upTo - from) return from + count;
    at = upTo;
  }
  ftruncate(outFd, end);
  return end;
}

/** The data parts of the first `size` bytes of a file, ascending; what lies between them are holes. One part where the file system has no
 *  holes. */
export function dataRanges(fd: number, size: number): { offset: number; length: number }[] {
  const ranges: { offset: number; length: number }[] = [];
  for (let at = 0; at < size; ) {
    const data = libc.lseek(fd, at, SEEK_DATA);
    if (data < 0 && libc.errno() === errno.ENXIO) break; // only a hole is left
    // EINVAL: a file system without holes. No other errno is possible for an open file.
    const offset = data < 0 ? at : data;
    if (offset >= size) break;
    const hole = data < 0 ? size : libc.lseek(fd, offset, SEEK_HOLE);
    at = Math.min(hole < 0 ? size : hole, size);
    ranges.push({ offset, length: at - offset });
  }
  return ranges;
}

/** What says that the kernel will not copy between these two files (copy_file_range(2), and EPERM of sandboxes). */
const noCopyRange: readonly number[] = [
  errno.ENOSYS,
  errno.EXDEV,
  errno.EINVAL,
  errno.EOPNOTSUPP,
  errno.EPERM,
  errno.ETXTBSY,
  errno.EIO,
];

/** Bytes between two questions whether to go on: a few hundredths of a second. */
const stepBytes = 16 << 20;
const never = (): boolean => false;

function copyRange(
  inFd: number,
  inStart: number,
  outFd: number,
  outStart: number,
  length: number,
  mustStop: () => boolean,
): number {
  let done = 0;
  while (done < length) {
    if (mustStop()) throw new FsError(errno.EINTR, 'a copy was given up');
    const count = copyRangeRaw(inFd, inStart + done, outFd, outStart + done, Math.min(length - done, stepBytes));
    if (count > 0) {
      done += count;
      continue;
    }
    if (count < 0 && !noCopyRange.includes(libc.errno())) libc.fail('copy_file_range');
    // 0 is also what files of no size with content (/proc) give: reading tells.
    return done + copyByHand(inFd, inStart + done, outFd, outStart + done, length - done, mustStop);
  }
  return done;
}

const chunkBytes = 256 * 1024;
let chunk: Buffer | undefined;

function copyByHand(
  inFd: number,
  inStart: number,
  outFd: number,
  outStart: number,
  length: number,
  mustStop: () => boolean,
): number {
  chunk ??= Buffer.allocUnsafeSlow(chunkBytes);
  let done = 0;
  while (done < length) {
    if (mustStop()) throw new FsError(errno.EINTR, 'a copy was given up');
    const count = pread(inFd, chunk, 0, Math.min(chunkBytes, length - done), inStart + done);
    if (count === 0) break;
    pwrite(outFd, chunk, 0, count, outStart + done);
    done += count;
  }
  return done;
}

const SYNC_FILE_RANGE_WRITE = 2;

/** Starts writing the file's dirty pages without waiting for them. On ext4 (data=ordered) a name given to the file afterwards then never
 *  outlives a power failure without its data, which is what its auto_da_alloc does for renames. */
export function startWriteback(fd: number): void {
  if (libc.syncFileRange(fd, 0, 0, SYNC_FILE_RANGE_WRITE) < 0) libc.fail('sync_file_range');
}

const FS_IOC_GETFLAGS = 0x80086601;
const FS_IOC_SETFLAGS = 0x40086602;
const flagsWord = Buffer.alloc(8);

/** Inode flags (FS_*_FL) of the file or directory `fd`, not O_PATH; 0 where the disk keeps none. */
export function inodeFlags(fd: number): number {
  flagsWord.fill(0);
  if (libc.ioctl(fd, FS_IOC_GETFLAGS, flagsWord) >= 0) return flagsWord.readUInt32LE(0);
  if (hasNoInodeFlags(libc.errno())) return 0;
  return libc.fail('ioctl FS_IOC_GETFLAGS');
}

/** EOPNOTSUPP where the disk keeps none, or not these. */
export function setInodeFlags(fd: number, flags: number): void {
  flagsWord.fill(0);
  flagsWord.writeUInt32LE(flags >>> 0, 0);
  if (libc.ioctl(fd, FS_IOC_SETFLAGS, flagsWord) >= 0) return;
  const number = libc.errno();
  throw new FsError(hasNoInodeFlags(number) ? errno.EOPNOTSUPP : number, 'ioctl FS_IOC_SETFLAGS');
}

function hasNoInodeFlags(number: number): boolean {
  return number === errno.ENOTTY || number === errno.EOPNOTSUPP || number === errno.ENOSYS;
}
