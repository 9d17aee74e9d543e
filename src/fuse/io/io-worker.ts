/** An I/O thread: does one task after another and reports each. The descriptors in a task belong to the whole process. */

import { workerData } from 'node:worker_threads';
import { errno } from '../../base/errno.js';
import { errnoOf } from '../../base/errors.js';
import { log } from '../../observe/log.js';
import { writeDevice } from '../../sys/device.js';
import { copyData, copyFileRange, fdatasync, fsync } from '../../sys/file.js';
import { signalEvent } from '../../sys/poll.js';
import { setIoFlusher } from '../../sys/process.js';
import type { IoThreadData } from './io-threads.js';
import type { Cancellable, Task } from './jobs.js';

const { port, wakeFd, results } = workerData as IoThreadData; // only io-threads.ts starts this file
const count = new Int32Array(results);

setIoFlusher();

function stopAsker({ cancelled }: Cancellable): (() => boolean) | undefined {
  if (cancelled === undefined) return undefined;
  const flag = new Int32Array(cancelled);
  return () => Atomics.load(flag, 0) !== 0;
}

/** Bytes copied, 0 for other tasks. FsError. */
function work(task: Task): number {
  switch (task.kind) {
    case 'copy':
      return copyData(task.source, task.sourceStart, task.target, task.length, stopAsker(task));
    case 'copy-range':
      return copyFileRange(task.source, task.sourceOffset, task.target, task.targetOffset, task.length);
    case 'fsync':
      if (task.dataOnly) fdatasync(task.fd);
      else fsync(task.fd);
      return 0;
    case 'notify':
      // A refused notification (the kernel does not know the node) is no failure: nothing is cached there.
      return Math.max(0, writeDevice(task.device, Buffer.from(task.message.buffer), 0, task.message.length));
    default:
      return task satisfies never;
  }
}

function attempt(task: Task): { errno: number; result: number } {
  try {
    return { errno: 0, result: work(task) };
  } catch (error) {
    const number = errnoOf(error);
    if (number === undefined) log('error', `I/O thread: ${error instanceof Error ? error.stack : error}`);
    return { errno: number ?? errno.EIO, result: 0 };
  }
}

port.on('message', ({ id, task }: { id: number; task: Task }) => {
  const ended = attempt(task);
  if (task.kind === 'notify') return;
  port.postMessage({ id, ...ended });
  Atomics.add(count, 0, 1);
  signalEvent(wakeFd);
});
