/** Takes layers in on worker threads, one for each processor at most. Small ones are done here: a thread costs more than they do. */

import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { PlyfsError } from '../base/errors.js';
import { type Ingested, type IngestJob, ingest } from './ingest.js';

export type WorkerMessage =
  | { kind: 'bytes'; bytes: number }
  | { kind: 'done'; result: Ingested }
  | { kind: 'failed'; code: string | undefined; text: string };

/** Starting a thread takes about as long as hashing and writing this much. */
const inlineBytes = 4 * 1024 * 1024;

export class IngestPool {
  readonly size = availableParallelism();
  private readonly idle: Worker[] = [];
  private readonly all = new Set<Worker>();

  /** As `ingest`. PRE: not more than `size` at a time. */
  run(job: IngestJob, onBytes: (bytes: number) => void): Promise<Ingested> {
    if (job.location.size <= inlineBytes) return ingest(job, onBytes);
    const worker = this.idle.pop() ?? this.start();
    return new Promise((resolve, reject) => {
      const end = (): void => {
        worker.removeAllListeners();
      };
      worker.on('message', (message: WorkerMessage) => {
        if (message.kind === 'bytes') return onBytes(message.bytes);
        end();
        this.idle.push(worker);
        if (message.kind === 'done') resolve(message.result);
        else reject(message.code === undefined ? new Error(message.text) : new PlyfsError(message.code, message.text));
      });
      worker.on('error', (error) => {
        end();
        this.all.delete(worker);
        reject(error);
      });
      worker.postMessage(job);
    });
  }

  private start(): Worker {
    const worker = new Worker(new URL('./ingest-worker.js', import.meta.url));
    this.all.add(worker);
    return worker;
  }

  /** Ends the threads; jobs under way are given up. */
  async close(): Promise<void> {
    const workers = [...this.all];
    this.all.clear();
    this.idle.length = 0;
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}
