/** Extended attributes of any object, symlinks and O_PATH descriptors included. Keys are whole (`user.x`, `trusted.y`).
 *
 *  Names: getxattrat and listxattrat (Linux 6.13), which take a directory descriptor; where they are absent, and for changes, which
 *  are rare, /proc/self/fd/<dirFd>/<name> and the l-variants (4.6 us instead of 1.5 us, all of it the walk through /proc).
 *  '' is the descriptor itself: the f-variants, which refuse O_PATH descriptors (EBADF), then the link in /proc, which is followed to
 *  the object and no further. */

import { errno } from '../base/errno.js';
import { FsError } from '../base/errors.js';
import { type Name, nameFromBytes } from '../base/name.js';
import { AT_FDCWD, AT_SYMLINK_NOFOLLOW } from './constants.js';
import * as libc from './libc.js';
import { fdPath, fdPathOf, keyBytes, nameBytes } from './path.js';

/** The kernel clears as many bytes as it is offered, so offer few first; XATTR_SIZE_MAX and XATTR_LIST_MAX bound the second try. */
const small = Buffer.allocUnsafeSlow(1024);
let large: Buffer | undefined;

const none: Name[] = [];

/** Where the kernel keeps file capabilities: dropped by writes and changes of owner. */
export const capabilityKey = 'security.capability' as Name;

/** The value; undefined where there is none of that key (ENODATA) or there are none at all (EOPNOTSUPP). */
export function getxattrAt(dirFd: number, name: Name, key: Name): Buffer | undefined {
  let into: Buffer = small;
  for (;;) {
    const length = getRaw(dirFd, name, keyBytes(key), into);
    if (length >= 0) return Buffer.from(into.subarray(0, length));
    const number = libc.errno();
    if (number === errno.ENODATA || number === errno.EOPNOTSUPP) return undefined;
    if (number !== errno.ERANGE || into !== small) throw new FsError(number, 'getxattr');
    into = largeBuffer();
  }
}

/** The keys, in the disk's order. The empty array is one and the same: callers do not change it. */
export function listxattrAt(dirFd: number, name: Name): Name[] {
  let into: Buffer = small;
  for (;;) {
    const length = listRaw(dirFd, name, into);
    if (length === 0) return none;
    if (length > 0) return splitKeys(into, length);
    const number = libc.errno();
    if (number === errno.EOPNOTSUPP) return none;
    if (number !== errno.ERANGE || into !== small) throw new FsError(number, 'listxattr');
    into = largeBuffer();
  }
}

/** `flags`: XATTR_CREATE (EEXIST), XATTR_REPLACE (ENODATA). EOPNOTSUPP where the file system or the object has none. */
export function setxattrAt(dirFd: number, name: Name, key: Name, value: Buffer, flags = 0): void {
  if (setRaw(dirFd, name, keyBytes(key), value, flags) < 0) libc.fail('setxattr');
}

/** False where there is none of that key (ENODATA). */
export function removexattrAt(dirFd: number, name: Name, key: Name): boolean {
  if (removeRaw(dirFd, name, keyBytes(key)) === 0) return true;
  return libc.errno() === errno.ENODATA ? false : libc.fail('removexattr');
}

/** False once the kernel or a sandbox has refused getxattrat or listxattrat. */
let hasXattrat = true;

/** Whether the failed call is to be made again the old way. EPERM is no answer of the kernel to a read: a sandbox gave it. */
function isMissing(): boolean {
  const number = libc.errno();
  if (number !== errno.ENOSYS && number !== errno.EPERM) return false;
  hasXattrat = false;
  return true;
}

function getRaw(dirFd: number, name: Name, key: Buffer, into: Buffer): number {
  if (name !== '' && hasXattrat) {
    const length = libc.getxattrat(dirFd, nameBytes(name), AT_SYMLINK_NOFOLLOW, key, into);
    if (length >= 0 || !isMissing()) return length;
  }
  if (name !== '') return libc.lgetxattr(pathOf(dirFd, name), key, into, into.length);
  const length = libc.fgetxattr(dirFd, key, into, into.length);
  return length >= 0 || libc.errno() !== errno.EBADF ? length : libc.getxattr(fdPath(dirFd), key, into, into.length);
}

function listRaw(dirFd: number, name: Name, into: Buffer): number {
  if (name !== '' && hasXattrat) {
    const length = libc.listxattrat(dirFd, nameBytes(name), AT_SYMLINK_NOFOLLOW, into);
    if (length >= 0 || !isMissing()) return length;
  }
  if (name !== '') return libc.llistxattr(pathOf(dirFd, name), into, into.length);
  const length = libc.flistxattr(dirFd, into, into.length);
  return length >= 0 || libc.errno() !== errno.EBADF ? length : libc.listxattr(fdPath(dirFd), into, into.length);
}

function setRaw(dirFd: number, name: Name, key: Buffer, value: Buffer, flags: number): number {
  if (name !== '') return libc.lsetxattr(pathOf(dirFd, name), key, value, value.length, flags);
  const result = libc.fsetxattr(dirFd, key, value, value.length, flags);
  if (result === 0 || libc.errno() !== errno.EBADF) return result;
  return libc.setxattr(fdPath(dirFd), key, value, value.length, flags);
}

function removeRaw(dirFd: number, name: Name, key: Buffer): number {
  if (name !== '') return libc.lremovexattr(pathOf(dirFd, name), key);
  const result = libc.fremovexattr(dirFd, key);
  return result === 0 || libc.errno() !== errno.EBADF ? result : libc.removexattr(fdPath(dirFd), key);
}

function pathOf(dirFd: number, name: Name): Buffer {
  return dirFd === AT_FDCWD ? nameBytes(name) : fdPathOf(dirFd, name);
}

function largeBuffer(): Buffer {
  large ??= Buffer.allocUnsafeSlow(65536);
  return large;
}

/** Keys one after another, each with a NUL. */
function splitKeys(bytes: Buffer, length: number): Name[] {
  const keys: Name[] = [];
  for (let start = 0; start < length; ) {
    const end = bytes.indexOf(0, start);
    keys.push(nameFromBytes(bytes, start, end));
    start = end + 1;
  }
  return keys;
}
