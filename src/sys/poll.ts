/** Waiting for descriptors, and waking a thread that waits. */

import { errno } from '../base/errno.js';
import { O_CLOEXEC, O_NONBLOCK } from './constants.js';
import * as libc from './libc.js';

const POLLIN = 1;

/** struct pollfd[2]: s32 fd, s16 events, s16 revents. */
const polled = Buffer.alloc(16);
const descriptors = new Int32Array(polled.buffer, polled.byteOffset, 4);
const events = new Int16Array(polled.buffer, polled.byteOffset, 8);
events[2] = POLLIN;
events[6] = POLLIN;

/** Waits until one of two descriptors can be read, has an error or was hung up. Bit 0: the first, bit 1: the second; 0 when the time
 *  is over or a signal came. -1 as descriptor: none. `timeoutMs` 0 does not wait, -1 waits for ever. */
export function pollIn(first: number, second: number, timeoutMs: number): number {
  descriptors[0] = first;
  descriptors[2] = second;
  if (libc.poll(polled, second < 0 ? 1 : 2, timeoutMs) > 0) {
    return (events[3] !== 0 ? 1 : 0) | (second >= 0 && events[7] !== 0 ? 2 : 0);
  }
  // 0: the time is over. -1: a signal; the arguments leave poll(2) no other reason.
  return 0;
}

/** A descriptor that pollIn sees as readable from signalEvent until drainEvent, in whatever thread. */
export function eventfd(): number {
  const fd = libc.eventfd(0, O_CLOEXEC | O_NONBLOCK);
  return fd < 0 ? libc.fail('eventfd') : fd;
}

const one = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]);
const counter = Buffer.alloc(8);

export function signalEvent(fd: number): void {
  // EAGAIN: the counter is full, so the event is signalled already.
  while (libc.write(fd, one, 8) < 0) {
    if (libc.errno() === errno.EAGAIN) return;
    if (!libc.isInterrupted()) libc.fail('write eventfd');
  }
}

export function drainEvent(fd: number): void {
  // EAGAIN: nothing was signalled.
  while (libc.read(fd, counter, 8) < 0) {
    if (libc.errno() === errno.EAGAIN) return;
    if (!libc.isInterrupted()) libc.fail('read eventfd');
  }
}

const F_GETFL = 3;
const F_SETFL = 4;

export function setNonblocking(fd: number): void {
  const flags = libc.fcntl(fd, F_GETFL, 0);
  if (flags < 0 || libc.fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) libc.fail('fcntl');
}

/** Lets another thread have the CPU: the caller waits for it without sleeping. */
export function schedYield(): void {
  libc.schedYield();
}
