/** Advisory locks on whole files: flock(2). They belong to the opening, not to the process, and end with it, also when it is killed. */

import { openSync } from 'node:fs';
import { errno } from '../base/errno.js';
import { FsError } from '../base/errors.js';
import { ifPresent } from '../base/node-error.js';
import * as libc from './libc.js';
import { OwnedFd } from './owned-fd.js';

const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;

/** Whether the lock is had now; never waits. Taking the other kind on the same descriptor changes it. */
export function tryLock(fd: number, kind: 'shared' | 'exclusive'): boolean {
  const operation = (kind === 'shared' ? LOCK_SH : LOCK_EX) | LOCK_NB;
  for (;;) {
    if (libc.flock(fd, operation) === 0) return true;
    const number = libc.errno();
    if (number === errno.EAGAIN) return false;
    if (number !== errno.EINTR) throw new FsError(number, 'flock');
  }
}

/** Takes the lock file `path`, made where it is missing, for as long as the returned descriptor is open: a process that ends, however, lets
 *  go, and whoever shares the file system can tell, in whichever pid namespace it lives. PRE: nobody else wants this file. */
export function holdLockFile(path: string): OwnedFd {
  const fd = new OwnedFd(openSync(path, 'a', 0o600), path);
  if (tryLock(fd.number, 'exclusive')) return fd;
  fd.close();
  throw new Error(`${path} is locked already`);
}

/** Whether somebody holds a lock file; undefined where there is none. */
export function isLockHeld(path: string): boolean | undefined {
  const fd = ifPresent(() => openSync(path, 'r'));
  if (fd === undefined) return undefined;
  using file = new OwnedFd(fd, path);
  return !tryLock(file.number, 'shared');
}
