/** Containers and where they are mounted: what ps lists, and removing them. */

import { closeSync, openSync, realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { PlyfsError } from '../base/errors.js';
import { kernelOverlayOn } from '../mount/kernel-overlay.js';
import { type FoundMount, findMounts, mountOfUpper } from '../mount/records.js';
import { unmount } from '../mount/unmount.js';
import { type Container, findContainer, getContainer, listContainers, removeContainer } from '../store/containers.js';
import { Store } from '../store/store.js';
import { tryLock } from '../sys/lock.js';
import { mountTable } from '../sys/mount.js';

export interface ContainerState extends Container {
  /** The live mount of its view; undefined where it is not mounted. */
  readonly mount: FoundMount | undefined;
}

/** Newest first. */
export function containerStates(store: Store): ContainerState[] {
  const mounts = findMounts();
  return listContainers(store).map((container) => ({ ...container, mount: mountOf(container, mounts) }));
}

/** The live mount of a container's view. */
export function mountOf(container: Container, mounts?: readonly FoundMount[]): FoundMount | undefined {
  return mountOfUpper(container.upper, mounts);
}

/** The path of the mount that `text` names: a mount point, or a mounted container by its name or ID. What is mounted on a path of that name
 *  goes before. PlyfsError `not-mounted` for a container that is nowhere mounted. */
export function mountTargetOf(text: string, cwd: string): string {
  const path = resolve(cwd, text);
  const isTarget = (mounted: { readonly target: string }): boolean => mounted.target === path;
  if (text.includes('/') || findMounts().some(isTarget) || mountTable().some(isTarget)) return text;
  const container = findContainer(new Store(), text);
  if (container === undefined) return text;
  const mount = mountOf(container);
  if (mount !== undefined) return mount.target;
  throw new PlyfsError('not-mounted', `container ${container.name} is not mounted: plyfs mounts shows what is`);
}

/** Removes the container that `text` names; with `force` its mount is ended first. PlyfsError `no-container`, `in-use`, `busy`. */
export async function dropContainer(store: Store, text: string, force: boolean): Promise<void> {
  const container = getContainer(store, text);
  const mount = mountOf(container);
  if (mount !== undefined) {
    if (!force) {
      throw new PlyfsError(
        'in-use',
        `container ${container.name} is mounted on ${mount.target}: run plyfs umount ${mount.target} first, or plyfs rm -f`,
      );
    }
    await unmount(mount.target, '/', false);
  }
  const overlay = kernelOverlayOn(realpathSync(container.upper)) ?? kernelOverlayOn(realpathSync(container.work));
  if (overlay !== undefined) {
    throw new PlyfsError(
      'in-use',
      `container ${container.name} is mounted by the kernel's overlay on ${overlay}: run umount ${overlay} first`,
    );
  }
  const lock = openSync(container.upper, 'r');
  try {
    if (!tryLock(lock, 'exclusive')) {
      throw new PlyfsError('in-use', `the upper of container ${container.name} is in use by another mount: end that one first`);
    }
    await removeContainer(store, container);
  } finally {
    closeSync(lock);
  }
}
