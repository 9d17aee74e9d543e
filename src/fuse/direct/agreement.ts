/** What the kernel and this driver agreed on at INIT. */

import type { DriverOptions, IoMode } from '../driver.js';
import type { InitFlag } from '../protocol/constants.js';

export interface Agreement {
  minor: number;
  /** The flags set on both sides. */
  flags: ReadonlySet<InitFlag>;
  io: ResolvedIo;
  maxWrite: number;
}

export type ResolvedIo = Exclude<IoMode, 'auto'>;

/** The io mode a mount runs in: 'auto' decided, and what a read-only mount cannot use left out. */
export function resolveIo(options: DriverOptions): ResolvedIo {
  if (options.io === 'auto') return 'cached';
  return options.isReadOnly && options.io === 'writeback' ? 'cached' : options.io;
}
