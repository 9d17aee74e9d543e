/** What is mounted, for people and programs. */

import { PlyfsError } from '../base/errors.js';
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
    isReadOnly: mount.isReadOnly || readOnly.has(mount.target),
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
  const path = mountPointPath(target, cwd);
  const mount = findMount(path);
  if (!mount?.isAlive) {
    throw new PlyfsError('not-mounted', `plyfs has mounted nothing on ${path}: plyfs mounts shows what it has`);
  }
  return parseStats(await askMount(mount.socket, { command: 'stats' }));
}
