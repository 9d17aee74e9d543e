/** Reading a blob: one stream of bytes for the caller, however often the body breaks, whatever the server makes of Range, and whichever of the
 *  mirrors has it (RFC 9110, 14: Range, Content-Range, If-Range). */

import type { Digest } from '../base/digest.js';
import { PlyfsError } from '../base/errors.js';
import type { Answer } from './answer.js';
import type { Attempts } from './attempts.js';
import { failed, networkFailure, type Place } from './failure.js';
import { networkCode, Trouble } from './trouble.js';

export interface BlobOptions {
  readonly signal?: AbortSignal | undefined;
  /** Bytes of the whole blob, as its descriptor says. More or fewer are refused; undefined where nobody knows. */
  readonly size?: number | undefined;
  /** First byte wanted, 0 by default. The bytes before it need not be sent again, and are not. */
  readonly offset?: number;
  /** Bytes wanted from `offset` on; by default all. */
  readonly length?: number;
  /** Where a foreign layer lies if the registry has it not (descriptor `urls`); only https is used. */
  readonly urls?: readonly string[] | undefined;
}

/** One place that may have the blob. */
export interface BlobSite {
  readonly authority: string;
  readonly place: Place;
  get(headers: Readonly<Record<string, string>>): Promise<Answer>;
  refusal(answer: Answer): Promise<PlyfsError>;
}

/** The bytes that `options` ask for, each once. PRE: `attempts` is this reading's own. PlyfsError `registry-absent`, `digest` for a size that is
 *  not the descriptor's, and what failure.ts makes of the rest. */
export async function* readBlob(
  sites: readonly BlobSite[],
  digest: Digest,
  options: BlobOptions,
  attempts: Attempts,
): AsyncGenerator<Uint8Array, void, undefined> {
  const reading = new Reading(digest, options, attempts);
  for (const [at, site] of sites.entries()) {
    const before = reading.got;
    try {
      yield* reading.from(site);
      return;
    } catch (error) {
      // What a mirror cannot give, the next one may; bytes that were wrong have gone out already.
      const isHopeless = !(error instanceof PlyfsError) || (error.code === 'digest' && reading.got > before);
      if (isHopeless || at === sites.length - 1) throw error;
    }
  }
}

class Reading {
  /** Bytes up to here are with the caller. */
  got: number;
  private readonly end: number | undefined;
  private readonly wantsAll: boolean;
  private etag: string | undefined;
  /** The server answers Range with something else than what was asked for. */
  private avoidsRange = false;

  constructor(
    private readonly digest: Digest,
    private readonly options: BlobOptions,
    private readonly attempts: Attempts,
  ) {
    const { offset = 0, length, size } = options;
    this.got = offset;
    this.end = length === undefined ? size : Math.min(offset + length, size ?? Number.MAX_SAFE_INTEGER);
    this.wantsAll = length === undefined;
  }

  async *from(site: BlobSite): AsyncGenerator<Uint8Array, void, undefined> {
    this.avoidsRange = false;
    this.etag = undefined;
    while (this.end === undefined || this.got < this.end || (this.end === 0 && this.wantsAll)) {
      const answer = await site.get(this.headers());
      const start = await this.startOf(answer, site);
      if (start === 'complete') return;
      if (start === 'again') continue;
      const broken = yield* this.bodyOf(answer, start, site);
      if (broken === undefined) return;
      const size = this.end === undefined ? '' : ` of ${this.end}`;
      const repeats = await this.attempts.again(
        `${site.authority} broke off ${this.digest.slice(0, 19)} at byte ${this.got}${size}`,
      );
      if (!repeats) throw networkFailure(broken, site.place);
    }
  }

  private headers(): Record<string, string> {
    const from = this.got;
    if (this.avoidsRange || (from === 0 && this.wantsAll)) return {};
    const last = this.wantsAll || this.end === undefined ? '' : this.end - 1;
    return { Range: `bytes=${from}-${last}`, ...(this.etag === undefined ? {} : { 'If-Range': this.etag }) };
  }

  /** The offset in the blob at which the body begins. */
  private async startOf(answer: Answer, site: BlobSite): Promise<number | 'complete' | 'again'> {
    const { size } = this.options;
    if (answer.status === 200) {
      const length = answer.count('content-length');
      if (size !== undefined && length !== undefined && length !== size) {
        await answer.discard();
        throw this.wrongSize(site, length, size);
      }
      this.noteTag(answer);
      return 0;
    }
    if (answer.status !== 206 && answer.status !== 416) throw await site.refusal(answer);
    const { start, total } = contentRange(answer.header('content-range') ?? '');
    if (size !== undefined && total !== undefined && total !== size) {
      await answer.discard();
      throw this.wrongSize(site, total, size);
    }
    if (answer.status === 206 && start !== undefined && start <= this.got) {
      this.noteTag(answer);
      return start;
    }
    await answer.discard();
    if (answer.status === 416 && total !== undefined && total === this.got) return 'complete';
    if (this.avoidsRange)
      throw failed('registry-answer', site.place, `${site.authority} sends another part of a blob than was asked for`);
    this.avoidsRange = true;
    return 'again';
  }

  /** A weak tag does not do for parts (RFC 9110, 13.1.5). */
  private noteTag(answer: Answer): void {
    const tag = answer.header('etag');
    this.etag = tag?.startsWith('"') === true ? tag : undefined;
  }

  /** Passes on what is new. Returns why the body ended too early, undefined where all is here. */
  private async *bodyOf(answer: Answer, start: number, site: BlobSite): AsyncGenerator<Uint8Array, Error | undefined, undefined> {
    let at = start;
    try {
      for await (const chunk of answer.body()) {
        const fresh = chunk.subarray(Math.max(0, this.got - at));
        at += chunk.length;
        if (fresh.length === 0) continue;
        if (this.end !== undefined && at > this.end) {
          if (this.wantsAll) throw this.wrongSize(site, undefined, this.end);
          yield fresh.subarray(0, this.end - this.got);
          this.got = this.end;
          return undefined;
        }
        this.got += fresh.length;
        this.attempts.progressed(fresh.length);
        yield fresh;
      }
    } catch (error) {
      this.options.signal?.throwIfAborted();
      if (networkCode(error) === '' || !(error instanceof Error)) throw error;
      return error;
    }
    if (this.end === undefined || this.got >= this.end) return undefined;
    return new Trouble('body', site.authority, `sent ${this.got} of ${this.end} bytes of ${this.digest}: try again`);
  }

  private wrongSize(site: BlobSite, actual: number | undefined, size: number): PlyfsError {
    const what = actual === undefined ? `is longer than the ${size} bytes` : `is ${actual} bytes long, not ${size}`;
    const sentence = `${this.digest} at ${site.authority} ${what} that the manifest names: the image is damaged there, pull it again or push it anew`;
    return failed('digest', site.place, sentence);
  }
}

/** `bytes 5-9/10` or `bytes * /10` (without the blank). */
function contentRange(header: string): { start: number | undefined; total: number | undefined } {
  const [, start, total] = /^bytes\s+(?:(\d{1,15})-\d{1,15}|\*)\/(\d{1,15}|\*)$/.exec(header.trim()) ?? [];
  return {
    start: start === undefined ? undefined : Number(start),
    total: total === undefined || total === '*' ? undefined : Number(total),
  };
}
