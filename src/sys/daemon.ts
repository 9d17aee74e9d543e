/** What a process does to become a daemon, and to end when a thread is stuck. */

import { readdirSync, readFileSync } from 'node:fs';
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

/** Descriptors above 2 that came from the parent (our own are all close-on-exec), ascending. Call it before anything is spawned. */
export function inheritedDescriptors(): number[] {
  const fds = readdirSync('/proc/self/fd').map(Number);
  return fds.filter((fd) => fd > 2 && isInherited(fd)).sort((a, b) => a - b);
}

function isInherited(fd: number): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1];
    return flags !== undefined && (Number.parseInt(flags, 8) & 0o2000000) === 0;
  } catch (error) {
    // The descriptor that listed the directory is closed by now. Node's fs throws nothing but Error here.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
