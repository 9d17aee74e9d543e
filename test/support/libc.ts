/** The syscalls the tests make themselves, through koffi and apart from src/sys: a test must not lean on the code it judges.
 *  Paths are bytes (latin1 strings). What the kernel refuses is thrown as FsError. Linux only; x86-64 and arm64 agree on all of it. */

import koffi from 'koffi';
import { FsError } from '../../src/base/errors.js';

type Argument = number | bigint | Buffer | null;
type Call = (...values: Argument[]) => number | bigint;

const library = koffi.load('libc.so.6');

/** A libc function that answers -1 and sets errno when it fails. */
function libc(signature: string, detail = signature.replace(/^\w+ (\w+).*/, '$1')): (...values: Argument[]) => number {
  // koffi types its functions loosely; the signature beside the cast says what it takes.
  const call = library.func(signature) as Call;
  return (...values) => {
    const result = Number(call(...values));
    if (result < 0) throw new FsError(koffi.errno(), detail);
    return result;
  };
}

export const AT_FDCWD = -100;
export const AT_SYMLINK_NOFOLLOW = 0x100;
export const AT_SYMLINK_FOLLOW = 0x400;
export const AT_REMOVEDIR = 0x200;

/** open(2) flags of x86-64 and arm64 that differ are taken from Node's table. */
export { constants as openFlags } from 'node:fs';
export const O_PATH = 0o10000000;
export const O_TMPFILE = 0o20000000;

const cOpen = libc('int openat(int dir, uint8_t *path, int flags, uint32_t mode)');
const cClose = libc('int close(int fd)');
const cRead = libc('int64_t read(int fd, uint8_t *buffer, size_t length)');
const cPread = libc('int64_t pread(int fd, uint8_t *buffer, size_t length, int64_t offset)');
const cPwrite = libc('int64_t pwrite(int fd, uint8_t *buffer, size_t length, int64_t offset)');
const cWrite = libc('int64_t write(int fd, uint8_t *buffer, size_t length)');
const cStatx = libc('int statx(int dir, uint8_t *path, int flags, uint32_t mask, uint8_t *out)');
const cReadlink = libc('int64_t readlink(uint8_t *path, uint8_t *out, size_t size)');
const cReadlinkat = libc('int64_t readlinkat(int fd, uint8_t *path, uint8_t *out, size_t size)');
const cGetdents = libc('int64_t getdents64(int fd, uint8_t *out, size_t size)');
const cLlistxattr = libc('int64_t llistxattr(uint8_t *path, uint8_t *out, size_t size)');
const cLgetxattr = libc('int64_t lgetxattr(uint8_t *path, uint8_t *name, uint8_t *out, size_t size)');
const cLsetxattr = libc('int lsetxattr(uint8_t *path, uint8_t *name, uint8_t *value, size_t size, int flags)');
const cLremovexattr = libc('int lremovexattr(uint8_t *path, uint8_t *name)');
const cFgetxattr = libc('int64_t fgetxattr(int fd, uint8_t *name, uint8_t *out, size_t size)');
const cFsetxattr = libc('int fsetxattr(int fd, uint8_t *name, uint8_t *value, size_t size, int flags)');
const cRenameat2 = libc('int renameat2(int from, uint8_t *path, int to, uint8_t *newPath, uint32_t flags)');
const cLinkat = libc('int linkat(int from, uint8_t *path, int to, uint8_t *newPath, int flags)');
const cSymlink = libc('int symlink(uint8_t *target, uint8_t *path)');
const cUnlinkat = libc('int unlinkat(int dir, uint8_t *path, int flags)');
const cMkdir = libc('int mkdir(uint8_t *path, uint32_t mode)');
const cMknod = libc('int mknod(uint8_t *path, uint32_t mode, uint64_t device)');
const cChmod = libc('int chmod(uint8_t *path, uint32_t mode)');
const cLchown = libc('int lchown(uint8_t *path, uint32_t uid, uint32_t gid)');
const cTruncate = libc('int truncate(uint8_t *path, int64_t length)');
const cUtimensat = libc('int utimensat(int dir, uint8_t *path, uint8_t *times, int flags)');
const cAccess = libc('int faccessat(int dir, uint8_t *path, int mode, int flags)');
const cSyscall3 = libc('int64_t syscall(int64_t number, int64_t a, int64_t b, int64_t c)');

