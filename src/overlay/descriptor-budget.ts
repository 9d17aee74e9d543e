/** How many descriptors the engine may keep open of what the process is allowed. A client whose file could not be opened for want of them gets
 *  EMFILE, and a daemon without any can no longer be asked to unmount: some stay free. */

import { PlyfsError } from '../base/errors.js';

export interface DescriptorBudget {
  /** Directories of layers. Lookups in random order open each anew that is not. */
  directories: number;
  /** Files that were read or written lately. */
  files: number;
  /** Files that pass through while they are open: more go through the daemon. */
  held: number;
}

/** For the control socket and its callers, two I/O threads, and what an operation opens for a moment. */
const reserve = 32;
/** Below these the engine cannot work; the caches themselves keep no fewer. */
const least = 16;

/** `limit`: of RLIMIT_NOFILE. `inUse`: what is open, or will be, besides the three. PlyfsError `few-descriptors`. */
export function descriptorBudget(limit: number, inUse: number): DescriptorBudget {
  const needed = inUse + 3 * least;
  if (limit < needed) {
    throw new PlyfsError(
      'few-descriptors',
      `this mount needs ${needed} open files and more, and ${limit} are allowed: raise the limit (ulimit -n, LimitNOFILE of systemd)`,
    );
  }
  const left = limit - inUse - reserve;
  const share = (part: number, most: number): number => Math.max(least, Math.min(most, Math.floor(left * part)));
  return { directories: share(0.4, 32_768), files: share(0.3, 2048), held: Math.max(0, Math.floor(left * 0.3)) };
}
