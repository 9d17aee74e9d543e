/** Writing streams of bytes to a descriptor that may be a pipe, a file or a socket, blocking or not. */

import { errno } from '../base/errno.js';
import { FsError } from '../base/errors.js';
import * as libc from './libc.js';

const F_SETPIPE_SZ = 1031;
const POLLOUT = 4;

/** Makes a pipe hold up to `bytes`, so that who writes and who reads wait for each other less often. Nothing happens to what is no pipe, and
 *  where the user's share of pipe memory is used up. */
export function widenPipe(fd: number, bytes: number): void {
  libc.fcntl(fd, F_SETPIPE_SZ, bytes);
}

/** struct pollfd: s32 fd, s16 events, s16 revents. */
const polled = Buffer.alloc(8);

/** Writes all of `bytes`, however long the other side takes. FsError EPIPE where nobody reads any more, ENOSPC, EIO. */
export function writeAll(fd: number, bytes: Buffer): void {
  for (let done = 0; done < bytes.length; ) {
    const count = libc.write(fd, done === 0 ? bytes : bytes.subarray(done), bytes.length - done);
    if (count > 0) done += count;
    else if (count === 0) throw new FsError(errno.EIO, 'write wrote nothing');
    else if (libc.errno() === errno.EAGAIN) waitUntilWritable(fd);
    else if (!libc.isInterrupted()) libc.fail('write');
  }
}

function waitUntilWritable(fd: number): void {
  polled.writeInt32LE(fd, 0);
  polled.writeInt32LE(POLLOUT, 4);
  // Whatever it answers: the next write tells.
  libc.poll(polled, 1, -1);
}
