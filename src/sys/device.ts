/** The fuse device: its messages and its ioctls (include/uapi/linux/fuse.h). The calls that carry messages neither throw nor retry:
 *  they answer a count, or an errno as a negative number. */

import * as libc from './libc.js';

/** Bytes of the next request, or minus errno: EAGAIN (nothing there, O_NONBLOCK), EINTR, ENOENT (the request was interrupted before
 *  it was read: read on), ENODEV (unmounted), EINVAL (`buffer` is too small). */
export function readDevice(fd: number, buffer: Buffer): number {
  const count = libc.read(fd, buffer, buffer.length);
  return count < 0 ? -libc.errno() : count;
}

/** Writes one whole message, the `length` bytes from `at`; the count or minus errno: ENOENT (nobody waits for it), EINVAL, ENODEV.
 *  PRE: `buffer` holds them. */
export function writeDevice(fd: number, buffer: Buffer, at: number, length: number): number {
  const count = libc.write(fd, at === 0 ? buffer : buffer.subarray(at), length);
  return count < 0 ? -libc.errno() : count;
}

/** struct iovec[2]: address and length, each 8 bytes. */
const vector = Buffer.alloc(32);
/** Whose addresses are known: a reply's header and its data come from buffers that are used again and again. */
let knownHeader: Buffer | undefined;
let knownData: Buffer | undefined;
let dataAddress = 0;

/** As writeDevice for a message in two parts: the first `headerLength` bytes of `header`, then `length` bytes of `data` from `at`.
 *  PRE: the buffers hold them. */
export function writevDevice(fd: number, header: Buffer, headerLength: number, data: Buffer, at: number, length: number): number {
  if (header !== knownHeader) {
    libc.putWord(vector, 0, libc.addressOf(header));
    knownHeader = header;
  }
  if (data !== knownData) {
    dataAddress = libc.addressOf(data);
    knownData = data;
  }
  libc.putWord(vector, 8, headerLength);
  libc.putWord(vector, 16, dataAddress + at);
  libc.putWord(vector, 24, length);
  const count = libc.writev(fd, vector, 2);
  return count < 0 ? -libc.errno() : count;
}

const FUSE_DEV_IOC_CLONE = 0x8004e500;
const FUSE_DEV_IOC_BACKING_OPEN = 0x4010e501;
const FUSE_DEV_IOC_BACKING_CLOSE = 0x4004e502;

const word = Buffer.alloc(4);
/** struct fuse_backing_map: s32 fd, u32 flags, u64 padding. */
const backingMap = Buffer.alloc(16);

/** Makes `freshFd`, just opened on /dev/fuse, a further channel of the mount that `fd` serves. */
export function cloneDevice(freshFd: number, fd: number): void {
  word.writeUInt32LE(fd, 0);
  if (libc.ioctl(freshFd, FUSE_DEV_IOC_CLONE, word) < 0) libc.fail('ioctl FUSE_DEV_IOC_CLONE');
}

/** The backing id (from 1) of an open file, for passthrough (Linux 6.9). EPERM without CAP_SYS_ADMIN or before INIT agreed on
 *  passthrough, ELOOP where file systems are stacked too deep, EOPNOTSUPP where `backingFd` cannot be read and written in the kernel,
 *  ENOTTY on older kernels. The kernel holds the file until closeBacking or the unmount. */
export function openBacking(fd: number, backingFd: number): number {
  backingMap.writeInt32LE(backingFd, 0);
  const id = libc.ioctl(fd, FUSE_DEV_IOC_BACKING_OPEN, backingMap);
  return id < 0 ? libc.fail('ioctl FUSE_DEV_IOC_BACKING_OPEN') : id;
}

/** ENOENT for an id that is not open. */
export function closeBacking(fd: number, id: number): void {
  word.writeUInt32LE(id, 0);
  if (libc.ioctl(fd, FUSE_DEV_IOC_BACKING_CLOSE, word) < 0) libc.fail('ioctl FUSE_DEV_IOC_BACKING_CLOSE');
}
