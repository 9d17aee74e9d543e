/** The log: one line an event on stderr. In a daemon `2026-11-22T10:00:00.000Z warn text` (a background mount's stderr is its log file); to who runs a
 *  command, `plyfs: text`, and nothing of what is only informative. */

import { writeSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

export type LogLevel = 'info' | 'warn' | 'error';

/** Threads are those of daemons. */
let hasTimes = !isMainThread;

/** This process serves from now on: its lines are read later. */
export function logWithTimes(): void {
  hasTimes = true;
}

/** Writes synchronously, so that a serving thread that never returns to its event loop is heard. Losing the log is not an error. */
export function log(level: LogLevel, text: string): void {
  if (!hasTimes) {
    if (level !== 'info') writeStderr(`plyfs: ${text}\n`);
    return;
  }
  writeStderr(`${new Date().toISOString()} ${level} ${text.replaceAll('\n', '\n    ')}\n`);
}

/** Writes `text` to stderr now; what cannot be written is dropped. */
export function writeStderr(text: string): void {
  try {
    writeSync(2, text);
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

/** A reader that went away, a full disk or a full pipe must not stop a mount. */
function isGone(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'EPIPE' || code === 'EAGAIN' || code === 'ENOSPC' || code === 'EBADF' || code === 'EIO';
}
