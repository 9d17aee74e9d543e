/** The operations of a case: one line each, as a person would write it. `unlink a`, `f = open a rw`, `pwrite f 0 "text"`,
 *  `rename a b noreplace`. Each row runs one against the directory `root` and returns what it found as text.
 *  They run in the agent (agent.ts), never in the process that serves a mount. */

import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { type ErrnoName, errno } from '../../src/base/errno.js';
import { FsError } from '../../src/base/errors.js';
import { kindName, typeOfMode } from '../../src/base/mode.js';
import { accessAclName, aclFromText, defaultAclName, textFromAcl } from './acl.js';
import * as libc from './libc.js';
import { digestOf, escapeText, patternBytes, unescapeText } from './tree.js';

/** What the operations of one session share: where they work, and what they hold open under names. */
export class Session {
  /** Absolute path that all paths are below; `cd` moves it. */
  root: string;
  readonly descriptors = new Map<string, number>();
  readonly maps = new Map<string, libc.SharedMap>();
  readonly programs = new Map<string, { kill(): void }>();
  private here: number | undefined;

  constructor(private readonly top: string) {
    this.root = top;
  }

  path(word: string): string {
    return word === '.' ? `${this.root}/.` : `${this.root}/${unescapeText(word)}`;
  }

  fd(name: string): number {
    const fd = this.descriptors.get(name);
    if (fd === undefined) throw new Error(`nothing is open as ${name}`);
    return fd;
  }

  /** Paths of operations begin at this directory now; '/' is the top again. */
  changeDirectory(word: string): void {
    const fd = word === '/' ? undefined : libc.open(this.path(word), libc.O_PATH | libc.openFlags.O_DIRECTORY);
    if (this.here !== undefined) libc.close(this.here);
    this.here = fd;
    this.root = fd === undefined ? this.top : `/proc/self/fd/${fd}`;
  }

  /** Lets go of everything, ids and umask included. */
  end(): void {
    libc.become(0, 0, [0]);
    process.umask(0o022);
    for (const map of this.maps.values()) map.close();
    for (const fd of this.descriptors.values()) closeAnyway(fd);
    for (const program of this.programs.values()) program.kill();
    this.maps.clear();
    this.descriptors.clear();
    this.programs.clear();
    if (this.here !== undefined) libc.close(this.here);
    this.here = undefined;
    this.root = this.top;
  }
}

/** What close(2) answers is what the flush said (the daemon may be gone): the descriptor is given back in any case. */
function closeAnyway(fd: number): void {
  try {
    libc.close(fd);
  } catch (error) {
    if (!(error instanceof FsError)) throw error;
  }
}

type Operation = (session: Session, ...words: string[]) => string | undefined;

const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_TRUNC, O_APPEND, O_DIRECTORY, O_NOFOLLOW, O_DIRECT } = libc.openFlags;

const openWords: Record<string, number> = {
  r: O_RDONLY,
  w: O_WRONLY,
  rw: O_RDWR,
  creat: O_CREAT,
  excl: O_EXCL,
  trunc: O_TRUNC,
  append: O_APPEND,
  dir: O_DIRECTORY,
  nofollow: O_NOFOLLOW,
  direct: O_DIRECT,
  tmpfile: libc.O_TMPFILE | O_DIRECTORY,
  path: libc.O_PATH,
};

const renameWords: Record<string, number> = { noreplace: 1, exchange: 2, whiteout: 4 };
const fallocateWords: Record<string, number> = { plain: 0, keep: 1, punch: 3, zero: 16, collapse: 8 };
const kindBits: Record<string, number> = { file: 0o100000, fifo: 0o010000, sock: 0o140000, chr: 0o020000, blk: 0o060000 };

