/** What is mounted, for people and programs. */

import { readFileSync } from 'node:fs';
import { PlyfsError } from '../base/errors.js';
import { requestLines } from '../observe/recording.js';
import { type MountEntry, mountTable } from '../sys/mount.js';
import { askMount } from './control.js';
import { mountPointPath } from './paths.js';
import { type FoundMount, findMount, findMounts } from './records.js';
import { type MountStats, parseStats } from './stats.js';

/** A mount as `plyfs mounts --json` prints it. */
export interface MountSummary {
  target: string;
  driver: string;
  pid: number;
  /** `live`; `detached`: unmounted lazily, still open somewhere; `dead`: the daemon is gone, `plyfs umount` clears it away. */
  state: 'live' | 'detached' | 'dead';
  isReadOnly: boolean;
  /** In another mount namespace: the target and the pid are not what they mean here. */
  isElsewhere: boolean;
  image: string | null;
  /** Top first. */
  layers: string[];
  upper: string | null;
  work: string | null;
  since: string;
  /** Null in the foreground, where stderr has it. */
  log: string | null;
}

export function listMounts(): MountSummary[] {
  // A remount changes what the kernel lets through, not how the daemon serves.
  const readOnly = new Set(mountTable().flatMap((entry) => (isReadOnlyEntry(entry) ? [entry.target] : [])));
  return findMounts().map((mount) => ({
    target: mount.target,
    driver: mount.driver,
    pid: mount.pid,
    state: stateOf(mount),
    isReadOnly: mount.isReadOnly || (!mount.isElsewhere && readOnly.has(mount.target)),
    isElsewhere: mount.isElsewhere,
    image: mount.image ?? null,
    layers: mount.layers,
    upper: mount.upper ?? null,
    work: mount.work ?? null,
    since: mount.since,
    log: mount.log ?? null,
  }));
}

function isReadOnlyEntry({ options }: MountEntry): boolean {
  return options.split(',').includes('ro');
}

function stateOf(mount: FoundMount): MountSummary['state'] {
  if (!mount.isAlive) return 'dead';
  return mount.isDetached ? 'detached' : 'live';
}

/** What the live mount on `target` has done so far. PlyfsError where there is none. */
export async function mountStats(target: string, cwd: string): Promise<MountStats> {
  return parseStats(await askMount(liveMount(target, cwd).socket, { command: 'stats' }));
}

/** The requests that the live mount on `target` has traced so far, as the lines of the trace `fuse`. PlyfsError where there are none. */
export function mountTrace(target: string, cwd: string): string {
  const { log, driver, target: path } = liveMount(target, cwd);
  if (log === undefined) {
    throw new PlyfsError('no-trace', `the mount on ${path} is in the foreground: its trace is what it prints there (--debug)`);
  }
  const lines = driver === 'direct' ? requestLines(readFileSync(log, 'utf8')) : [];
  if (lines.length > 0) return `${lines.join('\n')}\n`;
  const advice = 'mount it with PLYFS_TRACE=fuse in the environment (and not with --driver fuse-native)';
  throw new PlyfsError('no-trace', `the mount on ${path} traces no requests: ${advice}`);
}

function liveMount(target: string, cwd: string): FoundMount {
  const path = mountPointPath(target, cwd);
  const mount = findMount(path);
  if (mount?.isAlive) return mount;
  throw new PlyfsError('not-mounted', `plyfs has mounted nothing on ${path}: plyfs mounts shows what it has`);
}
