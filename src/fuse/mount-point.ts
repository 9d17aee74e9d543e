/** The place where a driver mounts: what must be true of it before, and taking the mount away again. */

import { Attributes } from '../base/attributes.js';
import { errno } from '../base/errno.js';
import { errnoOf, FsError, PlyfsError } from '../base/errors.js';
import { isDirectory } from '../base/mode.js';
import { log } from '../observe/log.js';
import { MNT_DETACH, UMOUNT_NOFOLLOW } from '../sys/constants.js';
import { fusermountUnmount } from '../sys/fusermount.js';
import { umount } from '../sys/mount.js';
import { statPath } from '../sys/stat.js';

/** Unmounts what a daemon that is gone left behind: every access to it is ENOTCONN. */
export function replaceStale(target: string): void {
  while (statErrno(target) === errno.ENOTCONN) {
    log('warn', `${target}: replacing a mount whose daemon is gone`);
    try {
      umount(target, MNT_DETACH | UMOUNT_NOFOLLOW);
    } catch (error) {
      if (errnoOf(error) !== errno.EPERM) throw error;
      fusermountUnmount(target, true);
    }
  }
}

/** PlyfsError where `target` is no directory that can be reached. */
export function checkTarget(target: string): void {
  const found = new Attributes();
  const refuse = (code: string, why: string): never => {
    throw new PlyfsError(code, `cannot mount on ${target}: ${why}`);
  };
  const number = statErrno(target);
  if (number === errno.ENOENT) refuse('target-missing', 'it does not exist; make the directory first');
  if (number === errno.EACCES) refuse('target-denied', 'it cannot be reached with your rights');
  if (number !== 0) throw new FsError(number, target);
  statPath(target, found);
  if (!isDirectory(found.mode)) refuse('target-no-directory', 'it is not a directory');
}

/** Takes away the mount on `target`, as root or through fusermount; nothing where there is none. PlyfsError: busy, unless `isLazy`. */
export function unmountTarget(target: string, isLazy: boolean): void {
  try {
    umount(target, isLazy ? MNT_DETACH | UMOUNT_NOFOLLOW : UMOUNT_NOFOLLOW);
  } catch (error) {
    const number = errnoOf(error);
    // Gone already is what was wanted.
    if (number === errno.EINVAL || number === errno.ENOENT) return;
    if (number === errno.EPERM) fusermountUnmount(target, isLazy);
    else if (number === errno.EBUSY) {
      const advice = 'stop the processes that use it, or unmount lazily';
      throw new PlyfsError('target-busy', `${target} is in use: ${advice}`, { cause: error });
    } else throw error;
  }
}

function statErrno(path: string): number {
  try {
    return statPath(path, new Attributes()) ? 0 : errno.ENOENT;
  } catch (error) {
    const number = errnoOf(error);
    if (number === undefined) throw error;
    return number;
  }
}
