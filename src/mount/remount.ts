/** `mount -o remount`: a mount becomes read-only or writable, nosuid and the like. The kernel does it; the daemon goes on as it is. */

import { errno } from '../base/errno.js';
import { errnoOf, PlyfsError } from '../base/errors.js';
import { mountFlags } from '../fuse/mount-flags.js';
import { MS_REMOUNT } from '../sys/constants.js';
import { mount } from '../sys/mount.js';
import { changedOptions, fixedOptions } from './fixed-options.js';
import type { MountRequest } from './mount-request.js';
import { mountPointPath } from './paths.js';
import { findMount } from './records.js';

/** PlyfsError, also for an option that only a new mount can have; those that the mount has may be repeated, as mount(8) does. */
export function remount({ options, target, cwd }: MountRequest): void {
  const path = mountPointPath(target, cwd);
  const found = findMount(path);
  if (found === undefined || !found.isAlive) {
    throw new PlyfsError(
      'not-mounted',
      `${path} is not a plyfs mount: there is nothing to remount (plyfs mounts lists those there are)`,
    );
  }
  const changed = found.fixedOptions === undefined ? [] : changedOptions(fixedOptions(options, cwd), found.fixedOptions);
  if (changed.length > 0) {
    const advice = 'unmount it and mount it with them; ro, rw, nosuid and the like can be changed';
    throw new PlyfsError('bad-option', `the mount on ${path} cannot get ${changed.join(', ')} while it is mounted: ${advice}`);
  }
  if (found.isReadOnly && !options.isReadOnly) {
    throw new PlyfsError('read-only', `the mount on ${path} was made read-only: unmount it and mount it writable`);
  }
  try {
    mount(found.source, path, '', MS_REMOUNT | mountFlags(options.isReadOnly, options.mountFlags), '');
  } catch (error) {
    throw sentenceOf(error, path);
  }
}

function sentenceOf(error: unknown, path: string): unknown {
  const number = errnoOf(error);
  if (number === errno.EBUSY) {
    return new PlyfsError('target-busy', `${path} cannot become read-only: files on it are open for writing; close them first`);
  }
  if (number === errno.EPERM) return new PlyfsError('rights', `${path} cannot be remounted: that needs root`);
  return error;
}
