/** Records of mounts: one JSON file for each daemon, beside its control socket, its log and its lock, in a directory of this user.
 *
 *  Whether the daemon lives, its lock tells: processes of other pid namespaces that share the directory see other pids. A record whose daemon ended without removing it (killed, crashed) is dead: it is kept while there is something left to see or to
 *  unmount, so that `plyfs mounts` can name the log, and removed otherwise. */

import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { PlyfsError } from '../base/errors.js';
import { codeOf, ifPresent } from '../base/node-error.js';
import { holdLockFile, isLockHeld } from '../sys/lock.js';
import { mountTable } from '../sys/mount.js';
import type { OwnedFd } from '../sys/owned-fd.js';
import { startTicksOf } from '../sys/process.js';
import { outerId } from '../sys/user.js';
import type { FixedOptions } from './fixed-options.js';

export interface MountRecord {
  target: string;
  source: string;
  driver: string;
  /** As the daemon's own pid namespace counts. */
  pid: number;
  /** Inode of the mount namespace that the mount is in (/proc/PID/ns/mnt); undefined in records of 0.1.0. */
  mountNamespace: number | undefined;
  /** startTicksOf(pid); tells of the daemons of 0.1.0, which hold no lock, whether they live. */
  startTicks: number;
  /** The image as it was named; its layers are digests then. */
  image: string | undefined;
  /** Top first. */
  layers: string[];
  upper: string | undefined;
  work: string | undefined;
  /** What it was mounted with; undefined in records of 0.1.0. */
  fixedOptions: FixedOptions | undefined;
  /** How it is served; a remount is not noted here. */
  isReadOnly: boolean;
  /** Unmounted lazily: the daemon serves what is still open, and the target is free. */
  isDetached: boolean;
  /** ISO 8601. */
  since: string;
  log: string | undefined;
  socket: string;
}

/** A record as found on disk. */
export interface FoundMount extends MountRecord {
  file: string;
  isAlive: boolean;
  /** In another mount namespace: its target is not what the path means here. */
  isElsewhere: boolean;
}

/** /run/plyfs for root, $XDG_RUNTIME_DIR/plyfs for others; where neither can be had (a user namespace, no login session) a directory of
 *  this user in /tmp. */
function candidates(): string[] {
  const uid = process.getuid?.() ?? 0;
  const session = process.env.XDG_RUNTIME_DIR;
  // A socket's path has 107 bytes at most (unix(7)).
  const ofSession = session?.startsWith('/') && Buffer.byteLength(session) < 70 ? [join(session, 'plyfs')] : [];
  return [...(uid === 0 ? ['/run/plyfs'] : []), ...ofSession, `/tmp/plyfs-${outerId(uid)}`];
}

/** The directory for new records, made where it is missing. */
function ensureDirectory(): string {
  const failures: string[] = [];
  for (const directory of candidates()) {
    try {
      mkdirSync(directory, { mode: 0o700 });
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') {
        failures.push(`${directory}: ${codeOf(error)}`);
        continue;
      }
    }
    if (isOurs(directory)) return directory;
    failures.push(`${directory} belongs to somebody else`);
  }
  throw new PlyfsError(
    'no-runtime-directory',
    `no place for the record of the mount (${failures.join('; ')}): set XDG_RUNTIME_DIR`,
  );
}

/** In /tmp anybody may have made the directory. */
function isOurs(directory: string): boolean {
  const stat = lstatSync(directory);
  if (!stat.isDirectory() || stat.uid !== process.getuid?.()) return false;
  if ((stat.mode & 0o077) !== 0) chmodSync(directory, 0o700);
  return true;
}

/** The files of a new mount by this process; nothing is made but the directory. */
export function newRecordFiles(): { file: string; log: string; socket: string } {
  // Other pid namespaces may have the same pid at the same time.
  const unique = randomBytes(4).toString('hex');
  const base = join(ensureDirectory(), `${process.pid.toString(36)}-${Date.now().toString(36)}-${unique}`);
  return { file: `${base}.json`, log: `${base}.log`, socket: `${base}.sock` };
}

/** The daemon holds this until it ends, all its threads with it. PRE: before the record is written. */
export function lockRecord(file: string): OwnedFd {
  return holdLockFile(lockFileOf(file));
}

export function lockFileOf(file: string): string {
  return file.replace(/\.json$/, '.lock');
}

/** The mount namespace of this process. */
export function ownMountNamespace(): number {
  return statSync('/proc/self/ns/mnt').ino;
}