/** The fields of an object that a case may ask for. */
const fields: Record<string, (stat: libc.Stat) => string> = {
  kind: (stat) => kindName(typeOfMode(stat.mode)),
  mode: (stat) => octal(stat.mode & 0o7777),
  owner: (stat) => `${stat.uid}:${stat.gid}`,
  nlink: (stat) => `${stat.nlink}`,
  size: (stat) => `${stat.size}`,
  blocks: (stat) => `${stat.blocks}`,
  ino: (stat) => `${stat.ino}`,
  dev: (stat) => stat.dev,
  rdev: (stat) => `${stat.rdevMajor}:${stat.rdevMinor}`,
  atime: (stat) => shortTime(stat.atime),
  mtime: (stat) => shortTime(stat.mtime),
  ctime: (stat) => shortTime(stat.ctime),
  btime: (stat) => (stat.btime === undefined ? 'none' : shortTime(stat.btime)),
};

function octal(mode: number): string {
  return `0${mode.toString(8).padStart(3, '0')}`;
}

function shortTime(time: string): string {
  return time.replace(/\.?0+$/, '');
}

/** The bytes a word stands for: "text" with \xNN, pattern:SEED:LENGTH, hex:..., zeros:LENGTH. */
export function dataOf(word: string): Buffer {
  if (word.startsWith('"')) return Buffer.from(unescapeText(word.slice(1, -1)), 'latin1');
  const [kind, first = '', second = ''] = word.split(':');
  if (kind === 'pattern') return patternBytes(Number(first), Number(second));
  if (kind === 'hex') return Buffer.from(first, 'hex');
  if (kind === 'zeros') return Buffer.alloc(Number(first));
  return Buffer.from(unescapeText(word), 'latin1');
}

/** Bytes as a case states them: short ones in quotes, long ones as length and digest. */
export function showData(bytes: Buffer): string {
  return bytes.length <= 100 ? `"${escapeText(bytes.toString('latin1'), false)}"` : `${bytes.length}:${digestOf(bytes)}`;
}

function openFlags(words: readonly string[]): { flags: number; mode: number } {
  let flags = 0;
  let mode = 0o644;
  for (const word of words) {
    if (/^0[0-7]+$/.test(word)) mode = Number.parseInt(word, 8);
    else flags |= named(openWords, word);
  }
  return { flags, mode };
}

function named(table: Record<string, number>, word: string): number {
  const value = table[word];
  if (value === undefined) throw new Error(`unknown word ${word}`);
  return value;
}

function withFile<T>(path: string, flags: number, use: (fd: number) => T): T {
  const fd = libc.open(path, flags, 0o644);
  try {
    return use(fd);
  } finally {
    libc.close(fd);
  }
}

function listed(fd: number, size?: number): libc.Dirent[] {
  const all: libc.Dirent[] = [];
  for (let some = libc.getdents(fd, size); some.length > 0; some = libc.getdents(fd, size)) all.push(...some);
  return all.filter(({ name }) => name !== '.' && name !== '..');
}

function removeTree(path: string): void {
  withFile(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, (fd) => {
    // As `rm -r` does: deletes while it reads.
    for (let some = libc.getdents(fd, 1024); some.length > 0; some = libc.getdents(fd, 1024)) {
      for (const { name, type } of some) {
        if (name === '.' || name === '..') continue;
        if (type === 4) removeTree(`/proc/self/fd/${fd}/${name}`);
        else libc.unlink(`/proc/self/fd/${fd}/${name}`);
      }
    }
  });
  libc.rmdir(path);
}

function seekTo(fd: number, offset: string, whence: number): string {
  return `${libc.lseek(fd, Number(offset), whence)}`;
}

const mode = (word: string | undefined, otherwise: number) => (word === undefined ? otherwise : Number.parseInt(word, 8));