export const fchmod = libc('int fchmod(int fd, uint32_t mode)');
export const fchown = libc('int fchown(int fd, uint32_t uid, uint32_t gid)');
export const ftruncate = libc('int ftruncate(int fd, int64_t length)');
export const fsync = libc('int fsync(int fd)');
export const fdatasync = libc('int fdatasync(int fd)');
export const fallocate = libc('int fallocate(int fd, int mode, int64_t offset, int64_t length)');
export const lseek = libc('int64_t lseek(int fd, int64_t offset, int whence)');
export const flock = libc('int flock(int fd, int operation)');
const cCopyFileRange = libc(
  'int64_t copy_file_range(int in, uint8_t *inAt, int out, uint8_t *outAt, size_t length, uint32_t flags)',
);
const cStatfs = libc('int statfs(uint8_t *path, uint8_t *out)');
const cMount = libc('int mount(uint8_t *source, uint8_t *target, uint8_t *type, uint64_t flags, uint8_t *data)');
const cUmount2 = libc('int umount2(uint8_t *target, int flags)');

/** A C string of latin1 text. */
export function cstring(text: string): Buffer {
  return Buffer.from(`${text}\0`, 'latin1');
}

export function open(path: string, flags: number, mode = 0): number {
  return cOpen(AT_FDCWD, cstring(path), flags, mode);
}

export function close(fd: number): void {
  cClose(fd);
}

export function pread(fd: number, length: number, offset: number): Buffer {
  const buffer = Buffer.alloc(Math.max(length, 1));
  return buffer.subarray(0, cPread(fd, buffer, length, offset));
}

/** How many bytes were read into the start of `buffer`. */
export function preadInto(fd: number, buffer: Buffer, offset: number): number {
  return cPread(fd, buffer, buffer.length, offset);
}

/** Everything from the descriptor's position to the end. */
export function readAll(fd: number): Buffer {
  const parts: Buffer[] = [];
  for (;;) {
    const part = Buffer.allocUnsafe(1 << 17);
    const count = cRead(fd, part, part.length);
    if (count === 0) return Buffer.concat(parts);
    parts.push(part.subarray(0, count));
  }
}

export function pwrite(fd: number, data: Buffer, offset: number): number {
  return cPwrite(fd, data, data.length, offset);
}

/** Goes on after a short write, as programs do: on a full disk the first part may succeed, and the next call says ENOSPC. */
export function pwriteAll(fd: number, data: Buffer, offset: number): void {
  for (let done = 0; done < data.length; ) done += pwrite(fd, data.subarray(done), offset + done);
}

export function write(fd: number, data: Buffer): number {
  return cWrite(fd, data, data.length);
}

/** What statx(2) says; times as 'seconds.nanoseconds' with nine digits. */
export interface Stat {
  mode: number;
  nlink: number;
  uid: number;
  gid: number;
  ino: bigint;
  size: number;
  blocks: number;
  atime: string;
  mtime: string;
  ctime: string;
  /** undefined where the file system keeps none. */
  btime: string | undefined;
  rdevMajor: number;
  rdevMinor: number;
  dev: string;
}

const statBuffer = Buffer.alloc(256);
const STATX_BTIME = 0x800;

function timeAt(at: number): string {
  return `${statBuffer.readBigInt64LE(at)}.${String(statBuffer.readUInt32LE(at + 8)).padStart(9, '0')}`;
}

function statxInto(dir: number, path: string, flags: number, mask = 0xfff): Stat {
  statBuffer.fill(0);
  cStatx(dir, cstring(path), flags, mask, statBuffer);
  return {
    mode: statBuffer.readUInt16LE(28),
    nlink: statBuffer.readUInt32LE(16),
    uid: statBuffer.readUInt32LE(20),
    gid: statBuffer.readUInt32LE(24),
    ino: statBuffer.readBigUInt64LE(32),
    size: Number(statBuffer.readBigUInt64LE(40)),
    blocks: Number(statBuffer.readBigUInt64LE(48)),
    atime: timeAt(64),
    btime: (statBuffer.readUInt32LE(0) & STATX_BTIME) === 0 ? undefined : timeAt(80),
    ctime: timeAt(96),
    mtime: timeAt(112),
    rdevMajor: statBuffer.readUInt32LE(128),
    rdevMinor: statBuffer.readUInt32LE(132),
    dev: `${statBuffer.readUInt32LE(136)}:${statBuffer.readUInt32LE(140)}`,
  };
}

export function lstat(path: string): Stat {
  return statxInto(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW);
}

const STATX_MODE = 0x2;

/** The mode alone is asked for, as `stat -c %a` does: the kernel may know it without asking anybody. */
export function modeAlone(path: string): number {
  return statxInto(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_MODE).mode;
}

const AT_EMPTY_PATH = 0x1000;

