/** How often a call is made, and the waits between: one budget for the request, its token and its body, so that no repetition happens
 *  inside another. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Limits } from '../base/limits.js';

/** After so many bytes a body that breaks has got on, and its attempts count anew. */
const progressBytes = 1024 ** 2;

export class Attempts {
  private made = 1;
  private newBytes = 0;

  constructor(
    private readonly limits: Limits,
    private readonly signal: AbortSignal | undefined,
    private readonly onRetry: (sentence: string) => void = () => {},
  ) {}

  /** Waits and resolves to true, or to false where enough attempts were made. `trouble` is what the user is told; `pauseMs` is what the
   *  other side asked for. Rejects with the signal's reason. */
  async again(trouble: string, pauseMs?: number): Promise<boolean> {
    const { attempts, retryMs, pauseMs: longest } = this.limits;
    if (this.made >= attempts || (pauseMs !== undefined && pauseMs > longest)) return false;
    const waitMs = pauseMs ?? retryMs * 2 ** (this.made - 1) * (0.75 + Math.random() / 2);
    this.made += 1;
    this.onRetry(`${trouble}; attempt ${this.made} of ${attempts} in ${Math.ceil(waitMs / 1000)} s`);
    try {
      await sleep(waitMs, undefined, this.signal === undefined ? {} : { signal: this.signal });
    } catch (error) {
      this.signal?.throwIfAborted();
      throw error;
    }
    return true;
  }

  progressed(bytes: number): void {
    this.newBytes += bytes;
    if (this.newBytes < progressBytes) return;
    this.newBytes = 0;
    this.made = 1;
  }
}

/** What `Retry-After` asks for, in milliseconds: seconds or a date (RFC 9110, 10.2.3); undefined where it says nothing one understands. */
export function pauseFrom(header: string | undefined, now = Date.now()): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d+$/.test(header.trim())) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
