/** What is measured: ways to make one directory out of many. A subject mounts; that it unmounts again is the same for all. */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PlyfsError } from '../base/errors.js';
import { ifPresent } from '../base/node-error.js';
import type { Stack } from './stack.js';

/** The directories of one mount, all empty. `upper` and `work` are undefined for a read-only one. */
export interface MountPlace {
  target: string;
  upper?: string;
  work?: string;
  /** For whatever else a subject needs. */
  scratch: string;
  /** The workload changes lower files: who has no copy-up must not change those of the stack. */
  changesLower: boolean;
}

export interface Subject {
  name: string;
  canWrite: boolean;
  /** Why it cannot run here, or undefined. */
  unavailable: () => string | undefined;
  /** Returns once the mount answers. */
  mount: (stack: Pick<Stack, 'layers' | 'flat'>, place: MountPlace) => void;
  /** Not mounted at all: nothing to unmount. */
  isBare?: boolean;
}

export interface SubjectOptions {
  /** Further fuse-overlayfs binaries. */
  fuseOverlayfs: readonly string[];
}

const program = fileURLToPath(new URL('../../../bin/plyfs', import.meta.url));

/** All subjects by name, in the order of the tables: the reference first. */
export function allSubjects(options: SubjectOptions): Subject[] {
  return [
    kernel,
    ...fuseOverlayfs(options.fuseOverlayfs),
    unionfsFuse,
    mergerfs,
    plyfs('plyfs'),
    plyfs('plyfs-cached', '--io', 'cached'),
    plyfs('plyfs-writeback', '--io', 'writeback'),
    plyfs('plyfs-passthrough', '--io', 'passthrough'),
    plyfs('plyfs-fuse-native', '--driver', 'fuse-native'),
    bare,
  ];
}

/** What runs unless somebody names others. */
export const defaultSubjects = ['kernel', 'fuse-overlayfs', 'unionfs-fuse', 'mergerfs', 'plyfs', 'plyfs-fuse-native', 'bare'];

/** Layers under short names in one directory, so that hundreds fit into the one page mount(2) takes. */
function shortNames(layers: readonly string[], scratch: string): string[] {
  return layers.map((layer, index) => {
    const name = index.toString(36);
    symlinkSync(layer, join(scratch, name));
    return name;
  });
}

function overlayOptions(layers: readonly string[], place: MountPlace): string {
  const lower = `lowerdir=${layers.map((layer) => layer.replace(/[\\:,]/g, '\\$&')).join(':')}`;
  return place.upper === undefined ? lower : `${lower},upperdir=${place.upper},workdir=${place.work}`;
}

function needsRootAnd(...programs: string[]): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root';
  return needs(...programs);
}

function needs(...programs: string[]): string | undefined {
  const missing = programs.find((program) => !isInstalled(program));
  return missing === undefined ? undefined : `${missing} is not installed`;
}

function isInstalled(program: string): boolean {
  if (program.includes('/')) return existsSync(program);
  return (process.env.PATH ?? '').split(delimiter).some((directory) => existsSync(join(directory, program)));
}

/** Runs a mount program that returns when the mount is there. */
function mountWith(program: string, args: string[], cwd: string): void {
  const done = spawnSync(program, args, { cwd, stdio: ['ignore', 'ignore', 'pipe'], timeout: 60_000 });
  if (done.status !== 0) {
    const reason = done.error?.message ?? done.stderr.toString().trim();
    throw new PlyfsError('bench', `${program} could not mount: ${reason}`);
  }
}

const kernel: Subject = {
  name: 'kernel',
  canWrite: true,
  unavailable: () => needsRootAnd('mount'),
  mount: (stack, place) => {
    // A read-only overlay wants two layers.
    const layers = stack.layers.length === 1 && place.upper === undefined ? [...stack.layers, emptyLayer(place)] : stack.layers;
    const options = overlayOptions(shortNames(layers, place.scratch), place);
    mountWith('mount', ['-t', 'overlay', 'overlay', '-o', options, place.target], place.scratch);
  },
};

function emptyLayer(place: MountPlace): string {
  const empty = join(place.scratch, 'empty');
  mkdirSync(empty);
  return empty;
}

function fuseOverlayfs(binaries: readonly string[]): Subject[] {
  return ['fuse-overlayfs', ...binaries].map((binary, index) => ({
    name: index === 0 ? 'fuse-overlayfs' : `fuse-overlayfs-${index + 1}`,
    canWrite: true,
    unavailable: () => needs(binary, '/dev/fuse'),
    mount: (stack, place) => mountWith(binary, ['-o', overlayOptions(stack.layers, place), place.target], place.scratch),
  }));
}

/** It knows its own whiteouts only: those of the stack show as devices, and opaque directories are merged. */
const unionfsFuse: Subject = {
  name: 'unionfs-fuse',
  canWrite: true,
  unavailable: () => needs('unionfs-fuse', '/dev/fuse'),
  mount: (stack, place) => {
    const lower = stack.layers.map((layer) => `${layer}=RO`);
    const branches = place.upper === undefined ? lower : [`${place.upper}=RW`, ...lower];
    const options = ['-o', 'cow,use_ino,suid,dev,kernel_cache,big_writes'];
    mountWith('unionfs-fuse', [...options, branches.join(':'), place.target], place.scratch);
  },
};

