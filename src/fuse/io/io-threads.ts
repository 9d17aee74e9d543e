/** The I/O threads: node workers, started when the first task comes. They are started by the serving thread, which is blocked for the
 *  life of the mount: a worker needs nothing of its parent's event loop to run, only its output would (they write none). */

import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { closeFd } from '../../sys/open.js';
import { drainEvent, eventfd } from '../../sys/poll.js';
import type { Task, TaskResult, TaskRunner } from './jobs.js';

/** What a thread is given at its start. */
export interface IoThreadData {
  port: MessagePort;
  wakeFd: number;
  /** Int32: how many results were put into ports. */
  results: SharedArrayBuffer;
}

interface Thread {
  worker: Worker;
  port: MessagePort;
  /** Tasks given and not answered. */
  busy: number;
}

export class IoThreads implements TaskRunner {
  wakeFd = -1;
  private readonly threads: Thread[] = [];
  private readonly results = new Int32Array(new SharedArrayBuffer(4));
  private taken = 0;

  /** `limit`: as many tasks run at a time. */
  constructor(private readonly limit: number) {}

  start(id: number, task: Task): void {
    const thread = this.choose();
    if (task.kind !== 'notify') thread.busy++;
    thread.port.postMessage({ id, task });
  }

  get hasResult(): boolean {
    return Atomics.load(this.results, 0) !== this.taken;
  }

  take(): TaskResult | undefined {
    if (!this.hasResult) return undefined;
    for (const thread of this.threads) {
      const received = receiveMessageOnPort(thread.port);
      if (received === undefined) continue;
      thread.busy--;
      this.taken = (this.taken + 1) | 0;
      return received.message as TaskResult; // only io-worker.ts writes to this port
    }
    return undefined;
  }

  drain(): void {
    drainEvent(this.wakeFd);
  }

  close(): void {
    const { wakeFd } = this;
    let left = this.threads.length;
    for (const { worker, port } of this.threads) {
      // A thread may be about to signal its last result: the eventfd is closed behind the last of them.
      worker.once('exit', () => {
        if (--left === 0) closeFd(wakeFd);
      });
      port.close();
    }
    this.threads.length = 0;
    this.wakeFd = -1;
  }

  /** An idle thread, a new one, or the one with the least to do. */
  private choose(): Thread {
    let best: Thread | undefined;
    for (const thread of this.threads) if (best === undefined || thread.busy < best.busy) best = thread;
    if (best !== undefined && (best.busy === 0 || this.threads.length >= this.limit)) return best;
    return this.spawn();
  }

  private spawn(): Thread {
    if (this.wakeFd < 0) this.wakeFd = eventfd();
    const { port1, port2 } = new MessageChannel();
    const data: IoThreadData = { port: port2, wakeFd: this.wakeFd, results: this.results.buffer as SharedArrayBuffer }; // made as one
    const worker = new Worker(new URL('./io-worker.js', import.meta.url), { workerData: data, transferList: [port2] });
    const thread = { worker, port: port1, busy: 0 };
    this.threads.push(thread);
    return thread;
  }
}
