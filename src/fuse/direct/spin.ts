/** Waiting for the next request: polls the device for a moment without blocking, then sleeps.
 *
 *  On an idle machine a sleeping reader costs each request the wake-up of a halted CPU (about 50 us here); a reader that is still
 *  looking when the next request comes saves it. Looking is worth nothing when requests come rarely, and costs others their CPU on a
 *  busy machine. So it is bounded (spinUs after the last request) and keeps an account: what it finds counts for it, what it does not
 *  find and being thrown off the CPU meanwhile counts against it, and while the account is in debt the reader sleeps at once and tries
 *  again only now and then. A mount without requests sleeps: nothing is spent on it. */

import { errno } from '../../base/errno.js';
import type { Counters } from '../../observe/counters.js';
import { readDevice } from '../../sys/device.js';
import { pollIn } from '../../sys/poll.js';
import type { Jobs } from '../io/jobs.js';
import type { Awake } from './awake.js';

/** The account: a find earns one, a miss costs one, a gap costs four; spinning needs a positive balance, which is at most `creditMax`. */
const creditMax = 8;
const gapCost = 4;
/** Two looks at the device further apart than this: somebody else had the CPU. */
const gapMs = 0.15;
/** In debt: so many sleeps until the next trial, doubled after each failed one. */
const pauseMin = 8;
const pauseMax = 512;

export class Spin {
  private credit = creditMax;
  private pause = pauseMin;
  private sleepsLeft = 0;
  private readonly spinMs: number;

  constructor(
    private readonly device: number,
    private readonly buffer: Buffer,
    spinUs: number,
    private readonly counters: Counters,
    private readonly awake: Awake,
    private readonly idle: () => boolean,
  ) {
    this.spinMs = spinUs / 1000;
  }

  /** The length of the next request, or minus errno as readDevice; -EAGAIN says to look again (a job of `jobs` may have ended, or `patienceMs` be over: -1 is
   *  never). */
  wait(jobs: Jobs, patienceMs: number): number {
    const begin = performance.now();
    const length = this.spinMs > 0 && this.mayTry() ? this.look(begin, jobs) : -errno.EAGAIN;
    // Work ahead goes on until somebody asks or there is none left; only then we sleep.
    if (length === -errno.EAGAIN) return this.idle() ? length : this.sleep(begin, jobs, patienceMs);
    if (length > 0) this.awake.arrived(performance.now() - begin);
    return length;
  }

  private sleep(begin: number, jobs: Jobs, patienceMs: number): number {
    this.counters.add('sleeps');
    const patiences = [patienceMs, this.awake.patienceMs].filter((ms) => ms >= 0);
    const ready = pollIn(this.device, jobs.wakeFd, patiences.length === 0 ? -1 : Math.min(...patiences));
    if (ready === 0) this.awake.rest();
    if ((ready & 2) !== 0) jobs.drain();
    if ((ready & 1) === 0) return -errno.EAGAIN;
    this.awake.arrived(performance.now() - begin);
    return readDevice(this.device, this.buffer);
  }

  private mayTry(): boolean {
    if (this.credit > 0) return true;
    if (--this.sleepsLeft > 0) return false;
    this.credit = 1;
    return true;
  }

  private look(begin: number, jobs: Jobs): number {
    let last = begin;
    for (;;) {
      const length = readDevice(this.device, this.buffer);
      const now = performance.now();
      if (now - last > gapMs) this.lose(gapCost);
      if (length !== -errno.EAGAIN) {
        this.win();
        return length;
      }
      if (now - begin > this.spinMs) break;
      if (jobs.running > 0 && jobs.hasEnded) return length;
      last = this.idle() ? performance.now() : now;
    }
    this.lose(1);
    return -errno.EAGAIN;
  }

  private win(): void {
    this.counters.add('spinHits');
    if (this.credit < creditMax) this.credit++;
    this.pause = pauseMin;
  }

  private lose(cost: number): void {
    this.credit -= cost;
    if (this.credit > 0) return;
    this.credit = 0;
    this.sleepsLeft = this.pause;
    this.pause = Math.min(this.pause * 2, pauseMax);
  }
}
