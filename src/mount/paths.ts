/** Paths that people gave: made real, compared, and what to say when they are wrong. */

import { realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { PlyfsError } from '../base/errors.js';
import { codeOf } from '../base/node-error.js';
import { deadMountErrors } from '../fuse/mount-point.js';

/** The real path of the directory that `what` (a layer, the target, ...) names. PlyfsError: a sentence on what is wrong with it. */
export function realDirectory(what: string, path: string, cwd: string, advice: string): string {
  const absolute = resolve(cwd, path);
  try {
    const real = realpathSync.native(absolute);
    if (statSync(real).isDirectory()) return real;
  } catch (error) {
    throw wrongPath(what, absolute, error, advice);
  }
  throw new PlyfsError('not-a-directory', `${what} ${absolute} is not a directory: ${advice}`);
}

/** The real path of a mount point that may be dead: only its parent is looked into. */
export function mountPointPath(path: string, cwd: string): string {
  const absolute = resolve(cwd, path);
  try {
    return realpathSync.native(absolute);
  } catch (error) {
    if (!deadMountErrors.has(codeOf(error))) throw wrongPath('target', absolute, error, 'plyfs mounts shows what is mounted');
    return join(realpathSync.native(dirname(absolute)), basename(absolute));
  }
}

/** Whether `path` is `directory` or lies in it. Both real. */
export function isInside(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory === '/' ? '/' : `${directory}/`);
}

const reasons = new Map([
  ['ENOENT', 'does not exist'],
  ['ENOTDIR', 'is not a directory'],
  ['EACCES', 'cannot be reached (permission denied)'],
  ['ELOOP', 'is a symlink that leads in a circle'],
  ['ENAMETOOLONG', 'is too long a path'],
  ['ENOTCONN', 'is a FUSE mount whose daemon is gone'],
  ['EROFS', 'is on a read-only file system'],
  ['EIO', 'cannot be read (input/output error)'],
]);

/** `layer /x does not exist: <advice>`. Errors that are not the disk's are thrown on. */
export function wrongPath(what: string, path: string, error: unknown, advice: string): PlyfsError {
  const code = codeOf(error);
  if (code === undefined) throw error;
  const remedy = code === 'EACCES' ? 'check its permissions and those of its parents' : advice;
  return new PlyfsError('bad-path', `${what} ${path} ${reasons.get(code) ?? `fails with ${code}`}: ${remedy}`, { cause: error });
}
