/** Jobs of the file system, done in I/O threads while the main thread's event loop serves on. The threads are the direct driver's; here
 *  their results come as messages. */

import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { closeFd } from '../../sys/open.js';
import { eventfd } from '../../sys/poll.js';
import type { Deferred } from '../../vfs/filesystem.js';
import type { IoThreadData } from '../io/io-threads.js';
import { finish, type TaskResult } from '../io/jobs.js';

/** Goes on with an operation whose job has ended with `errno` (0: done) and `result`. */
type Resume = (errno: number, result: number) => void;

interface Thread {
  worker: Worker;
  port: MessagePort;
  busy: number;
}

export class JobThreads {
  private readonly threads: Thread[] = [];
  private readonly pending = new Map<number, { deferred: Deferred; waiting: Resume[] }>();
  /** I/O threads signal it; nobody waits for it here. */
  private wakeFd = -1;
  private lastId = 0;
  private isClosing = false;
  private whenIdle: (() => void) | undefined;

  /** `limit`: as many jobs run at a time. */
  constructor(private readonly limit: number) {}

  /** Calls `resume` when the job of `deferred` has ended; starts the job if it does not run yet. */
  park(deferred: Deferred, resume: Resume): void {
    for (const entry of this.pending.values()) {
      if (entry.deferred !== deferred) continue;
      entry.waiting.push(resume);
      return;
    }
    const id = ++this.lastId;
    this.pending.set(id, { deferred, waiting: [resume] });
    const thread = this.choose();
    thread.busy++;
    thread.port.postMessage({ id, task: deferred.job });
  }

  /** The mount is gone: jobs that still run have no effect any more. Ends the threads when they have ended. */
  async close(): Promise<void> {
    this.isClosing = true;
    if (this.pending.size > 0) {
      await new Promise<void>((resolve) => {
        this.whenIdle = resolve;
      });
    }
    for (const { worker, port } of this.threads) {
      port.close();
      await worker.terminate();
    }
    if (this.wakeFd >= 0) closeFd(this.wakeFd);
  }

  /** An idle thread, a new one, or the one with the least to do. */
  private choose(): Thread {
    const [best] = this.threads.toSorted((a, b) => a.busy - b.busy);
    if (best !== undefined && (best.busy === 0 || this.threads.length >= this.limit)) return best;
    return this.spawn();
  }

  private spawn(): Thread {
    if (this.wakeFd < 0) this.wakeFd = eventfd();
    const { port1, port2 } = new MessageChannel();
    const data: IoThreadData = { port: port2, wakeFd: this.wakeFd, results: new SharedArrayBuffer(4) };
    const worker = new Worker(new URL('../io/io-worker.js', import.meta.url), { workerData: data, transferList: [port2] });
    const thread = { worker, port: port1, busy: 0 };
    port1.on('message', (ended: TaskResult) => this.ended(thread, ended));
    this.threads.push(thread);
    return thread;
  }

  private ended(thread: Thread, ended: TaskResult): void {
    const { id } = ended;
    thread.busy--;
    const entry = this.pending.get(id);
    if (entry === undefined) return;
    this.pending.delete(id);
    if (!this.isClosing) {
      const { errno, result } = finish(entry.deferred, ended);
      for (const resume of entry.waiting) resume(errno, result);
    }
    if (this.pending.size === 0) this.whenIdle?.();
  }
}
