/** Takes layers in on worker threads, one for each processor at most. Small ones are done here: a thread costs more than they do. */

import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { ErrorCode } from '../../base/error-codes.js';
import { PlyfsError } from '../../base/errors.js';
import { type Ingested, type IngestJob, ingest } from './ingest.js';

export type WorkerMessage =
  | { kind: 'bytes'; bytes: number }
  | { kind: 'done'; result: Ingested }
  | { kind: 'failed'; code: ErrorCode | undefined; text: string };

/** Starting a thread takes about as long as hashing and writing this much. */
const inlineBytes = 4 * 1024 * 1024;

export class IngestPool {
  readonly size = availableParallelism();
  private readonly idle: IngestThread[] = [];
  private readonly all = new Set<IngestThread>();

  /** As `ingest`, each in a thread of its own; more than `size` at a time get in each other's way where they do not wait for bytes. */
  async run(job: IngestJob, onBytes: (bytes: number) => void): Promise<Ingested> {
    if (job.location.size <= inlineBytes) return ingest(job, onBytes);
    const thread = this.idle.pop() ?? this.start();
    try {
      return await thread.run(job, onBytes);
    } finally {
      if (thread.isAlive) this.idle.push(thread);
      else this.all.delete(thread);
    }
  }

  private start(): IngestThread {
    const thread = new IngestThread();
    this.all.add(thread);
    return thread;
  }

  /** Ends the threads; jobs under way are given up. */
  async close(): Promise<void> {
    const threads = [...this.all];
    this.all.clear();
    this.idle.length = 0;
    await Promise.all(threads.map((thread) => thread.end()));
  }
}

interface Current {
  readonly onBytes: (bytes: number) => void;
  readonly resolve: (result: Ingested) => void;
  readonly reject: (error: unknown) => void;
}

/** One worker. Its listeners stay for its whole life: those of a Worker that are removed and added again hear nothing (Node 20). */
class IngestThread {
  isAlive = true;
  private readonly worker = new Worker(new URL('./ingest-worker.js', import.meta.url));
  private current: Current | undefined;

  constructor() {
    this.worker.on('message', (message: WorkerMessage) => this.hear(message));
    this.worker.on('error', (error) => this.fail(error));
    this.worker.on('exit', (code) => this.fail(new Error(`the worker that takes layers in ended with ${code}`)));
  }

  run(job: IngestJob, onBytes: (bytes: number) => void): Promise<Ingested> {
    return new Promise((resolve, reject) => {
      this.current = { onBytes, resolve, reject };
      this.worker.postMessage(job);
    });
  }

  private hear(message: WorkerMessage): void {
    const { current } = this;
    if (message.kind === 'bytes') {
      current?.onBytes(message.bytes);
      return;
    }
    this.current = undefined;
    if (message.kind === 'done') current?.resolve(message.result);
    else current?.reject(message.code === undefined ? new Error(message.text) : new PlyfsError(message.code, message.text));
  }

  private fail(error: unknown): void {
    this.isAlive = false;
    this.current?.reject(error);
    this.current = undefined;
  }

  async end(): Promise<void> {
    await this.worker.terminate();
  }
}
