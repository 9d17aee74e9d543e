/** Deleting directories with all that is in them, by descriptors: no symlink leads out, no path is too long. */

import { errno } from '../../base/errno.js';
import { errnoOf } from '../../base/errors.js';
import { dirType } from '../../base/mode.js';
import type { Name } from '../../base/name.js';
import { readDirectory } from '../../sys/dir.js';
import { rmdirAt, unlinkAt } from '../../sys/namespace.js';
import { closeFd } from '../../sys/open.js';
import { withOwnerRights } from '../owner-rights.js';
import { openDirectory } from './directory-layer.js';

const self = '' as Name;

/** Leaves the directory `fd` empty. */
export function removeContents(fd: number): void {
  const entries: [Name, number][] = [];
  readDirectory(fd, (name, type) => entries.push([name, type]));
  for (const [name, type] of entries) {
    if (type === dirType.dir) removeTree(fd, name);
    else withOwnerRights([[fd, self]], () => unlinkAt(fd, name));
  }
}

/** Deletes `name`, whatever it is. */
export function removeTree(dirFd: number, name: Name): void {
  try {
    withOwnerRights([[dirFd, self]], () => unlinkAt(dirFd, name));
    return;
  } catch (error) {
    if (errnoOf(error) !== errno.EISDIR && errnoOf(error) !== errno.EPERM) throw error;
  }
  const fd = openDirectory(dirFd, name);
  try {
    removeContents(fd);
  } finally {
    closeFd(fd);
  }
  withOwnerRights([[dirFd, self]], () => rmdirAt(dirFd, name));
}
