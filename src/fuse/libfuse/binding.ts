/** The npm package fuse-native 2.2.6, and nothing else imports it. It is loaded when a mount asks for it: it is an optional dependency,
 *  and its addon needs libfuse2.
 *
 *  The package's own JavaScript is bypassed: its `_op_` methods are replaced by one function that gets the addon's arguments as they are,
 *  and what the addon's calls lose is taken from and put into its memory (native-record.ts). Source: fuse-native's
 *  index.js and fuse-native.c. The addon calls back in the main thread's event loop (uv_default_loop), from whatever thread it was
 *  loaded in: it works in the main thread only. */

import { createRequire } from 'node:module';
import { isMainThread } from 'node:worker_threads';
import type { ErrorCode } from '../../base/error-codes.js';
import { PlyfsError } from '../../base/errors.js';
import type { Name } from '../../base/name.js';
import { NativeRecord } from './native-record.js';

/** What comes with each operation. Sizes and offsets come in two halves of 32 bits, the low one first. `room`, `data` and `value` are memory
 *  of libfuse: gone once the operation is answered. */
export interface Arguments {
  getattr: [path: Name];
  fgetattr: [path: Name, fd: number];
  readlink: [path: Name];
  statfs: [path: Name];
  readdir: [path: Name];
  mknod: [path: Name, mode: number, rdev: number];
  mkdir: [path: Name, mode: number];
  symlink: [target: Name, path: Name];
  link: [path: Name, newPath: Name];
  unlink: [path: Name];
  rmdir: [path: Name];
  rename: [path: Name, newPath: Name];
  chmod: [path: Name, mode: number];
  chown: [path: Name, uid: number, gid: number];
  truncate: [path: Name, sizeLow: number, sizeHigh: number];
  ftruncate: [path: Name, fd: number, sizeLow: number, sizeHigh: number];
  utimens: [path: Name];
  open: [path: Name, flags: number];
  create: [path: Name, mode: number];
  release: [path: Name, fd: number];
  read: [path: Name, fd: number, room: Buffer, length: number, offsetLow: number, offsetHigh: number];
  write: [path: Name, fd: number, data: Buffer, length: number, offsetLow: number, offsetHigh: number];
  fsync: [path: Name, dataOnly: number, fd: number];
  fsyncdir: [path: Name, dataOnly: number, fd: number];
  setxattr: [path: Name, name: Name, value: Buffer, position: number, flags: number];
  getxattr: [path: Name, name: Name, room: Buffer, position: number];
  listxattr: [path: Name, room: Buffer];
  removexattr: [path: Name, name: Name];
}
export type OperationName = keyof Arguments;

/** An operation that libfuse's thread waits for. */
export interface Call {
  name: OperationName;
  /** Those of `Arguments[name]`. */
  args: unknown[];
  /** Takes what the operation hands out, before the answer. */
  record: NativeRecord;
  /** To be called once: 0, a count of bytes, of open and create the number of the file, or a negative errno. */
  answer: (result: number) => void;
}

/** Operations whose answer gives a buffer back, by its place among the arguments, so that the addon can detach it; and what stands between
 *  the result and the buffer. */
const buffers: Partial<Record<OperationName, { at: number; between: unknown[] }>> = {
  read: { at: 2, between: [0] },
  write: { at: 2, between: [0] },
  setxattr: { at: 2, between: [] },
  getxattr: { at: 2, between: [] },
  listxattr: { at: 1, between: [] },
};
/** Operations whose second argument is a path as well, or the name of an xattr. */
const twoPaths: ReadonlySet<OperationName> = new Set(['symlink', 'link', 'rename']);
const named: ReadonlySet<OperationName> = new Set(['setxattr', 'getxattr', 'removexattr']);
/** Operations that hand out more than a number, by the addon's number for them (fuse-native.c): their answers go through the handler of
 *  unlink, whose answer is a number only, so that the addon does not write over what the record has taken. */
const handingOut: readonly (OperationName | undefined)[] = sparse({
  3: 'statfs',
  4: 'fgetattr',
  5: 'getattr',
  9: 'readdir',
  13: 'readlink',
});
const unlinkNumber = 28;

function sparse(entries: Record<number, OperationName>): OperationName[] {
  return Object.assign([], entries);
}

type Signal = (result: number, ...values: unknown[]) => void;
type Handler = (record: Buffer, op: number, ...args: unknown[]) => void;

/** The parts of the package's class that are used. */
interface Fuse {
  open(done: (error: Error | null) => void): void;
  close(done: (error: Error | null) => void): void;
  _fuseOptions(): string;
  _handlers: Handler[];
  [operation: `_op_${string}`]: (signal: Signal, ...args: unknown[]) => void;
}
interface FuseClass {
  new (target: string, operations: Record<string, true>, options: { timeout: false }): Fuse;
  unmount(target: string, done: (error: Error | null) => void): void;
}

const knownVersion = '2.2.6';
const require = createRequire(import.meta.url);
let loaded: FuseClass | undefined;

/** Loads the package. PlyfsError: it is not installed, its addon finds no libfuse2 or is not made for this machine. */
export function loadFuseNative(): void {
  fuseClass();
}

function fuseClass(): FuseClass {
  if (!isMainThread) throw new Error('fuse-native works in the main thread only');
  try {
    loaded ??= load();
    return loaded;
  } catch (error) {
    throw refusal(error);
  }
}

