/** A stream of bytes that leaves: into a file, a pipe, a terminal. */

import { errno } from '../../base/errno.js';
import { errnoOf, PlyfsError } from '../../base/errors.js';
import { breath } from '../../base/interruption.js';
import { systemWords } from '../../base/system-words.js';
import { widenPipe, writeAll } from '../../sys/pipe.js';

/** What a pipe may hold: as much as a TarWriter gives out at once, twice. */
const pipeBytes = 1024 * 1024;

/** Writes the chunks, each good until the next is asked for, to a descriptor that people know as `what`. False where the reader has seen
 *  enough (`| head`). PlyfsError `unwritable`; what the chunks throw passes. */
export async function writeOut(fd: number, what: string, chunks: Iterable<Buffer>): Promise<boolean> {
  widenPipe(fd, pipeBytes);
  for (const chunk of chunks) {
    if (!put(fd, what, chunk)) return false;
    await breath();
  }
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
    throw new PlyfsError('unwritable', `${what} cannot be written: ${systemWords(error)}`, { cause: error });
  }
}
