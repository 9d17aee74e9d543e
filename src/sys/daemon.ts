/** What a process does to become a daemon, and to end when a thread is stuck. */

import * as libc from './libc.js';

/** Leaves the caller's session and terminal. A process that leads a group already (started detached) is left as it is. */
export function leaveSession(): void {
  // EPERM, the only error, says exactly that.
  libc.setsid();
}

/** Makes descriptor `to` another name of `from`, closing what `to` was. */
export function redirect(from: number, to: number): void {
  while (libc.dup2(from, to) < 0) if (!libc.isInterrupted()) libc.fail('dup2');
}

/** Ends the process at once: no exit handler runs and no thread is waited for. */
export function exitNow(status: number): never {
  libc.exitProcess(status);
  throw new Error('_exit returned');
}
