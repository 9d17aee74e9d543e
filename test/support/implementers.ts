/** Who can show a stack as a directory: kernel overlayfs (the oracle), plyfs over either driver, and fuse-overlayfs.
 *  Commands and syscalls only; nothing here touches a mounted directory. */

import { spawnSync } from 'node:child_process';
import { accessSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Spelling } from './fixture.js';
import * as libc from './libc.js';

export type ImplementerName = 'kernel' | 'direct' | 'fuse-native' | 'fuse-overlayfs';

/** What is stacked, as absolute paths; lower directories top first. */
export interface StackPaths {
  lower: readonly string[];
  /** Absent: a read-only union. */
  upper: string | undefined;
  work: string | undefined;
  target: string;
}

export interface Implementer {
  readonly name: ImplementerName;
  /** undefined, or why it cannot run on this machine. */
  unavailable(): string | undefined;
  /** Returns when the mount answers. `extra`: further mount options. Throws Error with what the command said. */
  mount(paths: StackPaths, spelling: Spelling, extra?: string): void;
  /** Returns when the mount is gone and its daemon, if it has one, has ended. */
  unmount(target: string): void;
}

const main = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const commandLimitMs = 30_000;

function optionsOf(paths: StackPaths, extra: string): string {
  const upper = paths.upper === undefined ? [] : [`upperdir=${paths.upper}`, `workdir=${paths.work}`];
  return [`lowerdir=${paths.lower.join(':')}`, ...upper, ...(extra === '' ? [] : [extra])].join(',');
}

function run(command: string, args: readonly string[], environment: Record<string, string> = {}): string {
  const result = spawnSync(command, args, { timeout: commandLimitMs, encoding: 'utf8', env: { ...process.env, ...environment } });
  if (result.error !== undefined) throw new Error(`${command} ${args.join(' ')}: ${result.error.message}`);
  if (result.status !== 0)
    throw new Error(`${command} ${args.join(' ')} (status ${result.status}): ${result.stderr}${result.stdout}`);
  return result.stdout;
}

export const kernel: Implementer = {
  name: 'kernel',
  unavailable: () =>
    needsRoot() ?? (readFileSync('/proc/filesystems', 'utf8').includes('\toverlay') ? undefined : 'no overlayfs in this kernel'),
  mount(paths, spelling, extra = '') {
    // The module defaults may differ from machine to machine, so everything that shows is said.
    const space = spelling === 'user' ? 'userxattr' : 'redirect_dir=on,index=off,metacopy=off';
    libc.mount('overlay', paths.target, 'overlay', optionsOf(paths, extra === '' ? space : `${space},${extra}`));
  },
  unmount(target) {
    libc.umount(target);
  },
};

/** plyfs over a driver; `environment` reaches the daemon. */
export function plyfs(driver: 'direct' | 'fuse-native', environment: Record<string, string> = {}): Implementer {
  return {
    name: driver,
    unavailable: () => needsRoot() ?? needsFuse() ?? (driver === 'fuse-native' ? needsFuseNative() : undefined),
    mount(paths, spelling, extra = '') {
      const words = spelling === 'user' ? `userxattr${extra === '' ? '' : `,${extra}`}` : extra;
      run(process.execPath, [main, 'mount', '--driver', driver, '-o', optionsOf(paths, words), paths.target], environment);
    },
    unmount(target) {
      // umount(2): the daemon ends by itself. `plyfs umount` has tests of its own.
      libc.umount(target);
      waitForProcesses(target);
    },
  };
}

export const direct = plyfs('direct');
export const fuseNative = plyfs('fuse-native');

export const fuseOverlayfs: Implementer = {
  name: 'fuse-overlayfs',
  unavailable: () =>
    needsRoot() ?? needsFuse() ?? (onPath('fuse-overlayfs') ? undefined : 'no fuse-overlayfs (Debian package fuse-overlayfs)'),
  mount(paths, _spelling, extra = '') {
    run('fuse-overlayfs', ['-o', optionsOf(paths, extra), paths.target]);
  },
  unmount(target) {
    run('umount', [target]);
    waitForProcesses(target);
  },
};

export const implementers: Readonly<Record<ImplementerName, Implementer>> = {
  kernel,
  direct,
  'fuse-native': fuseNative,
  'fuse-overlayfs': fuseOverlayfs,
};

function needsRoot(): string | undefined {
  return process.geteuid?.() === 0 ? undefined : 'needs root';
}

function needsFuse(): string | undefined {
  return existsSync('/dev/fuse') ? undefined : 'needs /dev/fuse';
}

function needsFuseNative(): string | undefined {
  try {
    accessSync(fileURLToPath(new URL('../../../node_modules/fuse-native/package.json', import.meta.url)));
  } catch (error) {
    return `fuse-native is not installed (${(error as NodeJS.ErrnoException).code})`;
  }
  return existsSync('/bin/fusermount') || onPath('fusermount') || onPath('fusermount3')
    ? undefined
    : 'needs fusermount (Debian package fuse3)';
}

function onPath(program: string): boolean {
  return (process.env.PATH ?? '').split(':').some((directory) => existsSync(join(directory, program)));
}

/** The processes whose command line names `path`, other than this one and its parents' shells: mount daemons. */
export function processesNaming(path: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0');
        return !words.includes('-c') && words.some((word) => word.includes(path));
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'ENOENT' || code === 'ESRCH') return false;
        throw error;
      }
    })
    .map(Number);
}

/** Waits until no process names `target` any more. Throws Error after half a minute: a mount namespace that is made meanwhile, as for a
 *  container of another test, has a copy of each mount for as long as it lives. */
export function waitForProcesses(target: string): void {
  for (let i = 0; i < 1500; i++) {
    if (processesNaming(target).length === 0) return;
    sleepMs(20);
  }
  throw new Error(`still running for ${target}: ${processesNaming(target).join(', ')}`);
}

/** Holds this thread. */
export function sleepMs(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** Whether something is mounted at or below `path`. */
export function mountsBelow(path: string): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((point) => point === path || point.startsWith(`${path}/`));
}