/** In one step: a reader sees the former record or the new one. */
export function writeRecord(file: string, record: MountRecord): void {
  const draft = `${file}.new`;
  writeFileSync(draft, `${JSON.stringify(record, undefined, 2)}\n`, { mode: 0o600 });
  renameSync(draft, file);
}

/** The record, its socket and, unless `keepLog`, its log. Safe to repeat. */
export function removeRecord(file: string, { keepLog = false } = {}): void {
  const base = file.replace(/\.json$/, '');
  for (const suffix of ['.json', '.json.new', '.sock', ...(keepLog ? [] : ['.log']), '.lock'])
    rmSync(`${base}${suffix}`, { force: true });
}

/** Every mount of this user, live and dead, in the order of their making. Records with nothing left to tell are removed. */
export function findMounts(): FoundMount[] {
  const mounted = new Set(mountTable().map((entry) => entry.target));
  const namespace = ownMountNamespace();
  const found: FoundMount[] = [];
  for (const file of recordFiles()) {
    const record = readRecord(file);
    if (record === undefined) continue;
    const isAlive = isLockHeld(lockFileOf(file)) ?? startTicksOf(record.pid) === record.startTicks;
    const isElsewhere = record.mountNamespace !== undefined && record.mountNamespace !== namespace;
    const isOver = !isAlive && !mounted.has(record.target) && !(existsSync(record.target) && hasLog(record));
    if (isOver) removeRecord(file);
    else found.push({ ...record, file, isAlive, isElsewhere });
  }
  return found.sort((a, b) => (a.since < b.since ? -1 : 1));
}

/** Of mounts on `target` (a real path) whose daemons are gone: another mount takes their place. */
export function removeDeadRecords(target: string): void {
  for (const mount of findMounts()) if (mount.target === target && !mount.isAlive && !mount.isElsewhere) removeRecord(mount.file);
}

/** The mount on `target` (a real path), the last made of several; a live one before a dead one, one of this mount namespace before all. */
export function findMount(target: string): FoundMount | undefined {
  const found = findMounts().filter((mount) => mount.target === target && !mount.isDetached);
  const here = found.filter((mount) => !mount.isElsewhere);
  return here.findLast((mount) => mount.isAlive) ?? found.findLast((mount) => mount.isAlive) ?? here.at(-1) ?? found.at(-1);
}

function recordFiles(): string[] {
  return candidates().flatMap((directory) => {
    const names = ifPresent(() => (isOurs(directory) ? readdirSync(directory) : []), 'EACCES') ?? [];
    return names.flatMap((name) => (name.endsWith('.json') ? [join(directory, name)] : []));
  });
}

function hasLog(record: MountRecord): boolean {
  if (record.log === undefined) return false;
  return (statSync(record.log, { throwIfNoEntry: false })?.size ?? 0) > 0;
}

/** Undefined for a file that vanished or is not a record of this version. */
function readRecord(file: string): MountRecord | undefined {
  const text = ifPresent(() => readFileSync(file, 'utf8'));
  if (text === undefined) return undefined;
  try {
    return parseRecord(JSON.parse(text));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function parseRecord(json: unknown): MountRecord | undefined {
  if (typeof json !== 'object' || json === null) return undefined;
  // A view of unknown members, each of which is looked at below.
  const it = json as Record<string, unknown>;
  const { target, source, driver, pid, startTicks, layers, upper, work, isReadOnly, isDetached, since, log, socket } = it;
  const isText = (value: unknown): value is string => typeof value === 'string';
  const optional = (value: unknown) => (isText(value) ? value : undefined);
  if (!isText(target) || !isText(source) || !isText(driver) || !isText(since) || !isText(socket)) return undefined;
  if (typeof pid !== 'number' || typeof startTicks !== 'number' || !Array.isArray(layers) || !layers.every(isText))
    return undefined;
  return {
    ...{ target, source, driver, pid, startTicks, layers, since, socket },
    mountNamespace: typeof it.mountNamespace === 'number' ? it.mountNamespace : undefined,
    ...{ image: optional(it.image), upper: optional(upper), work: optional(work), log: optional(log) },
    fixedOptions: textsFrom(it.fixedOptions),
    isReadOnly: isReadOnly === true,
    isDetached: isDetached === true,
  };
}

function textsFrom(value: unknown): FixedOptions | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.fromEntries(Object.entries(value).map(([word, text]) => [word, String(text)]));
}

/** The live mount on an upper directory; undefined also where there is no such directory. */
export function mountOfUpper(path: string, mounts: readonly FoundMount[] = findMounts()): FoundMount | undefined {
  if (!existsSync(path)) return undefined;
  const upper = realpathSync(path);
  return mounts.findLast((mount) => mount.isAlive && mount.upper === upper);
}