export function fstat(fd: number): Stat {
  return statxInto(fd, '', AT_EMPTY_PATH);
}

export function readlink(path: string): string {
  const buffer = Buffer.alloc(4097);
  return buffer.toString('latin1', 0, cReadlink(cstring(path), buffer, buffer.length));
}

export function readlinkFd(fd: number): string {
  const buffer = Buffer.alloc(4097);
  return buffer.toString('latin1', 0, cReadlinkat(fd, cstring(''), buffer, buffer.length));
}

export interface Dirent {
  name: string;
  ino: bigint;
  /** Position after this entry, for lseek. */
  offset: bigint;
  type: number;
}

/** One getdents64(2) of up to `size` bytes: empty at the end. `.` and `..` are among the answers. */
export function getdents(fd: number, size = 32768): Dirent[] {
  const buffer = Buffer.alloc(size);
  const end = cGetdents(fd, buffer, size);
  const entries: Dirent[] = [];
  for (let at = 0; at < end; at += buffer.readUInt16LE(at + 16)) {
    entries.push({
      ino: buffer.readBigUInt64LE(at),
      offset: buffer.readBigInt64LE(at + 8),
      type: buffer.readUInt8(at + 18),
      name: buffer.toString('latin1', at + 19, buffer.indexOf(0, at + 19)),
    });
  }
  return entries;
}

export function listxattr(path: string): string[] {
  const buffer = Buffer.alloc(65536);
  const text = buffer.toString('latin1', 0, cLlistxattr(cstring(path), buffer, buffer.length));
  return text.split('\0').filter((name) => name !== '');
}

export function getxattr(path: string, name: string): Buffer {
  const buffer = Buffer.alloc(65536);
  return Buffer.from(buffer.subarray(0, cLgetxattr(cstring(path), cstring(name), buffer, buffer.length)));
}

export function setxattr(path: string, name: string, value: Buffer, flags = 0): void {
  cLsetxattr(cstring(path), cstring(name), value.length === 0 ? null : value, value.length, flags);
}

export function removexattr(path: string, name: string): void {
  cLremovexattr(cstring(path), cstring(name));
}

export function fgetxattr(fd: number, name: string): Buffer {
  const buffer = Buffer.alloc(65536);
  return Buffer.from(buffer.subarray(0, cFgetxattr(fd, cstring(name), buffer, buffer.length)));
}

export function fsetxattr(fd: number, name: string, value: Buffer): void {
  cFsetxattr(fd, cstring(name), value, value.length, 0);
}

export function rename(from: string, to: string, flags = 0): void {
  cRenameat2(AT_FDCWD, cstring(from), AT_FDCWD, cstring(to), flags);
}

export function link(from: string, to: string, flags = 0): void {
  cLinkat(AT_FDCWD, cstring(from), AT_FDCWD, cstring(to), flags);
}

export function symlink(target: string, path: string): void {
  cSymlink(cstring(target), cstring(path));
}

export function unlink(path: string): void {
  cUnlinkat(AT_FDCWD, cstring(path), 0);
}

export function rmdir(path: string): void {
  cUnlinkat(AT_FDCWD, cstring(path), AT_REMOVEDIR);
}

export function mkdir(path: string, mode: number): void {
  cMkdir(cstring(path), mode);
}

/** `mode` with its kind; the device as 12-bit major and 20-bit minor, the kernel's form. */
export function mknod(path: string, mode: number, major = 0, minor = 0): void {
  cMknod(cstring(path), mode, (minor & 0xff) + (major << 8) + (minor & ~0xff) * 4096);
}

export function chmod(path: string, mode: number): void {
  cChmod(cstring(path), mode);
}

export function lchown(path: string, uid: number, gid: number): void {
  cLchown(cstring(path), uid, gid);
}

export function truncate(path: string, length: number): void {
  cTruncate(cstring(path), length);
}

const UTIME_NOW = 0x3fffffff;
const UTIME_OMIT = 0x3ffffffe;

/** Times as 'seconds.nanoseconds' (a fraction of up to nine digits), 'now' or 'omit'. Never follows a symlink. */
export function utimes(path: string, atime: string, mtime: string): void {
  const times = Buffer.alloc(32);
  [atime, mtime].forEach((time, i) => {
    const [seconds, fraction = ''] = time === 'now' || time === 'omit' ? ['0'] : time.split('.');
    times.writeBigInt64LE(BigInt(seconds ?? '0'), i * 16);
    const nanoseconds = time === 'now' ? UTIME_NOW : time === 'omit' ? UTIME_OMIT : Number(fraction.padEnd(9, '0'));
    times.writeBigInt64LE(BigInt(nanoseconds), i * 16 + 8);
  });
  cUtimensat(AT_FDCWD, cstring(path), times, AT_SYMLINK_NOFOLLOW);
}

