/** Who uses an image: containers and mounts, one small file each under `uses/`. `rmi` refuses an image in use, and garbage collection
 *  keeps what a use names. */

import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Digest } from '../base/digest.js';
import { ifPresent } from '../base/node-error.js';
import { digestFrom, JsonObject, parseJson } from '../oci/json.js';
import { holdLockFile, isLockHeld } from '../sys/lock.js';
import type { OwnedFd } from '../sys/owned-fd.js';
import { startTicksOf } from '../sys/process.js';
import { namesIn, putFile } from './durable.js';
import type { Store } from './store.js';

export interface Use {
  /** What people know it by: `container web`, `mount /mnt`. */
  readonly label: string;
  readonly image: Digest;
  /** Blobs that must stay while it lasts: config, manifest, layer tars. */
  readonly keeps: readonly Digest[];
  /** The process whose end ends the use; undefined for containers, which end when removed. */
  readonly pid: number | undefined;
}

/** The file of a use; `key` is its own: a container's ID, a mount's. Replaces what was there under the key. */
export function putUse(store: Store, key: string, use: Use): void {
  store.ensure();
  letGo(store, key);
  // Other pid namespaces see other pids: where the process is this one, a lock tells whether it lives.
  if (use.pid === process.pid) locks.set(usePath(store, key), holdLockFile(lockPath(usePath(store, key))));
  const startTime = use.pid === undefined ? undefined : startTicksOf(use.pid)?.toString();
  putFile(usePath(store, key), store.temporary(), JSON.stringify({ ...use, startTime }));
}

/** Nothing happens where there is none. */
export function removeUse(store: Store, key: string): void {
  rmSync(usePath(store, key), { force: true });
  letGo(store, key);
}

/** Locks of the uses that this process has put. */
const locks = new Map<string, OwnedFd>();

function lockPath(path: string): string {
  return path.replace(/\.json$/, '.lock');
}

function letGo(store: Store, key: string): void {
  const path = usePath(store, key);
  rmSync(lockPath(path), { force: true });
  locks.get(path)?.close();
  locks.delete(path);
}

function usePath(store: Store, key: string): string {
  if (!/^[\w.-]{1,200}$/.test(key) || key.startsWith('.')) throw new Error(`${key} cannot name a use`);
  return store.path('uses', `${key}.json`);
}

/** Uses that still last; files of processes that are gone are removed on the way. */
export function listUses(store: Store): Use[] {
  const directory = store.path('uses');
  return namesIn(directory)
    .filter((file) => file.endsWith('.json'))
    .flatMap((file) => readUse(join(directory, file)));
}

function readUse(path: string): Use[] {
  const bytes = ifPresent(() => readFileSync(path));
  if (bytes === undefined) return [];
  const object = new JsonObject(parseJson(bytes, path, 4 * 1024 * 1024), path);
  const pid = object.has('pid') ? object.size('pid') : undefined;
  const isOver = pid !== undefined && !(isLockHeld(lockPath(path)) ?? isRunning(pid, object.optionalText('startTime')));
  if (isOver) {
    rmSync(path, { force: true });
    rmSync(lockPath(path), { force: true });
    return [];
  }
  return [{ label: object.text('label'), image: object.digest('image'), keeps: object.list('keeps', digestFrom), pid }];
}

function isRunning(pid: number, startTime: string | undefined): boolean {
  const ticks = startTicksOf(pid);
  return ticks !== undefined && ticks.toString() === startTime;
}
