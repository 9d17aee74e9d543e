/** The process itself: its umask, limits, rights and CPUs; and when others started. */

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { errno } from '../base/errno.js';
import { ifPresent } from '../base/node-error.js';
import * as libc from './libc.js';

/** Sets the umask of the whole process, from any thread (process.umask refuses in workers), and returns the former one. */
export function setUmask(mask: number): number {
  return libc.umask(mask);
}

const RLIMIT_NOFILE = 7;

/** Raises the limit of open descriptors as far as it goes without rights, and returns it. */
export function raiseNofile(): number {
  // struct rlimit64: soft, hard.
  const limits = Buffer.alloc(16);
  if (libc.prlimit(0, RLIMIT_NOFILE, null, limits) < 0) libc.fail('prlimit');
  limits.copy(limits, 0, 8, 16);
  if (libc.prlimit(0, RLIMIT_NOFILE, limits, null) < 0) libc.fail('prlimit');
  return Number(limits.readBigUInt64LE(0));
}

/** How many descriptors the process has open. */
export function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length - 1; // one is that of the listing
}

/** SIGQUIT, ILL, TRAP, ABRT, BUS, FPE, SEGV, XCPU, XFSZ and SYS end a process with a core dump; for others that do the kernel notes SIGKILL. */
const fatalMask = [3, 4, 5, 6, 7, 8, 9, 11, 24, 25, 31].reduce((mask, signal) => mask | (1n << BigInt(signal - 1)), 0n);

/** Whether the thread `tid` is ending or gone: what it waits for in the kernel is of no use any more. True for one that cannot be seen. */
export function isDying(tid: number): boolean {
  const status = ifPresent(() => readFileSync(`/proc/${tid}/status`, 'latin1'));
  if (status === undefined || /^State:\s*[ZX]/m.test(status)) return true;
  const mask = (name: string): bigint => BigInt(`0x${new RegExp(`^${name}:\\s*([0-9a-f]+)$`, 'm').exec(status)?.[1] ?? '0'}`);
  const pending = mask('SigPnd') | mask('ShdPnd');
  return (pending & fatalMask & ~(mask('SigBlk') | mask('SigIgn') | mask('SigCgt'))) !== 0n;
}

/** Bits of capabilities(). */
export const CAP_CHOWN = 0n;
export const CAP_DAC_READ_SEARCH = 2n;
export const CAP_SYS_ADMIN = 21n;
export const CAP_MKNOD = 27n;

/** The effective capabilities, bit by bit as in linux/capability.h. */
export function capabilities(): bigint {
  return effectiveOf(readFileSync('/proc/self/status', 'latin1'));
}

function effectiveOf(status: string): bigint {
  const line = /^CapEff:\s*([0-9a-f]+)$/m.exec(status);
  if (line?.[1] === undefined) throw new Error('/proc/PID/status has no CapEff');
  return BigInt(`0x${line[1]}`);
}

/** Whether `capability` (a CAP_ constant) is among the effective ones. */
export function hasCapability(capability: bigint): boolean {
  return ((capabilities() >> capability) & 1n) === 1n;
}

/** Whether process or thread `pid` has it, in the user namespace of this process: a container's root has it in its own one. False where
 *  the process cannot be seen from here. */
export function processHasCapability(pid: number, capability: bigint): boolean {
  const effective = ifPresent(() => effectiveOf(readFileSync(`/proc/${pid}/status`, 'latin1')), 'ESRCH');
  if (effective === undefined || ((effective >> capability) & 1n) === 0n) return false;
  const namespace = ifPresent(() => readlinkSync(`/proc/${pid}/ns/user`), 'ESRCH', 'EACCES');
  return namespace === readlinkSync('/proc/self/ns/user');
}

const PR_SET_IO_FLUSHER = 57;

/** Marks the calling thread as one that others' memory reclaim waits for: its own allocations then do not start I/O that would wait
 *  for it. False where it cannot be had (no CAP_SYS_RESOURCE, before Linux 5.6). */
export function setIoFlusher(): boolean {
  return libc.prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0) === 0;
}

const F_SETFD = 2;

/** Programs that native code starts inherit standard input, output and error. Node marks the three as close-on-exec, and a setuid program
 *  that finds one closed opens something else in its place (glibc), so that what it complains of is lost. */
export function shareStandardDescriptors(): void {
  for (const fd of [0, 1, 2]) if (libc.fcntl(fd, F_SETFD, 0) < 0) libc.fail('fcntl F_SETFD');
}

/** The CPU that the calling thread runs on at the moment. */
export function currentCpu(): number {
  return libc.schedGetcpu();
}

/** Restricts the calling thread to `cpus`; false where none of them can be had. */
export function setAffinity(cpus: readonly number[]): boolean {
  const mask = Buffer.alloc(128);
  for (const cpu of cpus) mask[cpu >> 3]! |= 1 << (cpu & 7);
  return libc.schedSetaffinity(0, mask.length, mask) === 0;
}

/** When process `pid` started, in clock ticks after boot (proc(5), stat, field 22): pids come again, a pid with its start does not.
 *  Undefined where it is gone. A zombie is gone: it holds no mount, no descriptor and no memory, whenever its parent may reap it. */
export function startTicksOf(pid: number): number | undefined {
  const stat = ifPresent(() => readFileSync(`/proc/${pid}/stat`, 'latin1'), 'ESRCH');
  if (stat === undefined) return undefined;
  // The command, field 2, is in parentheses and may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : Number(fields[19]);
}

/** A descriptor of process `pid` that can be read (pollIn) once all its threads have ended and its descriptors are closed, reaped or not;
 *  undefined where it is gone (ESRCH). FsError ENOSYS before Linux 5.3. */
export function openProcess(pid: number): number | undefined {
  const fd = libc.pidfdOpen(pid, 0);
  if (fd >= 0) return fd;
  return libc.errno() === errno.ESRCH ? undefined : libc.fail('pidfd_open');
}

/** Whether xattrs of the class trusted can be read: they are hidden from who lacks CAP_SYS_ADMIN in the first user namespace. */
export function readsTrusted(): boolean {
  const isFirst = /^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'latin1'));
  return isFirst && hasCapability(CAP_SYS_ADMIN);
}