/** What the memory of the addon looks like is known of one version on one architecture: the last one, and the one it has a binary for. */
function load(): FuseClass {
  const { version } = require('fuse-native/package.json') as { version: string };
  if (version !== knownVersion || process.arch !== 'x64') {
    const found = `fuse-native ${version} on ${process.arch}`;
    throw new PlyfsError('no-fuse-native', `${found} is not known to plyfs, only ${knownVersion} on x64: use --driver direct`);
  }
  return require('fuse-native') as FuseClass; // as its index.js declares it
}

function refusal(cause: unknown): PlyfsError {
  if (cause instanceof PlyfsError) return cause;
  const { code: why, message } = cause as NodeJS.ErrnoException; // require throws nothing else
  const refuse = (code: ErrorCode, sentence: string) => new PlyfsError(code, sentence, { cause });
  if (why === 'MODULE_NOT_FOUND' && message.includes("'fuse-native")) {
    return refuse(
      'no-fuse-native',
      'the package fuse-native is not installed: run npm install fuse-native, or use --driver direct',
    );
  }
  if (message.includes('libfuse.so')) {
    return refuse(
      'no-libfuse2',
      'fuse-native needs libfuse 2: run apt-get install libfuse2 (libfuse2t64 on Ubuntu 24.04), or use --driver direct',
    );
  }
  return refuse('no-fuse-native', `fuse-native cannot be loaded: ${message.split('\n')[0]}; use --driver direct`);
}

/** A mount of libfuse's. */
export interface Mount {
  /** Ends what keeps the event loop alive. PRE: the file system is unmounted. */
  close(): void;
}

/** The addon takes the option string and the target into 1,024 bytes each, and cuts longer ones. */
const longestWord = 1023;

/** Mounts on `target` with libfuse's `options`; resolves when the kernel has asked for INIT. Every operation of `names` comes to
 *  `receive`, several at a time; those not named libfuse answers with ENOSYS. PlyfsError; libfuse writes the reason to stderr. */
export function openMount(
  target: string,
  options: readonly string[],
  names: readonly OperationName[],
  receive: (call: Call) => void,
): Promise<Mount> {
  const Class = fuseClass();
  const words = `-o${options.join(',')}`;
  if (Buffer.byteLength(target) > longestWord || Buffer.byteLength(words) > longestWord) {
    const advice = `fuse-native takes at most ${longestWord} bytes each; use --driver direct`;
    throw new PlyfsError('too-long', `cannot mount on ${target}: its path or its options are too long: ${advice}`);
  }
  // A timeout of the package answers for an operation that is still at work, and its memory is freed under it.
  const fuse = new Class(target, Object.fromEntries(names.map((name) => [name, true] as const)), { timeout: false });
  fuse._fuseOptions = () => words;
  intercept(fuse, names, receive);
  return new Promise((resolve, reject) => {
    fuse.open((error) => {
      if (error === null || error === undefined) resolve({ close: () => close(Class, fuse) });
      else reject(mountRefusal(target, error));
    });
  });
}

/** Every handler of the addon notes the call at hand before it calls the `_op_` method. */
function intercept(fuse: Fuse, names: readonly OperationName[], receive: (call: Call) => void): void {
  let record = new NativeRecord(Buffer.alloc(0));
  let standIn: OperationName | undefined;
  const handlers = fuse._handlers;
  const answersNumber = handlers[unlinkNumber];
  if (answersNumber === undefined) throw new Error('fuse-native has no unlink');
  fuse._handlers = handlers.map((handler, number) => (native: Buffer, op, ...args) => {
    record = new NativeRecord(native);
    if (!record.isOf(number)) throw new Error('the memory of fuse-native is not what it was in 2.2.6');
    standIn = handingOut[number];
    (standIn === undefined ? handler : answersNumber)(native, op, ...args);
  });
  for (const ownName of names) {
    fuse[`_op_${ownName}`] = (signal, ...args) => {
      const name = standIn ?? ownName;
      receive({ name, args: exact(name, args, record), record, answer: answerOf(name, args, signal) });
    };
  }
}

/** `args` with names as their bytes. */
function exact(name: OperationName, args: unknown[], record: NativeRecord): unknown[] {
  const exactly: unknown[] = [record.path, ...args.slice(1)];
  if (twoPaths.has(name)) exactly[1] = record.dest;
  else if (named.has(name)) exactly[1] = record.name;
  return exactly;
}

function answerOf(name: OperationName, args: unknown[], signal: Signal): (result: number) => void {
  const given = buffers[name];
  if (given !== undefined) return (result) => signal(result, ...given.between, (args[given.at] as Buffer).buffer); // as Arguments says
  if (name !== 'open' && name !== 'create') return signal;
  return (result) => (result > 0 ? signal(0, result) : signal(result));
}

function mountRefusal(target: string, cause: Error): PlyfsError {
  if (cause.message === 'Mountpoint in use') {
    return new PlyfsError('target-busy', `cannot mount on ${target}: it is a mount point already; choose another directory`, {
      cause,
    });
  }
  return new PlyfsError('mount-failed', `cannot mount on ${target}: libfuse refused (its reason is above)`, { cause });
}

/** The package unmounts with fusermount before it lets go of the event loop, and only if that succeeds: here that is done. */
function close(Class: FuseClass, fuse: Fuse): void {
  const { unmount } = Class;
  Class.unmount = (_, done) => done(null);
  fuse.close(() => {
    Class.unmount = unmount;
  });
}
