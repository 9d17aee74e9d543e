/** The serving thread as the main thread sees it. It is started before anything is known of the mount, because starting a thread takes as
 *  long as all the rest: it loads the code while the main thread reads options, checks and mounts. For a driver that works in the main
 *  thread only it is ended again, and the same orders are obeyed here. */

import { Worker } from 'node:worker_threads';
import type { ErrorCode } from '../base/error-codes.js';
import { PlyfsError } from '../base/errors.js';
import type { Attachment } from '../fuse/driver.js';
import { servesInMainThread } from './drivers.js';
import type { ServeOrder, ServeReport } from './orders.js';
import { serveFile } from './thread-file.js';

export class ServingThread {
  private readonly worker: Worker;
  private tell: (order: ServeOrder) => void = (order) => this.worker.postMessage(order);
  private readonly waiting = new Map<ServeReport['kind'], () => void>();
  private failure: PlyfsError | undefined;
  private fail: ((error: PlyfsError) => void) | undefined;
  /** Resolves when the file system is unmounted; rejects with a PlyfsError when the thread failed or died, at whatever time. */
  readonly ended: Promise<void>;

  constructor() {
    this.worker = new Worker(serveFile, { name: 'plyfs-serve' });
    this.ended = new Promise((resolve, reject) => {
      this.waiting.set('ended', resolve);
      this.fail = reject;
    });
    // Whoever waits for `opened` or `ready` hears of it; until somebody waits it is no unhandled rejection.
    this.ended.catch(() => undefined);
    this.worker.on('message', (report: ServeReport) => this.hear(report));
    this.worker.on('error', (error) => this.broke('crashed', `the serving thread crashed: ${stackOf(error)}`));
    this.worker.on('exit', (status) => this.broke('ended', `the serving thread ended with ${status}`));
  }

  /** Opens the layers. PlyfsError with a sentence. */
  async open(order: Omit<Extract<ServeOrder, { kind: 'open' }>, 'kind'>): Promise<void> {
    if (servesInMainThread(order.driver)) await this.serveHere();
    const opened = this.until('opened');
    this.tell({ kind: 'open', ...order });
    return opened;
  }

  /** Serves the mount; resolves when it answers. `locks` are closed when it is gone. PRE: `open` resolved. */
  serve(attachment: Attachment, locks: readonly number[]): Promise<void> {
    this.tell({ kind: 'serve', attachment, locks });
    return this.until('ready');
  }

  /** From here on orders are obeyed in this thread. The other one leaves by itself: ended while it loads koffi, it would take the process
   *  with it. */
  private async serveHere(): Promise<void> {
    const { worker } = this;
    worker.removeAllListeners();
    worker.unref();
    worker.postMessage({ kind: 'leave' } satisfies ServeOrder);
    const { Server } = await import('./server.js');
    const server = new Server((report) => this.hear(report));
    this.tell = (order) => void server.obey(order);
  }

  private until(kind: ServeReport['kind']): Promise<void> {
    const heard = new Promise<void>((resolve) => this.waiting.set(kind, resolve));
    return Promise.race([heard, this.ended.then(() => Promise.reject(this.failure ?? endedEarly()))]);
  }

  private hear(report: ServeReport): void {
    if (report.kind === 'failed') this.broke(report.code, report.message, report.stack);
    else this.waiting.get(report.kind)?.();
  }

  /** The first failure counts; after `ended` none does. */
  private broke(code: ErrorCode, message: string, cause?: unknown): void {
    this.failure ??= new PlyfsError(code, message, { cause });
    this.fail?.(this.failure);
  }
}

function endedEarly(): PlyfsError {
  return new PlyfsError('ended', 'the mount was unmounted before it was ready');
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