/** Rows by first word. Words in braces below are what the row returns. */
export const operations: Record<string, Operation> = {
  // Names
  unlink: (s, path = '') => void libc.unlink(s.path(path)),
  rmdir: (s, path = '') => void libc.rmdir(s.path(path)),
  mkdir: (s, path = '', bits) => void libc.mkdir(s.path(path), mode(bits, 0o755)),
  symlink: (s, target = '', path = '') => void libc.symlink(unescapeText(target), s.path(path)),
  link: (s, from = '', to = '') => void libc.link(s.path(from), s.path(to)),
  /** A name for what is open: the way out of O_TMPFILE. */
  linkfd: (s, handle = '', to = '') => void libc.link(`/proc/self/fd/${s.fd(handle)}`, s.path(to), libc.AT_SYMLINK_FOLLOW),
  rename: (s, from = '', to = '', ...words) =>
    void libc.rename(
      s.path(from),
      s.path(to),
      words.reduce((all, word) => all | named(renameWords, word), 0),
    ),
  mknod: (s, path = '', kind = '', bits = '0644', device = '0:0') => {
    const [major = 0, minor = 0] = device.split(':').map(Number);
    libc.mknod(s.path(path), named(kindBits, kind) | mode(bits, 0), major, minor);
    return undefined;
  },
  rmtree: (s, path = '') => void removeTree(s.path(path)),
  cd: (s, path = '/') => void s.changeDirectory(path),
  /** {Names, sorted by bytes.} */
  ls: (s, path = '') =>
    withFile(s.path(path), O_RDONLY | O_DIRECTORY, (fd) =>
      listed(fd)
        .map(({ name }) => escapeText(name))
        .sort()
        .join(' '),
    ),
  /** {How many names, each different.} */
  count: (s, path = '') =>
    withFile(s.path(path), O_RDONLY | O_DIRECTORY, (fd) => `${new Set(listed(fd, 4096).map(({ name }) => name)).size}`),
  /** {The inode number the directory gives for a name.} */
  dino: (s, path = '') => {
    const parent = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '.';
    const name = unescapeText(path.slice(path.lastIndexOf('/') + 1));
    return withFile(s.path(parent), O_RDONLY | O_DIRECTORY, (fd) => `${listed(fd).find((entry) => entry.name === name)?.ino}`);
  },
  /** Files PREFIX0 ... PREFIXn-1, empty. */
  many: (s, prefix = '', count = '0') => {
    for (let i = 0; i < Number(count); i++) libc.close(libc.open(s.path(`${prefix}${i}`), O_CREAT | O_EXCL | O_WRONLY, 0o644));
    return undefined;
  },

  // Whole files
  create: (s, path = '', bits) => void libc.close(libc.open(s.path(path), O_CREAT | O_EXCL | O_WRONLY, mode(bits, 0o644))),
  /** Creates or replaces the content. */
  put: (s, path = '', data = '') =>
    void withFile(s.path(path), O_CREAT | O_TRUNC | O_WRONLY, (fd) => libc.pwriteAll(fd, dataOf(data), 0)),
  /** Writes over the start (or at the offset) of an existing file. */
  write: (s, path = '', data = '', offset = '0') =>
    void withFile(s.path(path), O_WRONLY, (fd) => libc.pwrite(fd, dataOf(data), Number(offset))),
  append: (s, path = '', data = '') => void withFile(s.path(path), O_WRONLY | O_APPEND, (fd) => libc.write(fd, dataOf(data))),
  read: (s, path = '') => withFile(s.path(path), O_RDONLY, (fd) => showData(libc.readAll(fd))),
  readlink: (s, path = '') => escapeText(libc.readlink(s.path(path))),
  truncate: (s, path = '', size = '0') => void libc.truncate(s.path(path), Number(size)),

  // Handles: `f = open a rw creat`
  open: (s, handle = '', path = '', ...words) => {
    const { flags, mode } = openFlags(words);
    s.descriptors.set(handle, libc.open(s.path(path), flags, mode));
    return undefined;
  },
  close: (s, handle = '') => {
    libc.close(s.fd(handle));
    s.descriptors.delete(handle);
    return undefined;
  },
  pread: (s, handle = '', offset = '0', length = '100') => showData(libc.pread(s.fd(handle), Number(length), Number(offset))),
  pwrite: (s, handle = '', offset = '0', data = '') => `${libc.pwrite(s.fd(handle), dataOf(data), Number(offset))}`,
  fwrite: (s, handle = '', data = '') => `${libc.write(s.fd(handle), dataOf(data))}`,
  ftruncate: (s, handle = '', size = '0') => void libc.ftruncate(s.fd(handle), Number(size)),
  fsync: (s, handle = '') => void libc.fsync(s.fd(handle)),
  fdatasync: (s, handle = '') => void libc.fdatasync(s.fd(handle)),
  fchmod: (s, handle = '', bits = '') => void libc.fchmod(s.fd(handle), mode(bits, 0)),
  fchown: (s, handle = '', owner = '') => void libc.fchown(s.fd(handle), ...owned(owner)),
  /** The target of a symlink that is open as O_PATH. */
  readlinkfd: (s, handle = '') => escapeText(libc.readlinkFd(s.fd(handle))),
  fget: (s, handle = '', field = 'size') => fieldNamed(field)(libc.fstat(s.fd(handle))),
  fgetx: (s, handle = '', name = '') => showData(libc.fgetxattr(s.fd(handle), name)),
  fsetx: (s, handle = '', name = '', value = '""') => void libc.fsetxattr(s.fd(handle), name, dataOf(value)),
  fallocate: (s, handle = '', how = 'plain', offset = '0', length = '0') =>
    void libc.fallocate(s.fd(handle), named(fallocateWords, how), Number(offset), Number(length)),
  seekdata: (s, handle = '', offset = '0') => seekTo(s.fd(handle), offset, 3),
  seekhole: (s, handle = '', offset = '0') => seekTo(s.fd(handle), offset, 4),
  copyrange: (s, from = '', fromAt = '0', to = '', toAt = '0', length = '0') =>
    `${libc.copyFileRange(s.fd(from), Number(fromAt), s.fd(to), Number(toAt), Number(length))}`,
  flock: (s, handle = '', how = 'ex') => void libc.flock(s.fd(handle), named({ sh: 5, ex: 6, un: 8 }, how)),
  /** {Names of one getdents call of SIZE bytes.} */
  getdents: (s, handle = '', size = '32768') =>
    libc
      .getdents(s.fd(handle), Number(size))
      .map(({ name }) => escapeText(name))
      .join(' '),
  /** Reads a directory in small steps and back from each remembered position: {'same' if the rest is the same each time}. */
  seekdir: (s, handle = '') => checkSeekdir(s.fd(handle)),
  rewind: (s, handle = '') => void libc.lseek(s.fd(handle), 0, 0),
  mmap: (s, handle = '', file = '', length = '4096', how = 'r') => {
    s.maps.set(handle, libc.mapShared(s.fd(file), Number(length), how === 'rw'));
    return undefined;
  },
  peek: (s, handle = '', length = '1') => showData(mapped(s, handle).read(Number(length))),
  poke: (s, handle = '', data = '') => void mapped(s, handle).write(dataOf(data)),
  munmap: (s, handle = '') => {
    mapped(s, handle).close();
    s.maps.delete(handle);
    return undefined;
  },

  // Attributes
  stat: (s, path = '') => fieldNamed('kind')(libc.lstat(s.path(path))),
  get: (s, path = '', field = 'kind') => fieldNamed(field)(libc.lstat(s.path(path))),
  /** The mode as statx(2) with STATX_MODE alone tells it. */
  modealone: (s, path = '') => octal(libc.modeAlone(s.path(path)) & 0o7777),
  chmod: (s, path = '', bits = '') => void libc.chmod(s.path(path), mode(bits, 0)),
  chown: (s, path = '', owner = '') => void libc.lchown(s.path(path), ...owned(owner)),
  utimes: (s, path = '', atime = 'now', mtime = 'now') => void libc.utimes(s.path(path), atime, mtime),
  access: (s, path = '', bits = 'r') =>
    void libc.access(s.path(path), (bits.includes('r') ? 4 : 0) | (bits.includes('w') ? 2 : 0) | (bits.includes('x') ? 1 : 0)),
  statfs: (s, path = '.', field = 'namelen') => {
    const all = libc.statfs(s.path(path));
    return `${field === 'bsize' ? all.bsize : field === 'blocks' ? all.blocks : field === 'files' ? all.files : all.namelen}`;
  },
  getx: (s, path = '', name = '') => showData(libc.getxattr(s.path(path), name)),
  setx: (s, path = '', name = '', value = '""', how = 'any') =>
    void libc.setxattr(s.path(path), name, dataOf(value), named({ any: 0, create: 1, replace: 2 }, how)),
  rmx: (s, path = '', name = '') => void libc.removexattr(s.path(path), name),
  listx: (s, path = '') => libc.listxattr(s.path(path)).sort().join(' '),
  setacl: (s, path = '', acl = '', which = 'access') =>
    void libc.setxattr(s.path(path), which === 'default' ? defaultAclName : accessAclName, aclFromText(acl)),
  getacl: (s, path = '', which = 'access') =>
    textFromAcl(libc.getxattr(s.path(path), which === 'default' ? defaultAclName : accessAclName)),

  // Who asks
  su: (_, who = '0:0', groups = '') => {
    libc.become(...owned(who), groups === '' ? [] : groups.split(',').map(Number));
    return undefined;
  },
  umask: (_, bits = '022') => void process.umask(mode(bits, 0o022)),
  /** Starts the program and leaves it running; returns when it has been executed. */
  start: (s, handle = '', path = '', ...args) => {
    s.programs.set(handle, startProgram(s.path(path), args));
    return undefined;
  },
};

