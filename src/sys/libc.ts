/** libc through koffi: one typed line per call. Nothing outside sys/ imports this file.
 *
 *  Prototypes name 64-bit integers as int64_t/uint64_t and every pointer as `void *`, for which a Buffer is passed. What a libc of
 *  2020 (glibc 2.31) has no wrapper for goes through syscall(2) with a prototype of its own. Declaring a function costs about 0.02 ms.
 *  `errno()` must be the next thing done after a call that failed. */

import { createRequire } from 'node:module';
import { errno as errnos } from '../base/errno.js';
import { FsError } from '../base/errors.js';

// Not `import`: that would load koffi's ES modules one by one, 4 ms of CPU more for each thread that starts.
const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi'); // `as`: require is untyped
const library = koffi.load('libc.so.6');

/** Another library, for a file of sys/ that speaks with it. Throws where there is none. */
export const loadLibrary = koffi.load;

/** Numbers of system calls. Those from 424 on are alike everywhere. */
const numbers = {
  x64: {
    mknodat: 259,
    getxattrat: 464,
    listxattrat: 465,
    openTree: 428,
    pidfdOpen: 434,
    openat2: 437,
    mountSetattr: 442,
    fchmodat2: 452,
  },
  arm64: {
    mknodat: 33,
    getxattrat: 464,
    listxattrat: 465,
    openTree: 428,
    pidfdOpen: 434,
    openat2: 437,
    mountSetattr: 442,
    fchmodat2: 452,
  },
};

function numberOf(name: keyof typeof numbers.x64): number {
  if (process.arch !== 'x64' && process.arch !== 'arm64') throw new Error(`no system call numbers for ${process.arch}`);
  return numbers[process.arch][name];
}

type Call<Args extends unknown[]> = (...args: Args) => number;
type Bytes = Buffer | null;

/** The function of a C prototype. `as`: koffi's functions are untyped, and the type beside each prototype is its translation. */
function declare<Args extends unknown[]>(prototype: string): Call<Args> {
  return library.func(prototype) as Call<Args>;
}

/** syscall(2) as a function of its number and arguments; `types` are those of the arguments. */
function declareSyscall<Args extends unknown[]>(...types: string[]): Call<[number, ...Args]> {
  return library.func('syscall', 'int64_t', ['int64_t', ...types]) as Call<[number, ...Args]>; // as above
}

export function errno(): number {
  return koffi.errno();
}

/** Throws the errno of the call that just failed. */
export function fail(call: string): never {
  throw new FsError(koffi.errno(), call);
}

/** Whether the call that just failed was interrupted by a signal and is to be made again. */
export function isInterrupted(): boolean {
  return koffi.errno() === errnos.EINTR;
}

export const openat = declare<[number, Buffer, number, number]>('int openat(int, void *, int, uint32_t)');
export const close = declare<[number]>('int close(int)');

export const pread = declare<[number, Buffer, number, number]>('int64_t pread64(int, void *, uint64_t, int64_t)');
export const pwrite = declare<[number, Buffer, number, number]>('int64_t pwrite64(int, void *, uint64_t, int64_t)');
export const ftruncate = declare<[number, number]>('int ftruncate64(int, int64_t)');
export const fallocate = declare<[number, number, number, number]>('int fallocate64(int, int, int64_t, int64_t)');
export const lseek = declare<[number, number, number]>('int64_t lseek64(int, int64_t, int)');
export const copyFileRange = declare<[number, Bytes, number, Bytes, number, number]>(
  'int64_t copy_file_range(int, void *, int, void *, uint64_t, uint32_t)',
);
export const fsync = declare<[number]>('int fsync(int)');
export const fdatasync = declare<[number]>('int fdatasync(int)');
export const syncFileRange = declare<[number, number, number, number]>('int sync_file_range(int, int64_t, int64_t, uint32_t)');
export const syncfs = declare<[number]>('int syncfs(int)');
export const flock = declare<[number, number]>('int flock(int, int)');
export const setsid = declare<[]>('int setsid()');
export const dup2 = declare<[number, number]>('int dup2(int, int)');
export const exitProcess = declare<[number]>('int _exit(int)');
export const ioctlNumber = declare<[number, number, number]>('int ioctl(int, uint64_t, int64_t)');

export const statx = declare<[number, Buffer, number, number, Buffer]>('int statx(int, void *, int, uint32_t, void *)');
export const fstatfs = declare<[number, Buffer]>('int fstatfs64(int, void *)');
export const fchmodat = declare<[number, Buffer, number, number]>('int fchmodat(int, void *, uint32_t, int)');
export const fchownat = declare<[number, Buffer, number, number, number]>('int fchownat(int, void *, uint32_t, uint32_t, int)');
export const utimensat = declare<[number, Buffer, Buffer, number]>('int utimensat(int, void *, void *, int)');