/** Pools directories, with neither whiteouts nor copy-up. */
const mergerfs: Subject = {
  name: 'mergerfs',
  canWrite: false,
  unavailable: () => needs('mergerfs', '/dev/fuse'),
  mount: (stack, place) => {
    const branches = stack.layers.map((layer) => `${layer}=RO`).join(':');
    const options = 'cache.files=auto-full,cache.readdir=true,cache.symlinks=true';
    mountWith('mergerfs', ['-o', options, branches, place.target], place.scratch);
  },
};

function plyfs(name: string, ...extra: string[]): Subject {
  return {
    name,
    canWrite: true,
    unavailable: () => needs(program, '/dev/fuse'),
    mount: (stack, place) => {
      const options = ['-o', overlayOptions(stack.layers, place), ...extra];
      mountWith(program, ['mount', ...options, place.target], place.scratch);
    },
  };
}

/** No union at all: the merged content as a plain directory, which is what nothing can be faster than. */
const bare: Subject = {
  name: 'bare',
  canWrite: true,
  isBare: true,
  unavailable: () => undefined,
  mount: (stack, place) => {
    const flat = stack.flat;
    if (flat === undefined) throw new PlyfsError('bench', 'this stack has no plain copy');
    rmSync(place.target, { recursive: true });
    if (place.changesLower) copyTree(flat, place.target);
    else symlinkSync(flat, place.target);
  },
};

/** Not as hard links, which would change with the copy. */
function copyTree(from: string, to: string): void {
  const done = spawnSync('cp', ['-a', '--reflink=auto', from, to], { timeout: 300_000 });
  if (done.status !== 0) throw new PlyfsError('bench', `cp could not copy ${from}: ${done.stderr.toString()}`);
}

/** Unmounts `target` and waits until its daemons are gone (5 s). */
export function unmount(subject: Subject, target: string): void {
  if (subject.isBare) return;
  const daemons = daemonsOf(target);
  for (let attempt = 0; ; attempt++) {
    const done = spawnSync('umount', attempt < 20 ? [target] : ['-l', target], { timeout: 60_000 });
    if (done.status === 0) break;
    if (attempt >= 20) throw new PlyfsError('bench', `could not unmount ${target}: ${done.stderr?.toString()}`);
    sleep(50);
  }
  for (let waited = 0; waited < 100 && daemons.some(isAlive); waited++) sleep(50);
}

/** Removes a directory of ours, after whatever is still mounted in it: by a mount program that failed late, or by a run that was killed. */
export function removeHome(home: string): void {
  const targets = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '');
  for (const target of targets.filter((each) => each.startsWith(`${home}/`)))
    spawnSync('umount', ['-l', target], { timeout: 60_000 });
  rmSync(home, { recursive: true, force: true });
}

/** Whether it runs; a process that ended and that nobody waits for does not. */
function isAlive(pid: number): boolean {
  return /^State:\s+[^ZX]/m.test(readProc(pid, 'status'));
}

function sleep(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

/** The processes that serve the FUSE mount at `target`: those with its connection open (Linux 6.10 tells). None for other mounts. */
export function daemonsOf(target: string): number[] {
  const connection = connectionOf(target);
  if (connection === undefined) return [];
  const wanted = new RegExp(`^fuse_connection:\\s*${connection}$`, 'm');
  const pids = readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid !== process.pid);
  return pids.filter((pid) => fuseDescriptors(pid).some((fd) => wanted.test(readProc(pid, `fdinfo/${fd}`))));
}

/** The minor device number of a FUSE mount is the number of its connection. undefined for what is none. */
export function connectionOf(target: string): number | undefined {
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n').reverse()) {
    const fields = line.split(' ');
    if (fields[4] === target) return / - fuse/.test(line) ? Number((fields[2] ?? '').split(':')[1]) : undefined;
  }
  return undefined;
}

function fuseDescriptors(pid: number): string[] {
  const fds = ifPresent(() => readdirSync(`/proc/${pid}/fd`), ...goneOrDenied) ?? [];
  return fds.filter((fd) => ifPresent(() => readlinkSync(`/proc/${pid}/fd/${fd}`), ...goneOrDenied) === '/dev/fuse');
}

export interface DaemonUse {
  /** Kibibytes. */
  rss: number;
  pss: number;
  /** Seconds of processor time, user and system, since it started. */
  cpu: number;
}

/** Of all `pids` together. */
export function useOf(pids: readonly number[]): DaemonUse {
  const use = { rss: 0, pss: 0, cpu: 0 };
  for (const pid of pids) {
    const rollup = readProc(pid, 'smaps_rollup');
    use.rss += Number(/^Rss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0);
    use.pss += Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0);
    // utime and stime
    use.cpu += ticks(pid, 11);
  }
  return use;
}

/** Processor time of the child processes that have ended, in seconds: cutime and cstime. */
export function childrenCpu(): number {
  return ticks(process.pid, 13);
}

/** Two neighbouring times of /proc/<pid>/stat, in ticks of 10 ms on every Linux there is. */
function ticks(pid: number, field: number): number {
  const fields = readProc(pid, 'stat').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[field] ?? 0) + Number(fields[field + 1] ?? 0)) / 100;
}

/** '' for a process that ended meanwhile. */
function readProc(pid: number, file: string): string {
  return ifPresent(() => readFileSync(`/proc/${pid}/${file}`, 'utf8'), ...goneOrDenied) ?? '';
}

/** What /proc says of a process that ended, and of one of somebody else. */
const goneOrDenied = ['ESRCH', 'EACCES'] as const;
