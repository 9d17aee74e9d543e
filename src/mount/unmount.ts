/** Ending mounts from outside their daemon: `plyfs umount`, and the remains of daemons that are gone. */

import { setImmediate as nextTurn } from 'node:timers/promises';
import { PlyfsError } from '../base/errors.js';
import { unmountTarget } from '../fuse/mount-point.js';
import { mountTable } from '../sys/mount.js';
import { closeFd } from '../sys/open.js';
import { pollIn } from '../sys/poll.js';
import { openProcess } from '../sys/process.js';
import { askMount } from './control.js';
import { mountPointPath } from './paths.js';
import { type FoundMount, findMount, removeRecord } from './records.js';

/** How long the daemon may take to end once its mount is gone. */
const endMs = 10_000;
/** Signals are heard in between. */
const sliceMs = 20;

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
  // Opened before: the number may be another process's after the end.
  const daemon = openProcess(mount.pid);
  try {
    await askMount(mount.socket, { command: 'unmount', isLazy });
    if (!isLazy && daemon !== undefined) await untilEnded(daemon, mount);
  } finally {
    if (daemon !== undefined) closeFd(daemon);
  }
}

/** With its last thread gone the daemon holds nothing of the upper's file system, which can be unmounted then. */
async function untilEnded(daemon: number, { target, pid }: FoundMount): Promise<void> {
  for (const deadline = Date.now() + endMs; pollIn(daemon, -1, sliceMs) === 0; await nextTurn()) {
    if (Date.now() > deadline) {
      throw new PlyfsError('still-running', `${target} is unmounted, but its daemon (pid ${pid}) is still running`);
    }
  }
}
