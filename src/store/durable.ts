/** Files that appear whole or not at all: written beside, fsynced, renamed, directory fsynced. */

import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Puts `bytes` at `path` in one step. PRE: `temporary` lies on the same file system. */
export function putFile(path: string, temporary: string, bytes: Uint8Array | string): void {
  writeSynced(temporary, bytes);
  publish(temporary, path);
}

/** As putFile, but the name is on disk only once the directory has been synced. */
export function placeFile(path: string, temporary: string, bytes: Uint8Array): void {
  writeSynced(temporary, bytes);
  renameSync(temporary, path);
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

/** `error` says that there is no such file. */
export function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}
