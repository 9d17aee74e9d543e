/** The npm package fuse-native 2.2.6, and nothing else imports it. It is loaded when a mount asks for it: it is an optional dependency,
 *  and its addon needs libfuse2.
 *
 *  The package's own JavaScript is bypassed where it loses what the addon tells (the descriptor of fgetattr, the size a getxattr has room
 *  for, both times): its `_op_` methods are replaced by one function that gets the addon's arguments as they are. Source: fuse-native's
 *  index.js and fuse-native.c. The addon calls back in the main thread's event loop (uv_default_loop), from whatever thread it was
 *  loaded in: it works in the main thread only. */

import { createRequire } from 'node:module';
import { isMainThread } from 'node:worker_threads';
import { PlyfsError } from '../../base/errors.js';

/** What the addon hands over with each operation. Numbers of 64 bits come as two of 32, the low one first. `room`, `data` and `value`
 *  are memory of libfuse: gone once the operation is answered. */
export interface Arguments {
  getattr: [path: string];
  fgetattr: [path: string, fd: number];
  readlink: [path: string];
  statfs: [path: string];
  readdir: [path: string];
  mknod: [path: string, mode: number, rdev: number];
  mkdir: [path: string, mode: number];
  symlink: [target: string, path: string];
  link: [path: string, newPath: string];
  unlink: [path: string];
  rmdir: [path: string];
  rename: [path: string, newPath: string];
  chmod: [path: string, mode: number];
  chown: [path: string, uid: number, gid: number];
  truncate: [path: string, sizeLow: number, sizeHigh: number];
  ftruncate: [path: string, fd: number, sizeLow: number, sizeHigh: number];
  utimens: [path: string, atimeMsLow: number, atimeMsHigh: number, sameLow: number, sameHigh: number];
  open: [path: string, flags: number];
  create: [path: string, mode: number];
  release: [path: string, fd: number];
  read: [path: string, fd: number, room: Buffer, length: number, offsetLow: number, offsetHigh: number];
  write: [path: string, fd: number, data: Buffer, length: number, offsetLow: number, offsetHigh: number];
  fsync: [path: string, dataOnly: number, fd: number];
  fsyncdir: [path: string, dataOnly: number, fd: number];
  setxattr: [path: string, name: string, value: Buffer, position: number, flags: number];
  getxattr: [path: string, name: string, room: Buffer, position: number];
  listxattr: [path: string, room: Buffer];
  removexattr: [path: string, name: string];
}
export type OperationName = keyof Arguments;

/** An operation that libfuse's thread waits for. */
export interface Call {
  name: OperationName;
  /** Those of `Arguments[name]`. */
  args: unknown[];
  /** The addon's record of the call (fuse_thread_locals_t). */
  record: Buffer;
  /** To be called once: 0, a count of bytes or a negative errno, and what the operation hands out. */
  answer: (result: number, ...values: unknown[]) => void;
}

/** Operations whose answer must give the buffer back, by its place among the arguments, so that the addon can detach it; and what stands
 *  between the result and the buffer. */
const buffers: Partial<Record<OperationName, { at: number; between: unknown[] }>> = {
  read: { at: 2, between: [0] },
  write: { at: 2, between: [0] },
  setxattr: { at: 2, between: [] },
  getxattr: { at: 2, between: [] },
  listxattr: { at: 1, between: [] },
};

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

const require = createRequire(import.meta.url);
let loaded: FuseClass | undefined;

/** Loads the package. PlyfsError: it is not installed, its addon finds no libfuse2 or is not made for this machine. */
export function loadFuseNative(): void {
  fuseClass();
}

function fuseClass(): FuseClass {
  if (!isMainThread) throw new Error('fuse-native works in the main thread only');
  try {
    loaded ??= require('fuse-native') as FuseClass; // as its index.js declares it
    return loaded;
  } catch (error) {
    throw refusal(error);
  }
}

function refusal(cause: unknown): PlyfsError {
  const { code, message } = cause as NodeJS.ErrnoException; // require throws nothing else
  const refuse = (kind: string, sentence: string) => new PlyfsError(kind, sentence, { cause });
  if (code === 'MODULE_NOT_FOUND' && /'fuse-native'/.test(message)) {
    return refuse(
      'no-fuse-native',
      'the package fuse-native is not installed: run npm install fuse-native, or use --driver direct',
    );
  }
  if (message.includes('libfuse.so')) {
    return refuse('no-libfuse2', 'fuse-native needs libfuse 2: run apt-get install libfuse2, or use --driver direct');
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

/** The handlers of the addon note the record of the call at hand before they call the `_op_` method. */
function intercept(fuse: Fuse, names: readonly OperationName[], receive: (call: Call) => void): void {
  let record: Buffer = Buffer.alloc(0);
  fuse._handlers = fuse._handlers.map((handler) => (native: Buffer, ...rest) => {
    record = native;
    handler(native, ...rest);
  });
  for (const name of names) {
    const given = buffers[name];
    fuse[`_op_${name}`] = (signal, ...args) => {
      const answer: Signal =
        given === undefined ? signal : (result) => signal(result, ...given.between, (args[given.at] as Buffer).buffer); // as Arguments says
      receive({ name, args, record, answer });
    };
  }
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
