/** The claim on an upper: nobody else mounts it, it can be written, and what a volatile mount left is noticed.
 *
 *  The claim is a lock (flock) on the upper and on the work directory that lasts as long as the mount, also when its daemon is killed. The
 *  kernel's overlayfs takes no such lock; its mounts are found in the mount table. */

import { accessSync, constants, lstatSync, openSync, readFileSync, rmdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { PlyfsError } from '../base/errors.js';
import { codeOf, ifPresent } from '../base/node-error.js';
import { tryLock } from '../sys/lock.js';
import { mountTable } from '../sys/mount.js';
import { kernelOverlayOn } from './kernel-overlay.js';
import type { MountOptions } from './mount-option-values.js';
import type { Claims, Writable } from './mount-request.js';
import { wrongPath } from './paths.js';
import { findMounts } from './records.js';

/** Takes the locks. PlyfsError where the upper cannot be used. */
export function claimUpper({ upper, work }: Writable, options: MountOptions, claims: Claims): void {
  if (upper === work)
    throw new PlyfsError('overlap', `upper and work directory are both ${upper}: make the work directory its neighbour`);
  checkWritable('upper', upper);
  checkWritable('work directory', work);
  if (statSync(upper).dev !== statSync(work).dev) throw differentFileSystems(upper, work);
  const upperMount = lock('upper', upper, claims);
  const workMount = lock('work directory', work, claims);
  // One file system mounted twice: a rename between the two mounts is refused by the kernel.
  if (upperMount !== workMount) throw differentFileSystems(upper, work);
  refuseKernelOverlay(upper, work);
  checkVolatile(work, options, claims);
}

function differentFileSystems(upper: string, work: string): PlyfsError {
  return new PlyfsError(
    'different-file-systems',
    `upper ${upper} and work directory ${work} are on different mounts: choose a work directory beside the upper`,
  );
}

function checkWritable(what: string, path: string): void {
  try {
    accessSync(path, constants.W_OK | constants.X_OK | constants.R_OK);
  } catch (error) {
    // The root of an image may be 0555: its owner writes to it all the same (layers/owner-rights.ts).
    if (isOwnWithoutWrite(path, error)) return;
    throw wrongPath(what, path, error, 'choose another place, or add the option ro to mount without writing');
  }
}

function isOwnWithoutWrite(path: string, error: unknown): boolean {
  const { uid, mode } = statSync(path);
  return codeOf(error) === 'EACCES' && uid === process.geteuid?.() && (mode & 0o700) === 0o500;
}

/** Locks the directory for as long as the claim lasts; returns the id of the mount it lies on. */
function lock(what: string, path: string, claims: Claims): string | undefined {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  claims.addLock(fd);
  if (!lockSoon(fd, path)) {
    throw new PlyfsError('in-use', `${what} ${path} is in use by another mount: see plyfs mounts, and unmount that one first`);
  }
  return /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1];
}

/** How long a daemon whose mount is gone may take to let go of its upper. */
const letGoMs = 3000;

/** umount(8) returns before the daemon has ended: `umount m && plyfs mount ... m` must not find its own former mount in the way. */
function lockSoon(fd: number, path: string): boolean {
  for (const end = Date.now() + letGoMs; Date.now() < end; Atomics.wait(pause, 0, 0, 20)) {
    if (tryLock(fd, 'exclusive')) return true;
    if (isMountedFrom(path)) return false;
  }
  return false;
}

const pause = new Int32Array(new SharedArrayBuffer(4));

function isMountedFrom(path: string): boolean {
  const targets = new Set(mountTable().map(({ target }) => target));
  return findMounts().some(({ upper, work, target }) => (upper === path || work === path) && targets.has(target));
}

function refuseKernelOverlay(upper: string, work: string): void {
  for (const path of [upper, work]) {
    const target = kernelOverlayOn(path);
    if (target !== undefined) {
      throw new PlyfsError('in-use', `${path} is in use by the overlay mount on ${target}: unmount that one first`);
    }
  }
}

/** The kernel's mark (overlayfs.rst, "Volatile mount"): what was written under it may never have reached the disk. */
function checkVolatile(work: string, options: MountOptions, claims: Claims): void {
  const incompat = join(work, 'work', 'incompat');
  const mark = join(incompat, 'volatile');
  if (isThere(mark)) {
    if (!options.isForcedDirty) {
      throw new PlyfsError(
        'volatile',
        `${mark} says that a volatile mount used this upper and a crash may have damaged it: start with a new upper and work directory, or use --force-dirty`,
      );
    }
    rmdirSync(mark);
  }
  // The overlay leaves the mark when it is opened; a mount that fails after that leaves none.
  if (options.isVolatile) claims.add(() => removeIfThere(mark));
}

function removeIfThere(directory: string): void {
  ifPresent(() => rmdirSync(directory));
}

function isThere(path: string): boolean {
  try {
    return ifPresent(() => lstatSync(path)) !== undefined;
  } catch (error) {
    throw wrongPath('work directory', path, error, 'choose another work directory');
  }
}