export const getdents = declare<[number, Buffer, number]>('int64_t getdents64(int, void *, uint64_t)');

export const mkdirat = declare<[number, Buffer, number]>('int mkdirat(int, void *, uint32_t)');
export const symlinkat = declare<[Buffer, number, Buffer]>('int symlinkat(void *, int, void *)');
export const linkat = declare<[number, Buffer, number, Buffer, number]>('int linkat(int, void *, int, void *, int)');
export const unlinkat = declare<[number, Buffer, number]>('int unlinkat(int, void *, int)');
export const renameat2 = declare<[number, Buffer, number, Buffer, number]>('int renameat2(int, void *, int, void *, uint32_t)');
export const readlinkat = declare<[number, Buffer, Buffer, number]>('int64_t readlinkat(int, void *, void *, uint64_t)');

export const getxattr = declare<[Buffer, Buffer, Buffer, number]>('int64_t getxattr(void *, void *, void *, uint64_t)');
export const lgetxattr = declare<[Buffer, Buffer, Buffer, number]>('int64_t lgetxattr(void *, void *, void *, uint64_t)');
export const fgetxattr = declare<[number, Buffer, Buffer, number]>('int64_t fgetxattr(int, void *, void *, uint64_t)');
export const listxattr = declare<[Buffer, Buffer, number]>('int64_t listxattr(void *, void *, uint64_t)');
export const llistxattr = declare<[Buffer, Buffer, number]>('int64_t llistxattr(void *, void *, uint64_t)');
export const flistxattr = declare<[number, Buffer, number]>('int64_t flistxattr(int, void *, uint64_t)');
export const setxattr = declare<[Buffer, Buffer, Buffer, number, number]>('int setxattr(void *, void *, void *, uint64_t, int)');
export const lsetxattr = declare<[Buffer, Buffer, Buffer, number, number]>(
  'int lsetxattr(void *, void *, void *, uint64_t, int)',
);
export const fsetxattr = declare<[number, Buffer, Buffer, number, number]>('int fsetxattr(int, void *, void *, uint64_t, int)');
export const removexattr = declare<[Buffer, Buffer]>('int removexattr(void *, void *)');
export const lremovexattr = declare<[Buffer, Buffer]>('int lremovexattr(void *, void *)');
export const fremovexattr = declare<[number, Buffer]>('int fremovexattr(int, void *)');

const syscallMknodat = declareSyscall<[number, Buffer, number, number]>('int', 'void *', 'uint32_t', 'uint32_t');
const mknodatNumber = numberOf('mknodat');
/** Not glibc's, which has the function since 2.33 only. `device` is the kernel's 32-bit number. */
export function mknodat(dirFd: number, path: Buffer, mode: number, device: number): number {
  return syscallMknodat(mknodatNumber, dirFd, path, mode, device);
}

const syscallOpenat2 = declareSyscall<[number, Buffer, Buffer, number]>('int', 'void *', 'void *', 'uint64_t');
const openat2Number = numberOf('openat2');
export function openat2(dirFd: number, path: Buffer, how: Buffer): number {
  return syscallOpenat2(openat2Number, dirFd, path, how, how.length);
}

const syscallFchmodat2 = declareSyscall<[number, Buffer, number, number]>('int', 'void *', 'uint32_t', 'int');
const fchmodat2Number = numberOf('fchmodat2');
export function fchmodat2(dirFd: number, path: Buffer, mode: number, flags: number): number {
  return syscallFchmodat2(fchmodat2Number, dirFd, path, mode, flags);
}

const syscallOpenTree = declareSyscall<[number, Buffer, number]>('int', 'void *', 'uint32_t');
const openTreeNumber = numberOf('openTree');
export function openTree(dirFd: number, path: Buffer, flags: number): number {
  return syscallOpenTree(openTreeNumber, dirFd, path, flags);
}

const syscallMountSetattr = declareSyscall<[number, Buffer, number, Buffer, number]>(
  'int',
  'void *',
  'uint32_t',
  'void *',
  'uint64_t',
);
const mountSetattrNumber = numberOf('mountSetattr');
export function mountSetattr(dirFd: number, path: Buffer, flags: number, attributes: Buffer): number {
  return syscallMountSetattr(mountSetattrNumber, dirFd, path, flags, attributes, attributes.length);
}

const syscallPidfdOpen = declareSyscall<[number, number]>('int', 'uint32_t');
const pidfdOpenNumber = numberOf('pidfdOpen');
export function pidfdOpen(pid: number, flags: number): number {
  return syscallPidfdOpen(pidfdOpenNumber, pid, flags);
}

