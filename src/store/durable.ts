/** Files that appear whole or not at all: written beside, fsynced, renamed, directory fsynced. */

import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { PlyfsError } from '../base/errors.js';
import { ifPresent } from '../base/node-error.js';
import { systemWords } from '../base/system-words.js';

/** Puts `bytes` at `path` in one step. PRE: `temporary` lies on the same file system. PlyfsError `store` where the disk is full. */
export function putFile(path: string, temporary: string, bytes: Uint8Array | string): void {
  orRemove(temporary, path, () => {
    writeSynced(temporary, bytes);
    publish(temporary, path);
  });
}

/** As putFile, but the name is on disk only once the directory has been synced. */
export function placeFile(path: string, temporary: string, bytes: Uint8Array): void {
  orRemove(temporary, path, () => {
    writeSynced(temporary, bytes);
    renameSync(temporary, path);
  });
}

/** Where `write` fails, its draft goes. What the system refused is the cause of the error. */
function orRemove(temporary: string, path: string, write: () => void): void {
  try {
    write();
  } catch (cause) {
    rmSync(temporary, { force: true });
    // Node's fs throws nothing else.
    throw new PlyfsError('store', `${path} cannot be written (${systemWords(cause)}): nothing has changed`, { cause });
  }
}

function writeSynced(path: string, bytes: Uint8Array | string): void {
  const fd = openSync(path, 'wx', 0o600);
  try {
    writeFileSync(fd, bytes);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Renames a file whose bytes are on disk to its place, and sees to it that the name is on disk too. */
export function publish(temporary: string, path: string): void {
  renameSync(temporary, path);
  syncDirectory(dirname(path));
}

export function syncDirectory(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Makes a directory and those above it. Not by mkdirSync's `recursive`: under /proc, where the parent is there and nothing can be made,
 *  that never ends (Node 20). */
export function ensureDirectory(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT' || existsSync(dirname(path))) throw error;
    ensureDirectory(dirname(path));
    ensureDirectory(path);
  }
}

/** The names in a directory; none where it is missing. */
export function namesIn(directory: string): string[] {
  return ifPresent(() => readdirSync(directory)) ?? [];
}

/** Whether this process may write there; false also where there is nothing. */
export function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    return false;
  }
}
