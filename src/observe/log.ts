/** The log: one line an event on stderr, `2026-11-22T10:00:00.000Z warn text`. A background mount's stderr is its log file. */

import { writeSync } from 'node:fs';

export type LogLevel = 'info' | 'warn' | 'error';

/** Writes synchronously, so that a serving thread that never returns to its event loop is heard. Losing the log is not an error. */
export function log(level: LogLevel, text: string): void {
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
