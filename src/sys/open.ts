/** Opening and closing. Every descriptor is close-on-exec. Names: one or more components below `dirFd`; '' is the descriptor itself.
 *  The last component is never followed if it is a symlink (ELOOP; with O_PATH the symlink itself is opened). */

import { errno } from '../base/errno.js';
import { FsError } from '../base/errors.js';
import { type Name, nameFromText } from '../base/name.js';
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  O_CLOEXEC,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_PATH,
  RESOLVE_BENEATH,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
  RESOLVE_NO_XDEV,
} from './constants.js';
import * as libc from './libc.js';
import { fdPath, nameBytes } from './path.js';

export function openAt(dirFd: number, name: Name, flags: number, mode = 0): number {
  if (name === '') return reopen(dirFd, flags);
  const fd = openRaw(dirFd, nameBytes(name), flags | O_NOFOLLOW, mode);
  return fd < 0 ? libc.fail('openat') : fd;
}

/** As openAt; undefined where there is nothing of that name (ENOENT only). */
export function tryOpenAt(dirFd: number, name: Name, flags: number, mode = 0): number | undefined {
  if (name === '') return reopen(dirFd, flags);
  const fd = openRaw(dirFd, nameBytes(name), flags | O_NOFOLLOW, mode);
  if (fd >= 0) return fd;
  return libc.errno() === errno.ENOENT ? undefined : libc.fail('openat');
}

/** struct open_how: flags, mode, resolve, each a u64. */
const how = Buffer.alloc(24);
how.writeUInt32LE(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS, 16);
let hasOpenat2 = true;

/** As openAt, and no component of `name` may leave `dirFd` upwards (EXDEV), cross a mount point (EXDEV) or be a symlink (ELOOP).
 *  Before Linux 5.6, or where a sandbox forbids openat2, `name` is walked step by step instead: ENOTDIR in place of ELOOP on the way,
 *  `..` is refused altogether, and mount points are crossed. */
export function openBeneath(dirFd: number, name: Name, flags: number, mode = 0): number {
  if (!hasOpenat2 || name === '') return openStepwise(dirFd, name, flags, mode);
  how.writeInt32LE(flags | O_CLOEXEC | O_NOFOLLOW, 0);
  how.writeUInt32LE(mode, 8);
  const path = nameBytes(name);
  for (;;) {
    const fd = libc.openat2(dirFd, path, how);
    if (fd >= 0) return fd;
    // EAGAIN: a rename somewhere above raced with the walk; the kernel asks to try again.
    const number = libc.errno();
    if (number === errno.EINTR || number === errno.EAGAIN) continue;
    if (number !== errno.ENOSYS && !(number === errno.EPERM && isForbidden())) throw new FsError(number, 'openat2');
    hasOpenat2 = false;
    return openStepwise(dirFd, name, flags, mode);
  }
}

function openStepwise(dirFd: number, name: Name, flags: number, mode: number): number {
  const steps = name.split('/') as Name[]; // parts of a Name are bytes too
  if ((steps.length > 1 && steps[0] === '') || steps.includes('..' as Name)) throw new FsError(errno.EXDEV, 'openat');
  let at = dirFd;
  try {
    for (let i = 0; i < steps.length - 1; i++) {
      const next = openAt(at, steps[i]!, O_PATH | O_DIRECTORY);
      if (at !== dirFd) closeFd(at);
      at = next;
    }
    return openAt(at, steps[steps.length - 1]!, flags, mode);
  } finally {
    if (at !== dirFd) closeFd(at);
  }
}

/** Whether EPERM comes from a seccomp filter: the kernel itself answers a too short struct with EINVAL before all else. */
function isForbidden(): boolean {
  return libc.openat2(AT_FDCWD, nameBytes('.' as Name), how.subarray(0, 0)) < 0 && libc.errno() === errno.EPERM;
}

/** Opens what a person named: symlinks are followed, also the last, unless `flags` say O_NOFOLLOW. */
export function openPath(path: string, flags: number, mode = 0): number {
  const fd = openRaw(AT_FDCWD, nameBytes(nameFromText(path)), flags, mode);
  return fd < 0 ? libc.fail('open') : fd;
}

const OPEN_TREE_CLONE = 1;
/** struct mount_attr: attr_set, attr_clr, propagation, userns_fd, each a u64. The rule for access times is one field of several bits. */
const noAccessTimes = Buffer.alloc(32);
noAccessTimes.writeUInt32LE(0x10, 0); // MOUNT_ATTR_NOATIME
noAccessTimes.writeUInt32LE(0x70, 8); // MOUNT_ATTR__ATIME
const nothing = Buffer.from('\0');

/** A private copy of the one mount that `path` (followed) lies on, rooted there: nothing mounted below it later is seen through it.
 *  Reading through it moves no access times, from Linux 5.12 on. The descriptor is an O_PATH one. undefined where this cannot be had (EPERM: no CAP_SYS_ADMIN; ENOSYS: before Linux 5.2; EINVAL). */
export function openTree(path: string): number | undefined {
  const fd = libc.openTree(AT_FDCWD, nameBytes(nameFromText(path)), OPEN_TREE_CLONE | O_CLOEXEC);
  if (fd >= 0) {
    // Best effort: what is opened here is opened with O_NOATIME besides, only a passthrough of the kernel's own is not.
    libc.mountSetattr(fd, nothing, AT_EMPTY_PATH, noAccessTimes);
    return fd;
  }
  const number = libc.errno();
  if (number === errno.EPERM || number === errno.ENOSYS || number === errno.EINVAL) return undefined;
  throw new FsError(number, 'open_tree');
}

/** A further opening of the file `fd`, which moves no access time whoever reads through it, the kernel included. undefined where that cannot
 *  be had (no CAP_SYS_ADMIN, before Linux 5.12, a file without a name). */
export function openWithoutAccessTimes(fd: number, flags: number): number | undefined {
  const tree = libc.openTree(fd, nothing, OPEN_TREE_CLONE | O_CLOEXEC | AT_EMPTY_PATH);
  if (tree < 0) return undefined;
  try {
    return libc.mountSetattr(tree, nothing, AT_EMPTY_PATH, noAccessTimes) < 0 ? undefined : reopen(tree, flags);
  } finally {
    closeFd(tree);
  }
}

/** A further, independent opening of the object `fd` is, which may be an O_PATH descriptor or an unlinked file. */
export function reopen(fd: number, flags: number): number {
  const opened = openRaw(AT_FDCWD, fdPath(fd), flags & ~O_NOFOLLOW, 0);
  return opened < 0 ? libc.fail('open /proc/self/fd') : opened;
}

export function closeFd(fd: number): void {
  // Linux closes the descriptor whatever close(2) answers: EINTR is no reason to repeat it.
  if (libc.close(fd) < 0 && !libc.isInterrupted()) libc.fail('close');
}

/** Minus one on failure. */
function openRaw(dirFd: number, path: Buffer, flags: number, mode: number): number {
  for (;;) {
    const fd = libc.openat(dirFd, path, flags | O_CLOEXEC, mode);
    if (fd >= 0 || !libc.isInterrupted()) return fd;
  }
}
