/** Advisory locks on whole files: flock(2). They belong to the opening, not to the process, and end with it, also when it is killed. */

import { errno } from '../base/errno.js';
import { FsError } from '../base/errors.js';
import * as libc from './libc.js';

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
