/** Starting a mount, from both ends. A mount has a process of its own; PLYFS_READY_FD tells it of a descriptor to whose other end its starter
 *  listens. On it comes the exit status as decimal text, once: 0 when the mount answers, another when it could not be made. When the
 *  descriptor is closed without it, the process has died. bin/plyfs is a starter too, in shell: that saves one start of node. */

import { spawn } from 'node:child_process';
import { closeSync, writeSync } from 'node:fs';
import { PlyfsError } from '../base/errors.js';
import { processFile } from './process-file.js';

/** The first descriptor that stdio leaves free. */
const readyFd = 3;

/** Makes the mount that `words` ask for, as after `plyfs mount`, in the background. Resolves to the exit status once it answers or has
 *  failed, and then has said on stderr why. PlyfsError `ended` where its process died. */
export function startMount(words: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [processFile, ...words], {
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
    env: { ...process.env, PLYFS_READY_FD: String(readyFd) },
  });
  child.unref();
  return new Promise((resolve, reject) => {
    let text = '';
    child.on('error', reject);
    child.stdio[readyFd]?.on('data', (part: Buffer) => {
      text += part.toString('latin1');
    });
    child.stdio[readyFd]?.on('close', () => {
      if (text !== '') resolve(Number(text));
      else reject(new PlyfsError('ended', 'the mount process ended before the mount was ready'));
    });
  });
}

/** For the mount's process: what tells its starter the status, once. Undefined where nobody waits: it stays in the foreground. The
 *  environment forgets of it, so that no child of this process takes it for its own. */
export function starterOfThisProcess(): ((status: number) => void) | undefined {
  const fd = process.env.PLYFS_READY_FD;
  delete process.env.PLYFS_READY_FD;
  return fd === undefined ? undefined : (status) => tell(Number(fd), status);
}

function tell(fd: number, status: number): void {
  try {
    writeSync(fd, String(status));
  } catch (error) {
    // A starter that was killed meanwhile: its mount is as good as any.
    if (!(error instanceof Error && 'code' in error && error.code === 'EPIPE')) throw error;
  }
  closeSync(fd);
}