/** struct xattr_args: u64 value, u32 size, u32 flags; and the Buffer it speaks of: nearly always the same. */
const xattrArgs = Buffer.alloc(16);
let xattrInto: Buffer | undefined;
const syscallGetxattrat = declareSyscall<[number, Buffer, number, Buffer, Buffer, number]>(
  'int',
  'void *',
  'uint32_t',
  'void *',
  'void *',
  'uint64_t',
);
const getxattratNumber = numberOf('getxattrat');
/** getxattrat(2), since Linux 6.13: the value goes to `into`. */
export function getxattrat(dirFd: number, path: Buffer, flags: number, key: Buffer, into: Buffer): number {
  if (into !== xattrInto) {
    putWord(xattrArgs, 0, addressOf(into));
    xattrArgs.writeUInt32LE(into.length, 8);
    xattrInto = into;
  }
  return syscallGetxattrat(getxattratNumber, dirFd, path, flags, key, xattrArgs, xattrArgs.length);
}

const syscallListxattrat = declareSyscall<[number, Buffer, number, Buffer, number]>(
  'int',
  'void *',
  'uint32_t',
  'void *',
  'uint64_t',
);
const listxattratNumber = numberOf('listxattrat');
export function listxattrat(dirFd: number, path: Buffer, flags: number, into: Buffer): number {
  return syscallListxattrat(listxattratNumber, dirFd, path, flags, into, into.length);
}

export const read = declare<[number, Buffer, number]>('int64_t read(int, void *, uint64_t)');
export const write = declare<[number, Buffer, number]>('int64_t write(int, void *, uint64_t)');
export const writev = declare<[number, Buffer, number]>('int64_t writev(int, void *, int)');
export const ioctl = declare<[number, number, Buffer]>('int ioctl(int, uint64_t, void *)');
export const fcntl = declare<[number, number, number]>('int fcntl(int, int, int64_t)');
export const poll = declare<[Buffer, number, number]>('int poll(void *, uint64_t, int)');
export const eventfd = declare<[number, number]>('int eventfd(uint32_t, int)');
export const schedYield = declare<[]>('int sched_yield()');

export const umask = declare<[number]>('uint32_t umask(uint32_t)');
export const prlimit = declare<[number, number, Bytes, Bytes]>('int prlimit64(int, int, void *, void *)');
export const prctl = declare<[number, number, number, number, number]>('int prctl(int, uint64_t, uint64_t, uint64_t, uint64_t)');
export const schedGetcpu = declare<[]>('int sched_getcpu()');
export const schedSetaffinity = declare<[number, number, Buffer]>('int sched_setaffinity(int, uint64_t, void *)');

export const openByHandleAt = declare<[number, Buffer, number]>('int open_by_handle_at(int, void *, int)');
export const nameToHandleAt = declare<[number, Buffer, Buffer, Buffer, number]>(
  'int name_to_handle_at(int, void *, void *, void *, int)',
);

export const mount = declare<[Buffer, Buffer, Buffer, number, Bytes]>('int mount(void *, void *, void *, uint64_t, void *)');
export const umount2 = declare<[Buffer, number]>('int umount2(void *, int)');
export const socketpair = declare<[number, number, number, Buffer]>('int socketpair(int, int, int, void *)');
export const recvmsg = declare<[number, Buffer, number]>('int64_t recvmsg(int, void *, int)');

/** Where the bytes of `buffer` lie, for structs that hold pointers. Valid while the Buffer lives: V8 does not move its memory. Below
 *  2^53, as user addresses are. */
export function addressOf(buffer: Buffer): number {
  return Number(koffi.address(buffer));
}

/** Puts a pointer or another number below 2^53 into the 8 bytes of `struct` at `at`. */
export function putWord(struct: Buffer, at: number, word: number): void {
  const high = Math.floor(word / 0x100000000);
  struct.writeUInt32LE(word - high * 0x100000000, at);
  struct.writeUInt32LE(high, at + 4);
}

/** memcpy(3) from an address and to one; strnlen(3) and what calls a function at an address (foreign-memory.ts). */
export const copyFrom = declare<[Buffer, bigint, number]>('void *memcpy(void *, uint64_t, uint64_t)');
export const copyTo = declare<[bigint, Buffer, number]>('void *memcpy(uint64_t, void *, uint64_t)');
export const strnlen = declare<[bigint, number]>('uint64_t strnlen(uint64_t, uint64_t)');

const fillDirectory = koffi.proto('int', ['uint64_t', 'void *', 'void *', 'int64_t']);
export function callFillDirectory(address: bigint, into: bigint, name: Buffer, stat: Buffer): number {
  return koffi.call(address, fillDirectory, into, name, stat, 0) as number; // as its prototype says
}
