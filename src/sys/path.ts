/** Names on their way to the kernel: NUL-terminated bytes in static buffers, so that a call makes no garbage. What a function here
 *  returns is valid until the next call of the same function. */

import { errno } from '../base/errno.js';
import { FsError } from '../base/errors.js';
import type { Name } from '../base/name.js';

/** PATH_MAX of Linux, the NUL included. */
const pathMax = 4096;
const procFd = '/proc/self/fd/';
/** `/proc/self/fd/`, the digits of a descriptor, a slash. */
const prefixMax = procFd.length + 11;

const first = Buffer.allocUnsafeSlow(pathMax);
const second = Buffer.allocUnsafeSlow(pathMax);
const third = Buffer.allocUnsafeSlow(pathMax);
const inProc = Buffer.allocUnsafeSlow(prefixMax + pathMax);

/** `name` for a call that takes one. EINVAL for a NUL in it, ENAMETOOLONG from 4096 bytes on: as everywhere here. */
export function nameBytes(name: Name): Buffer {
  put(first, 0, name);
  return first;
}

/** The second name of a call that takes two. */
export function secondNameBytes(name: Name): Buffer {
  put(second, 0, name);
  return second;
}

/** The key of an xattr call. */
export function keyBytes(key: Name): Buffer {
  put(third, 0, key);
  return third;
}

let prefixFd = -1;
let prefixLength = 0;

/** `/proc/self/fd/<fd>`: the object itself, also where a call takes no descriptor or none opened with O_PATH. The link counts as a
 *  symlink of the last component: the call has to follow it, and goes no further if the object is a symlink. */
export function fdPath(fd: number): Buffer {
  putPrefix(fd);
  inProc[prefixLength - 1] = 0;
  prefixFd = -1;
  return inProc;
}

/** `/proc/self/fd/<dirFd>/<name>`, for calls that take no directory descriptor. */
export function fdPathOf(dirFd: number, name: Name): Buffer {
  if (dirFd !== prefixFd) putPrefix(dirFd);
  put(inProc, prefixLength, name);
  return inProc;
}

/** Remembers whose prefix is in the buffer: calls about the names of one directory come in rows. */
function putPrefix(fd: number): void {
  prefixLength = inProc.write(`${procFd}${fd}/`, 0, 'latin1');
  prefixFd = fd;
}

function put(buffer: Buffer, at: number, name: string): void {
  const length = name.length;
  if (length >= pathMax) throw new FsError(errno.ENAMETOOLONG, 'path');
  for (let i = 0; i < length; i++) {
    const byte = name.charCodeAt(i);
    if ((byte - 1) >>> 0 >= 255) refuse(byte);
    buffer[at + i] = byte;
  }
  buffer[at + length] = 0;
}

function refuse(byte: number): never {
  if (byte === 0) throw new FsError(errno.EINVAL, 'NUL in a name');
  throw new Error(`a name holds bytes, and ${byte} is none: nameFromText makes names of text`);
}
