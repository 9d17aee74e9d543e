/** The index of a tar that lies in a file: reads the headers and leaves the data out, so an archive of large files costs little. */

import { PlyfsError } from '../../base/errors.js';
import { type Limits, readLimits } from '../../base/limits.js';
import { pread } from '../../sys/file.js';
import type { TarIndex } from './tar-index.js';
import { TarIndexBuilder } from './tar-index-builder.js';

const windowBytes = 256 * 1024;

export interface Scan {
  readonly index: TarIndex;
  /** What was doubtful but taken, as sentences. */
  readonly warnings: readonly string[];
}

/** Indexes the `length` bytes from `start` of `fd`: an uncompressed tar. PlyfsError BAD_TAR and OVER_LIMIT as the parser; FsError EIO. */
export function scanTar(fd: number, start: number, length: number, limits: Limits = readLimits()): Scan {
  const builder = new TarIndexBuilder(limits);
  const window = Buffer.allocUnsafe(Math.min(windowBytes, Math.max(length, 1)));
  let at = 0;
  while (at < length) {
    const skipped = Math.min(builder.skippable, length - at);
    // Leaving out less than this saves no time: the pages in between are read ahead anyway.
    if (skipped >= windowBytes / 4) {
      builder.skip(skipped);
      at += skipped;
      continue;
    }
    const count = pread(fd, window, 0, Math.min(window.length, length - at), start + at);
    if (count === 0) throw new PlyfsError('BAD_TAR', `the archive has ${at} bytes, ${length} were expected`);
    builder.push(window.subarray(0, count));
    at += count;
  }
  return { index: builder.finish(), warnings: builder.warnings };
}