/** `mode`: R_OK 4, W_OK 2, X_OK 1, by effective ids. */
export function access(path: string, mode: number): void {
  const AT_EACCESS = 0x200;
  cAccess(AT_FDCWD, cstring(path), mode, AT_EACCESS);
}

export function copyFileRange(from: number, fromAt: number, to: number, toAt: number, length: number): number {
  const offsets = Buffer.alloc(16);
  offsets.writeBigInt64LE(BigInt(fromAt), 0);
  offsets.writeBigInt64LE(BigInt(toAt), 8);
  return cCopyFileRange(from, offsets.subarray(0, 8), to, offsets.subarray(8), length, 0);
}

/** The members of statfs(2) that tests look at. */
export function statfs(path: string): { bsize: number; blocks: number; files: number; namelen: number } {
  const out = Buffer.alloc(120);
  cStatfs(cstring(path), out);
  const word = (index: number) => Number(out.readBigInt64LE(index * 8));
  return { bsize: word(1), blocks: word(2), files: word(5), namelen: word(8) };
}

export function mount(source: string, target: string, type: string, data: string, flags = 0): void {
  cMount(cstring(source), cstring(target), cstring(type), flags, cstring(data));
}

/** `flags`: MNT_DETACH is 2. */
export function umount(target: string, flags = 0): void {
  cUmount2(cstring(target), flags);
}

/** Changes the calling thread's ids alone (libc's wrappers would change Node's other threads as well): who asks, from now on.
 *  Capabilities go with effective uid 0 and come back with it. */
export function become(uid: number, gid: number, groups: readonly number[]): void {
  const number =
    process.arch === 'x64'
      ? { setresuid: 117, setresgid: 119, setgroups: 116 }
      : { setresuid: 147, setresgid: 149, setgroups: 159 };
  const keep = 0xffffffff;
  cSyscall3(number.setresuid, keep, 0, keep);
  const list = Buffer.alloc(Math.max(4, groups.length * 4));
  groups.forEach((group, i) => {
    list.writeUInt32LE(group, i * 4);
  });
  cSetgroupsRaw(number.setgroups, groups.length, list);
  cSyscall3(number.setresgid, keep, gid, keep);
  cSyscall3(number.setresuid, keep, uid, keep);
}

const cSetgroupsRaw = libc('int64_t syscall(int64_t number, size_t count, uint8_t *list)', 'setgroups');

// koffi hands pointers around as opaque values.
const cMmap = library.func('void *mmap(void *at, size_t length, int protection, int flags, int fd, int64_t offset)') as (
  at: null,
  length: number,
  protection: number,
  flags: number,
  fd: number,
  offset: number,
) => unknown;
const cMunmap = library.func('int munmap(void *at, size_t length)') as (at: unknown, length: number) => number;
const cMsync = library.func('int msync(void *at, size_t length, int flags)') as (
  at: unknown,
  length: number,
  flags: number,
) => number;
const cMemcpyOut = library.func('void *memcpy(uint8_t *to, void *from, size_t length)') as (
  to: Buffer,
  from: unknown,
  length: number,
) => unknown;
const cMemcpyIn = library.func('void *memcpy(void *to, uint8_t *from, size_t length)') as (
  to: unknown,
  from: Buffer,
  length: number,
) => unknown;

/** A shared map of the start of a file. */
export interface SharedMap {
  read(length: number): Buffer;
  write(data: Buffer): void;
  /** Writes through and takes the map away. */
  close(): void;
}

/** MAP_SHARED of the first `length` bytes; for writing as well if `isWritable`. */
export function mapShared(fd: number, length: number, isWritable: boolean): SharedMap {
  const PROT_READ = 1;
  const PROT_WRITE = 2;
  const MAP_SHARED = 1;
  const MS_SYNC = 4;
  const at = cMmap(null, length, isWritable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
  if (koffi.address(at as never) === 0xffffffffffffffffn) throw new FsError(koffi.errno(), 'mmap');
  return {
    read(count) {
      const out = Buffer.alloc(count);
      cMemcpyOut(out, at, count);
      return out;
    },
    write(data) {
      cMemcpyIn(at, data, data.length);
    },
    close() {
      if (isWritable && cMsync(at, length, MS_SYNC) < 0) throw new FsError(koffi.errno(), 'msync');
      cMunmap(at, length);
    },
  };
}
