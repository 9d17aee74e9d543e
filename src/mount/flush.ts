/** What the kernel still keeps of files written through a mount (`io=writeback`) goes to its upper: for those who read the upper, and before a
 *  busy mount is detached. */

import { spawn } from 'node:child_process';
import { PlyfsError } from '../base/errors.js';
import type { MountRecord } from './records.js';

/** In a process of its own: a mount that does not answer holds nobody for longer than `limitMs`, and a daemon may flush its own. PlyfsError
 *  `unflushed` where the bytes did not arrive. */
export function flushMount({ target, isReadOnly }: Pick<MountRecord, 'target' | 'isReadOnly'>, limitMs = 60_000): Promise<void> {
  if (isReadOnly) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const child = spawn('sync', ['-f', target], { stdio: 'ignore' });
    const end = (failure?: string): void => {
      clearTimeout(timer);
      if (failure === undefined) resolve();
      else reject(unflushed(target, failure));
    };
    // A killed child that waits for the mount may stay until the mount ends: nobody waits for it.
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      child.unref();
      end(`it did not answer within ${limitMs / 1000} s`);
    }, limitMs);
    child.once('error', (error) => end(error.message));
    child.once('exit', (status, signal) => end(status === 0 ? undefined : `sync ended with ${signal ?? status}`));
  });
}

function unflushed(target: string, why: string): PlyfsError {
  return new PlyfsError(
    'unflushed',
    `what was written to ${target} may not have reached its upper (${why}): plyfs mounts names its log`,
  );
}
