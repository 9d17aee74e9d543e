/** Mounting without root: fusermount3 (setuid root, package fuse3) mounts and hands over the device's descriptor through a socket. */

import { spawnSync } from 'node:child_process';
import { PlyfsError } from '../base/errors.js';
import { O_CLOEXEC } from './constants.js';
import * as libc from './libc.js';

const AF_UNIX = 1;
const SOCK_STREAM = 1;

/** Mounts at `target` with `options` as in fuse(8), joined by commas, and returns the descriptor of the fuse device. PlyfsError with the
 *  helper's own words. */
export function fusermountMount(target: string, options: string): number {
  const pair = Buffer.alloc(8);
  // SOCK_CLOEXEC is O_CLOEXEC: the helper gets a copy of its end that stays open.
  if (libc.socketpair(AF_UNIX, SOCK_STREAM | O_CLOEXEC, 0, pair) < 0) libc.fail('socketpair');
  const ours = pair.readInt32LE(0);
  const theirs = pair.readInt32LE(4);
  try {
    const refusal = run(['-o', options, '--', target], theirs);
    if (refusal !== undefined) throw new PlyfsError('mount-failed', `cannot mount on ${target}: ${refusal}`);
  } catch (error) {
    libc.close(ours);
    throw error;
  } finally {
    libc.close(theirs);
  }
  try {
    const fd = receiveDescriptor(ours);
    if (fd !== undefined) return fd;
    throw new PlyfsError('mount-failed', `cannot mount on ${target}: the fusermount helper sent no descriptor`);
  } finally {
    libc.close(ours);
  }
}

/** Unmounts what this user mounted; `isLazy` detaches a busy mount. PlyfsError with the helper's own words. */
export function fusermountUnmount(target: string, isLazy: boolean): void {
  const refusal = run(isLazy ? ['-u', '-z', '--', target] : ['-u', '--', target]);
  if (refusal !== undefined) throw new PlyfsError('unmount-failed', `cannot unmount ${target}: ${refusal}`);
}

const helpers = ['fusermount3', 'fusermount'];

/** Runs the helper with `socket` as its descriptor 3. What it complained of, or undefined when it did its work. */
function run(words: string[], socket?: number): string | undefined {
  for (const helper of helpers) {
    const ended = spawnSync(helper, words, {
      stdio: ['ignore', 'ignore', 'pipe', ...(socket === undefined ? [] : [socket])],
      env: socket === undefined ? process.env : { ...process.env, _FUSE_COMMFD: '3' },
    });
    // Node's types know an Error here; it is always one with a code.
    const failure = ended.error as NodeJS.ErrnoException | undefined;
    if (failure?.code === 'ENOENT') continue;
    if (failure !== undefined) return `${helper}: ${failure.message}`;
    if (ended.status === 0) return undefined;
    const said = ended.stderr.toString('utf8').trim();
    return said === '' ? `${helper} ended with ${ended.signal ?? ended.status}` : said;
  }
  return 'neither fusermount3 nor fusermount is installed; install the package fuse3, or mount as root';
}

const MSG_CMSG_CLOEXEC = 0x40000000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;

/** One byte of a message: fusermount sends it with the descriptor. */
const byte = Buffer.alloc(1);
/** struct cmsghdr: u64 length, s32 level, s32 type; the data; padding. */
const control = Buffer.alloc(24);
/** struct iovec: address, length. */
const vector = Buffer.alloc(16);
/** struct msghdr: name, name length, iovec, count, control, its length, flags: 8 bytes each. */
const message = Buffer.alloc(56);

/** The descriptor that comes with the next message of `socket`, undefined where it closes without one (unix(7), cmsg(3)). */
function receiveDescriptor(socket: number): number | undefined {
  libc.putWord(vector, 0, libc.addressOf(byte));
  libc.putWord(vector, 8, byte.length);
  libc.putWord(message, 16, libc.addressOf(vector));
  libc.putWord(message, 24, 1);
  libc.putWord(message, 32, libc.addressOf(control));
  libc.putWord(message, 40, control.length);
  while (libc.recvmsg(socket, message, MSG_CMSG_CLOEXEC) < 0) if (!libc.isInterrupted()) libc.fail('recvmsg');
  // The kernel has put the length of what came in place of the length offered.
  if (message.readUInt32LE(40) < 20) return undefined;
  if (control.readInt32LE(8) !== SOL_SOCKET || control.readInt32LE(12) !== SCM_RIGHTS) return undefined;
  return control.readInt32LE(16);
}
