/** Requests that wait for bytes to move: parked here while an I/O thread works, and handed back when it is done.
 *
 *  The serving thread never returns to its event loop, so results are fetched, not received: an I/O thread puts its result into a
 *  message port, counts it in shared memory and wakes the eventfd that the serving loop polls beside the device. */

import { errno } from '../../base/errno.js';
import { FsError } from '../../base/errors.js';
import { log } from '../../observe/log.js';
import type { Deferred, Job } from '../../vfs/filesystem.js';

/** Int32: 1 says that a copy need not go on. */
export interface Cancellable {
  cancelled?: SharedArrayBuffer;
}

/** What an I/O thread is asked: a job of the file system, or a notification to write to the device. */
export type Task = (Job & Cancellable) | { kind: 'notify'; device: number; message: Uint8Array };

export interface TaskResult {
  id: number;
  /** 0: done. */
  errno: number;
  /** Bytes copied. */
  result: number;
}

/** Who does the work: I/O threads (io-threads.ts), in tests the test. */
export interface TaskRunner {
  /** A notification has no result. */
  start(id: number, task: Task): void;
  /** Costs next to nothing to ask. */
  readonly hasResult: boolean;
  /** The next result, or undefined. */
  take(): TaskResult | undefined;
  /** Readable when there may be a result; -1 before the first task. */
  readonly wakeFd: number;
  /** To be called when wakeFd was found readable. */
  drain(): void;
  /** Ends the threads. PRE: no task is running. */
  close(): void;
}

/** A job under way and copies of the requests that wait for it. */
interface Pending {
  deferred: Deferred;
  requests: Buffer[];
  /** Of a copy; see Cancellable. */
  cancelled: Int32Array | undefined;
}

/** A request whose job has ended. `errno` and `result` are the job's. */
export interface Resumed {
  /** What is to be done with it; 'done' also where `finish` failed. */
  resume: Deferred['resume'];
  request: Buffer;
  errno: number;
  result: number;
}

export class Jobs {
  private readonly pending = new Map<number, Pending>();
  private lastId = 0;

  constructor(private readonly runner: TaskRunner) {}

  /** Jobs under way. */
  get running(): number {
    return this.pending.size;
  }

  /** Whether one of them has ended and waits for `collect`. */
  get hasEnded(): boolean {
    return this.runner.hasResult;
  }

  get wakeFd(): number {
    return this.runner.wakeFd;
  }

  /** Keeps `request` (a copy of its own) until the job of `deferred` has ended, and starts the job if it does not run yet. Throws if it
   *  cannot be started (no thread to be had): then nothing is kept and `finish` was called with EIO. */
  park(deferred: Deferred, request: Buffer): void {
    for (const entry of this.pending.values()) {
      if (entry.deferred !== deferred) continue;
      entry.requests.push(request);
      if (entry.cancelled !== undefined) Atomics.store(entry.cancelled, 0, 0);
      return;
    }
    const id = ++this.lastId;
    const { job } = deferred;
    const cancelled = job.kind === 'copy' ? new Int32Array(new SharedArrayBuffer(4)) : undefined;
    this.pending.set(id, { deferred, requests: [request], cancelled });
    try {
      this.runner.start(id, cancelled === undefined ? job : { ...job, cancelled: cancelled.buffer as SharedArrayBuffer }); // made as one
    } catch (error) {
      this.pending.delete(id);
      deferred.finish(errno.EIO, 0);
      throw error;
    }
  }

  /** Sends a notification from an I/O thread; nobody waits for it. */
  notify(device: number, message: Uint8Array): void {
    this.runner.start(0, { kind: 'notify', device, message });
  }

  /** Calls `finish` of every job that has ended, then `resume` for each request that waited, in the order of parking. Returns how many
   *  requests there were. */
  collect(resume: (resumed: Resumed) => void): number {
    let count = 0;
    for (let ended = this.runner.take(); ended !== undefined; ended = this.runner.take()) {
      const entry = this.pending.get(ended.id);
      if (entry === undefined) continue;
      this.pending.delete(ended.id);
      // Somebody may have come to wait for a copy that was given up: that one begins anew.
      const isGivenUp = entry.requests.length === 0 || (ended.errno === errno.EINTR && entry.cancelled !== undefined);
      const outcome = finish(entry.deferred, isGivenUp ? { ...ended, errno: errno.EINTR } : ended);
      if (isGivenUp && outcome.errno === errno.EINTR) Object.assign(outcome, { resume: 'retry', errno: 0 });
      for (const request of entry.requests) resume({ request, ...outcome });
      count += entry.requests.length;
    }
    return count;
  }

  /** The parked request that `isMeant` says. */
  find(isMeant: (request: Buffer) => boolean): Buffer | undefined {
    for (const { requests } of this.pending.values()) {
      const found = requests.find(isMeant);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Takes out the parked request that `isMeant` says; undefined where none is. A copy that nobody waits for any more is given up. */
  take(isMeant: (request: Buffer) => boolean): Buffer | undefined {
    for (const { requests, cancelled } of this.pending.values()) {
      const at = requests.findIndex(isMeant);
      if (at < 0) continue;
      const [request] = requests.splice(at, 1);
      if (requests.length === 0 && cancelled !== undefined) Atomics.store(cancelled, 0, 1);
      return request;
    }
    return undefined;
  }

  drain(): void {
    this.runner.drain();
  }

  /** The mount is gone: jobs that end now have no effect any more, and who waited was told by the kernel. */
  forgetEnded(): void {
    for (let ended = this.runner.take(); ended !== undefined; ended = this.runner.take()) this.pending.delete(ended.id);
  }

  close(): void {
    this.runner.close();
  }
}

/** Tells the file system that the job has ended. If the job or that fails, so do the requests; with EIO and a log line where it is no
 *  refusal. */
export function finish(deferred: Deferred, { errno: number, result }: TaskResult): Omit<Resumed, 'request'> {
  try {
    deferred.finish(number, result);
    return { resume: number === 0 ? deferred.resume : 'done', errno: number, result };
  } catch (error) {
    if (error instanceof FsError) return { resume: 'done', errno: error.errno, result: 0 };
    log('error', `after ${deferred.job.kind}: ${error instanceof Error ? error.stack : error}`);
    return { resume: 'done', errno: errno.EIO, result: 0 };
  }
}
