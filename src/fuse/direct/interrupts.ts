/** INTERRUPT: a request that waits for bytes to move is of no use once its caller is being killed: it ends with EINTR, and nothing has changed.
 *
 *  The kernel sends one INTERRUPT for any signal, also for one that the caller handles (a child's end, a timer, Go's preemption). On a disk
 *  such a signal interrupts nothing and many programs cannot do with EINTR there; so it is looked again whether the caller is dying. */

import { isDying } from '../../sys/process.js';
import type { Jobs } from '../io/jobs.js';

/** Byte offsets of fuse_in_header. */
const uniqueAt = 8;
const pidAt = 32;
const againMs = 50;
const none: readonly Buffer[] = [];

export class Interrupts {
  /** `unique` of requests, as its bytes. */
  private waiting: Buffer[] = [];
  private nextAt = 0;

  constructor(private readonly jobs: Jobs) {}

  /** `unique`: the 8 bytes of the request that was interrupted. One that is not parked has been answered. */
  add(unique: Buffer): void {
    this.waiting.push(Buffer.from(unique));
    this.nextAt = 0;
  }

  /** How long may be slept before `dying` is to be asked, in milliseconds; -1: for ever. */
  get patienceMs(): number {
    return this.waiting.length === 0 ? -1 : againMs;
  }

  /** Parked requests whose callers are dying; they are parked no more. */
  dying(): readonly Buffer[] {
    if (this.waiting.length === 0) return none;
    const now = performance.now();
    if (now < this.nextAt) return none;
    this.nextAt = now + againMs;
    const ended: Buffer[] = [];
    this.waiting = this.waiting.filter((unique) => {
      const isMeant = (request: Buffer): boolean => request.compare(unique, 0, 8, uniqueAt, uniqueAt + 8) === 0;
      const request = this.jobs.find(isMeant);
      if (request === undefined) return false;
      if (!isDying(request.readUInt32LE(pidAt))) return true;
      this.jobs.take(isMeant);
      ended.push(request);
      return false;
    });
    return ended;
  }
}
