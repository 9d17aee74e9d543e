/** Keeps idle CPUs from halting while a burst of requests lasts.
 *
 *  Half of a round trip is waking the caller: it sleeps on a CPU that has nothing else to do, so that CPU halts, and to wake a halted CPU
 *  costs more than all the rest of the request, above all in a virtual machine, where it means two exits to the host. Spinning
 *  (spin.ts) spares the daemon's wake-up, this the caller's. The wish concerns all CPUs of the machine and costs their rest, so it is
 *  made in a burst only and taken back soon after it; the kernel takes it back too when the daemon ends, however it ends. */

import type { Counters } from '../../observe/counters.js';
import { keepCpusAwake } from '../../sys/latency.js';
import { closeFd } from '../../sys/open.js';

/** A request that comes so soon after the last answer belongs to a burst, in milliseconds. */
const quickMs = 0.2;
/** So many quick requests make a burst. A slow one counts against `slowCost` of them; with none left the burst is over. */
const burstMin = 16;
const quickMax = 64;
const slowCost = 4;
/** Without any request the burst is over after this time, in milliseconds. */
const restMs = 3;

export class Awake {
  private quick = 0;
  private fd: number | undefined;

  constructor(
    private isAllowed: boolean,
    private readonly counters: Counters,
  ) {}

  /** How long to sleep before `rest` is to be called, in milliseconds; -1: for ever. */
  get patienceMs(): number {
    return this.fd === undefined ? -1 : restMs;
  }

  /** A request came, `waitedMs` after we began to wait for one. */
  arrived(waitedMs: number): void {
    if (waitedMs > quickMs) this.quick -= slowCost;
    else if (this.quick < quickMax) this.quick++;
    if (this.quick <= 0) this.rest();
    else if (this.fd === undefined && this.quick >= burstMin && this.isAllowed) this.hold();
  }

  /** The burst is over. */
  rest(): void {
    this.quick = 0;
    if (this.fd === undefined) return;
    closeFd(this.fd);
    this.fd = undefined;
  }

  private hold(): void {
    this.fd = keepCpusAwake();
    if (this.fd === undefined) this.isAllowed = false;
    else this.counters.add('bursts');
  }
}
