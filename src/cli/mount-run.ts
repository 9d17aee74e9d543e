/** Runs `plyfs mount` in its own process: reads the words, makes the mount, tells whoever waits. */

import { closeSync, writeSync } from 'node:fs';
import { endNow, superviseMount } from '../daemon/supervisor.js';
import type { ServingThread } from '../daemon/thread.js';
import { remount } from '../mount/remount.js';
import { readMountArguments } from './mount-arguments.js';
import { reportError } from './report.js';

/** `readyFd`: the descriptor to write the status to, as text; undefined in the foreground. Ends the process. */
export async function runMount(words: readonly string[], serving: ServingThread, readyFd: string | undefined): Promise<void> {
  delete process.env.PLYFS_READY_FD;
  const tell = (status: number) => {
    if (readyFd !== undefined) tellCaller(Number(readyFd), status);
  };
  try {
    const request = readMountArguments(words, process.cwd(), readyFd === undefined);
    if (request.options.isRemount) {
      remount(request);
      tell(0);
      endNow(0);
    }
    await superviseMount(request, serving, () => tell(0));
  } catch (error) {
    const status = reportError(error);
    tell(status);
    endNow(status);
  }
}

function tellCaller(fd: number, status: number): void {
  try {
    writeSync(fd, String(status));
  } catch (error) {
    // A caller that was killed meanwhile: its mount is as good as any.
    if (!(error instanceof Error && 'code' in error && error.code === 'EPIPE')) throw error;
  }
  closeSync(fd);
}
