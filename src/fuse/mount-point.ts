/** The place where a driver mounts, the one room of its facts: what must be true of it before, what a dead mount there is, and taking a
 *  mount away. Callers: the drivers; mount-checks.ts and unmount.ts of mount/. */

import { Attributes } from '../base/attributes.js';
import { errno, errnoName } from '../base/errno.js';
import type { ErrorCode } from '../base/error-codes.js';
import { errnoOf, PlyfsError } from '../base/errors.js';
import { isDirectory } from '../base/mode.js';
import { log } from '../observe/log.js';
import { MNT_DETACH, UMOUNT_NOFOLLOW } from '../sys/constants.js';
import { fusermountUnmount } from '../sys/fusermount.js';
import { mountTable, umount } from '../sys/mount.js';
import { statPath } from '../sys/stat.js';

/** Code and reason by what looking at the target says. */
const refusals: Record<number, readonly [code: ErrorCode, why: string]> = {
  [errno.ENOENT]: ['target-missing', 'it does not exist; make the directory first'],
  [errno.EACCES]: ['target-denied', 'it cannot be reached with your rights'],
  [errno.ENOTDIR]: ['target-no-directory', 'it is not a directory'],
  [errno.ENOTCONN]: ['target-dead', 'it is a mount whose server is gone; unmount it first'],
};

/** What every access to a FUSE mount fails with whose daemon is gone: ECONNABORTED where it was waiting for it (fuse_abort_conn). */
export const deadMountErrors: ReadonlySet<string | undefined> = new Set(['ENOTCONN', 'ECONNABORTED']);

/** Whether the target is free or the remains of a daemon that is gone, which clearTarget takes away. PlyfsError `target-missing`,
 *  `target-denied`, `target-no-directory` where nobody can mount there. */
export function checkTarget(target: string): 'live' | 'dead' {
  const found = new Attributes();
  const number = statErrno(target, found);
  if (deadMountErrors.has(errnoName(number))) return 'dead';
  if (number !== 0) throw refusal(target, number);
  if (!isDirectory(found.mode)) throw refusal(target, errno.ENOTDIR);
  return 'live';
}

/** Unmounts what daemons that are gone left behind, and checks what is there then. Other file systems' dead mounts stay, and are refused.
 *  `target` is a real path. PlyfsError as checkTarget, and `target-dead`. */
export function clearTarget(target: string): void {
  while (checkTarget(target) === 'dead') {
    const top = mountTable().findLast((mount) => mount.target === target);
    if (top?.type.startsWith('fuse') !== true) throw refusal(target, errno.ENOTCONN);
    log('warn', `${target} was a mount whose daemon is gone: it is replaced`);
    unmountTarget(target, true);
  }
}

/** Takes away the mount on `target`, as root or through fusermount; nothing where there is none. PlyfsError `target-busy`, unless `isLazy`. */
export function unmountTarget(target: string, isLazy: boolean): void {
  try {
    umount(target, isLazy ? MNT_DETACH | UMOUNT_NOFOLLOW : UMOUNT_NOFOLLOW);
  } catch (error) {
    const number = errnoOf(error);
    // Gone already is what was wanted.
    if (number === errno.EINVAL || number === errno.ENOENT) return;
    if (number === errno.EPERM) fusermountUnmount(target, isLazy);
    else if (number === errno.EBUSY) {
      const advice = `stop what uses it (fuser -vm ${target}), or unmount it lazily (umount --lazy)`;
      throw new PlyfsError('target-busy', `${target} is in use: ${advice}`, { cause: error });
    } else throw error;
  }
}

function refusal(target: string, number: number): PlyfsError {
  const [code, why] = refusals[number] ?? ['target-unreadable', `it cannot be looked at (${errnoName(number)})`];
  return new PlyfsError(code, `cannot mount on ${target}: ${why}`);
}

function statErrno(path: string, out: Attributes): number {
  try {
    return statPath(path, out) ? 0 : errno.ENOENT;
  } catch (error) {
    const number = errnoOf(error);
    if (number === undefined) throw error;
    return number;
  }
}