function fieldNamed(name: string): (stat: libc.Stat) => string {
  const field = fields[name];
  if (field === undefined) throw new Error(`unknown field ${name}`);
  return field;
}

function owned(word: string): [number, number] {
  const [uid = 0, gid = 0] = word.split(':').map((part) => (part === '' ? 0xffffffff : Number(part)));
  return [uid, gid];
}

function mapped(session: Session, name: string): libc.SharedMap {
  const map = session.maps.get(name);
  if (map === undefined) throw new Error(`nothing is mapped as ${name}`);
  return map;
}

function startProgram(path: string, args: string[]): { kill(): void } {
  const child = spawn(path, args, { stdio: 'ignore' });
  child.on('error', () => undefined);
  const { pid } = child;
  if (pid === undefined) throw new FsError(errno.ENOENT, 'execve');
  return {
    /** Returns when the program has let go of its files: it is a zombie then. */
    kill() {
      child.kill('SIGKILL');
      while (existsSync(`/proc/${pid}/stat`) && !readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z ')) {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
      }
    },
  };
}

function checkSeekdir(fd: number): string {
  libc.lseek(fd, 0, 0);
  const all: libc.Dirent[] = [];
  for (let some = libc.getdents(fd, 512); some.length > 0; some = libc.getdents(fd, 512)) all.push(...some);
  for (let i = 0; i < all.length; i += Math.max(1, all.length >> 3)) {
    libc.lseek(fd, Number(all[i]?.offset), 0);
    const next = libc.getdents(fd, 512)[0]?.name;
    if (next !== all[i + 1]?.name) return `after ${all[i]?.name} came ${next}, not ${all[i + 1]?.name}`;
  }
  return 'same';
}

/** Words of an operation line: blanks part them, double quotes hold them together. */
export function wordsOf(line: string): string[] {
  return line.match(/"[^"]*"|\S+/g) ?? [];
}

/** Runs one line (`unlink a`, `f = open a rw`). Errnos come as FsError; a line that makes no sense is a plain Error. */
export function runOperation(session: Session, line: string): string {
  const words = wordsOf(line);
  const assigns = words[1] === '=';
  const [name = '', ...rest] = assigns ? [words[2] ?? '', words[0] ?? '', ...words.slice(3)] : words;
  const operation = operations[name];
  if (operation === undefined) throw new Error(`unknown operation: ${line}`);
  return operation(session, ...rest) ?? 'ok';
}

/** Whether `text` is the name of an errno. */
export function isErrnoName(text: string): text is ErrnoName {
  return Object.hasOwn(errno, text);
}
