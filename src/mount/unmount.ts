/** Ending mounts from outside their daemon: `plyfs umount`, and the remains of daemons that are gone. */

import { statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { errno } from '../base/errno.js';
import { errnoOf, PlyfsError } from '../base/errors.js';
import { log } from '../observe/log.js';
import { MNT_DETACH, UMOUNT_NOFOLLOW } from '../sys/constants.js';
import { fusermountUnmount } from '../sys/fusermount.js';
import { mountTable, umount } from '../sys/mount.js';
import { startTicksOf } from '../sys/process.js';
import { askMount } from './control.js';
import { isDeadMount, mountPointPath } from './paths.js';
import { type FoundMount, findMount, findMounts, removeRecord } from './records.js';

/** How long the daemon may take to end once its mount is gone. */
const endMs = 10_000;

/** Unmounts what plyfs has mounted on `target`, and returns when its daemon has ended (with `isLazy`: when the target is free). A mount
 *  whose daemon is gone is cleared away. PlyfsError: not mounted by plyfs, busy, no rights. */
export async function unmount(target: string, cwd: string, isLazy: boolean): Promise<void> {
  const path = mountPointPath(target, cwd);
  const found = findMount(path);
  if (found?.isAlive) return endDaemon(found, isLazy);
  const mounted = mountTable().findLast((entry) => entry.target === path);
  if (found === undefined && mounted?.type !== 'fuse.plyfs') {
    throw new PlyfsError('not-mounted', `plyfs has mounted nothing on ${path}: plyfs mounts shows what it has`);
  }
  if (mounted?.type === 'fuse.plyfs') detach(path, isLazy || found !== undefined);
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

/** Clears away what dead daemons left on `target`: mounts that answer ENOTCONN, and records. Other mounts stay. */
export function replaceDeadMount(target: string): void {
  while (isDead(target)) {
    log('warn', `${target} was a mount whose daemon is gone: it is replaced`);
    detach(target, true);
  }
  for (const mount of findMounts()) if (mount.target === target && !mount.isAlive) removeRecord(mount.file);
}

function isDead(target: string): boolean {
  try {
    statSync(target);
    return false;
  } catch (error) {
    if (isDeadMount(error)) return true;
    throw error;
  }
}

/** umount2 as root, fusermount3 -u without rights. */
function detach(target: string, isLazy: boolean): void {
  try {
    umount(target, (isLazy ? MNT_DETACH : 0) | UMOUNT_NOFOLLOW);
  } catch (error) {
    const number = errnoOf(error);
    if (number === errno.EPERM) fusermountUnmount(target, isLazy);
    else if (number === errno.EBUSY) {
      throw new PlyfsError('busy', `${target} is busy: stop what uses it (fuser -vm ${target}), or use --lazy`, { cause: error });
    } else throw error;
  }
}
