/** Names: making, linking, renaming and removing them. Modes are cut by the process's umask (process.ts sets it to 0). No call
 *  follows a symlink as last component; '' as a name is the descriptor itself, where that has a meaning. */

import { errno } from '../base/errno.js';
import { FsError } from '../base/errors.js';
import { type Name, nameFromBytes } from '../base/name.js';
import { AT_EMPTY_PATH, AT_FDCWD, AT_REMOVEDIR, AT_SYMLINK_FOLLOW } from './constants.js';
import * as libc from './libc.js';
import { fdPath, nameBytes, secondNameBytes } from './path.js';

export function mkdirAt(dirFd: number, name: Name, mode: number): void {
  if (libc.mkdirat(dirFd, nameBytes(name), mode) < 0) libc.fail('mkdirat');
}

/** `mode` has the kind. `rdev` is the number makeDevice makes. */
export function mknodAt(dirFd: number, name: Name, mode: number, rdev: number): void {
  if (libc.mknodat(dirFd, nameBytes(name), mode, rdev) < 0) libc.fail('mknodat');
}

export function symlinkAt(target: Name, dirFd: number, name: Name): void {
  if (libc.symlinkat(secondNameBytes(target), dirFd, nameBytes(name)) < 0) libc.fail('symlinkat');
}

/** A further name for an object. `oldName` '': for what `oldDir` is, a file without a name (O_TMPFILE) included. */
export function linkAt(oldDir: number, oldName: Name, newDir: number, newName: Name): void {
  const flags = oldName === '' ? AT_EMPTY_PATH : 0;
  const target = secondNameBytes(newName);
  if (libc.linkat(oldDir, nameBytes(oldName), newDir, target, flags) === 0) return;
  // Without CAP_DAC_READ_SEARCH AT_EMPTY_PATH is answered ENOENT.
  const isRefused = oldName === '' && libc.errno() === errno.ENOENT;
  if (!isRefused || libc.linkat(AT_FDCWD, fdPath(oldDir), newDir, target, AT_SYMLINK_FOLLOW) < 0) libc.fail('linkat');
}

export function unlinkAt(dirFd: number, name: Name): void {
  if (libc.unlinkat(dirFd, nameBytes(name), 0) < 0) libc.fail('unlinkat');
}

export function rmdirAt(dirFd: number, name: Name): void {
  if (libc.unlinkat(dirFd, nameBytes(name), AT_REMOVEDIR) < 0) libc.fail('unlinkat AT_REMOVEDIR');
}

/** `flags`: RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_WHITEOUT. EINVAL where the file system does not know them. */
export function renameAt(oldDir: number, oldName: Name, newDir: number, newName: Name, flags = 0): void {
  if (libc.renameat2(oldDir, nameBytes(oldName), newDir, secondNameBytes(newName), flags) < 0) libc.fail('renameat2');
}

const target = Buffer.allocUnsafeSlow(4096);

/** The target of a symlink; `name` '' for an O_PATH descriptor of one. EINVAL (ENOENT with '') for what is no symlink. */
export function readlinkAt(dirFd: number, name: Name): Name {
  const length = libc.readlinkat(dirFd, nameBytes(name), target, target.length);
  if (length < 0) libc.fail('readlinkat');
  // PATH_MAX bounds targets, but a foreign file system may hold longer ones: better refused than cut.
  if (length === target.length) throw new FsError(errno.ENAMETOOLONG, 'readlinkat');
  return nameFromBytes(target, 0, length);
}
