/** Ending mounts from outside their daemon: `plyfs umount`, and the remains of daemons that are gone. */

import { setTimeout as sleep } from 'node:timers/promises';
import { PlyfsError } from '../base/errors.js';
import { unmountTarget } from '../fuse/mount-point.js';
import { mountTable } from '../sys/mount.js';
import { startTicksOf } from '../sys/process.js';
import { askMount } from './control.js';
import { mountPointPath } from './paths.js';
import { type FoundMount, findMount, removeRecord } from './records.js';

/** How long the daemon may take to end once its mount is gone. */
const endMs = 10_000;

/** Unmounts what plyfs has mounted on `target`, and returns when its daemon has ended (with `isLazy`: when the target is free). A mount
 *  whose daemon is gone is cleared away. PlyfsError: not mounted by plyfs, in use, no rights. */
export async function unmount(target: string, cwd: string, isLazy: boolean): Promise<void> {
  const path = mountPointPath(target, cwd);
  const found = findMount(path);
  if (found?.isAlive) return endDaemon(found, isLazy);
  const mounted = mountTable().findLast((entry) => entry.target === path);
  if (found === undefined && mounted?.type !== 'fuse.plyfs') {
    throw new PlyfsError('not-mounted', `plyfs has mounted nothing on ${path}: plyfs mounts shows what it has`);
  }
  if (mounted?.type === 'fuse.plyfs') unmountTarget(path, isLazy || found !== undefined);
  if (found !== undefined) removeRecord(found.file);
}

async function endDaemon(mount: FoundMount, isLazy: boolean): Promise<void> {
  await askMount(mount.socket, { command: 'unmount', isLazy });
  if (isLazy) return;
  const deadline = Date.now() + endMs;
  while (startTicksOf(mount.pid) === mount.startTicks) {
    if (Date.now() > deadline) {
      throw new PlyfsError('still-running', `${mount.target} is unmounted, but its daemon (pid ${mount.pid}) is still running`);
    }
    await sleep(2);
  }
}
