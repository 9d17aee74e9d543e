/** Ending mounts from outside their daemon: `plyfs umount`, and the remains of daemons that are gone. */

import { openSync } from 'node:fs';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { PlyfsError } from '../base/errors.js';
import { ifPresent } from '../base/node-error.js';
import { unmountTarget } from '../fuse/mount-point.js';
import { tryLock } from '../sys/lock.js';
import { mountTable } from '../sys/mount.js';
import { closeFd } from '../sys/open.js';
import { OwnedFd } from '../sys/owned-fd.js';
import { pollIn } from '../sys/poll.js';
import { openProcess, startTicksOf } from '../sys/process.js';
import { askMount } from './control.js';
import { mountPointPath } from './paths.js';
import { type FoundMount, findMount, lockFileOf, removeRecord } from './records.js';

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
  const isMounted = isPlyfsMount(path);
  if (found === undefined && !isMounted) {
    throw new PlyfsError('not-mounted', `plyfs has mounted nothing on ${path}: plyfs mounts shows what it has`);
  }
  if (isMounted) unmountTarget(path, isLazy || found !== undefined);
  if (found !== undefined) removeRecord(found.file);
}

async function endDaemon(mount: FoundMount, isLazy: boolean): Promise<void> {
  // Opened before: the daemon removes its record, and its number may be another process's after the end.
  using daemon = openDaemon(mount);
  await askMount(mount.socket, { command: 'unmount', isLazy });
  // The daemon has unmounted where it lives; a namespace that was made meanwhile has a copy of the mount.
  if (mount.isElsewhere && isPlyfsMount(mount.target)) unmountTarget(mount.target, isLazy);
  if (!isLazy && daemon !== undefined) await untilEnded(daemon, mount);
}

function isPlyfsMount(target: string): boolean {
  return mountTable().findLast((entry) => entry.target === target)?.type === 'fuse.plyfs';
}

/** Something of a daemon that can be waited for. */
interface Daemon extends Disposable {
  hasEnded(): boolean | Promise<boolean>;
}

/** The process itself, which is readable with its last thread gone: it holds nothing of the upper's file system then. Of another pid
 *  namespace, where its pid is somebody else's, the lock. */
function openDaemon(mount: FoundMount): Daemon | undefined {
  if (startTicksOf(mount.pid) === mount.startTicks) {
    const fd = openProcess(mount.pid);
    return fd === undefined ? undefined : { hasEnded: () => pollIn(fd, -1, sliceMs) !== 0, [Symbol.dispose]: () => closeFd(fd) };
  }
  const lock = ifPresent(() => openSync(lockFileOf(mount.file), 'r'));
  if (lock === undefined) return undefined;
  const file = new OwnedFd(lock, mount.target);
  return {
    hasEnded: async () => tryLock(file.number, 'shared') || (await sleep(2, false)),
    [Symbol.dispose]: () => file.close(),
  };
}

async function untilEnded(daemon: Daemon, { target, pid }: FoundMount): Promise<void> {
  for (const deadline = Date.now() + endMs; !(await daemon.hasEnded()); await nextTurn()) {
    if (Date.now() > deadline) {
      const holder = 'another mount namespace, such as a container that was started meanwhile, may still hold it';
      throw new PlyfsError('still-running', `${target} is unmounted, but its daemon (pid ${pid}) is still running: ${holder}`);
    }
  }
}
