/** A stream of bytes that leaves: into a file, a pipe, a terminal. */

import { errno, errnoName } from '../../base/errno.js';
import { errnoOf, PlyfsError } from '../../base/errors.js';
import { widenPipe, writeAll } from '../../sys/pipe.js';

/** What a pipe may hold: as much as a TarWriter gives out at once, twice. */
const pipeBytes = 1024 * 1024;

/** Writes the chunks, each good until the next is asked for, to a descriptor that people know as `what`. False where the reader has seen
 *  enough (`| head`). PlyfsError `unwritable`; what the chunks throw passes. */
export function writeOut(fd: number, what: string, chunks: Iterable<Buffer>): boolean {
  widenPipe(fd, pipeBytes);
  for (const chunk of chunks) if (!put(fd, what, chunk)) return false;
  return true;
}

function put(fd: number, what: string, chunk: Buffer): boolean {
  try {
    writeAll(fd, chunk);
    return true;
  } catch (error) {
    const number = errnoOf(error);
    if (number === undefined) throw error;
    if (number === errno.EPIPE) return false;
    const why = number === errno.ENOSPC || number === errno.EDQUOT ? 'its disk is full' : errnoName(number);
    throw new PlyfsError('unwritable', `${what} cannot be written (${why})`, { cause: error });
  }
}
