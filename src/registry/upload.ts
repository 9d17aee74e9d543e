/** Sending a blob: not at all where it is there already, mounted from a neighbour, or uploaded in pieces that go on after a break
 *  (distribution-spec, "Pushing blobs"). Where an upload stands is what the registry's answer says, never our own arithmetic: it may lose
 *  bytes, or the whole upload. */

import type { Digest } from '../base/digest.js';
import { PlyfsError } from '../base/errors.js';
import type { Limits } from '../base/limits.js';
import type { Answer } from './answer.js';
import { type Attempts, pauseFrom } from './attempts.js';
import { failed, networkFailure } from './failure.js';
import { Feed } from './feed.js';
import { headBlob } from './head-blob.js';
import type { HostCall } from './host.js';
import { type RepositorySite, scopeOf } from './site.js';
import type { UploadSource } from './upload-source.js';

export interface UploadOptions {
  readonly signal?: AbortSignal | undefined;
  /** Bytes that were sent; goes back where the registry lost some. */
  readonly onProgress?: (doneBytes: number) => void;
  /** Other repositories of the same registry (paths) in which the blob may lie: tried first, in order, 3 at most. */
  readonly mountFrom?: readonly string[];
}

/** How a blob came to be in the repository. */
export type Uploaded =
  | { readonly kind: 'exists' }
  | { readonly kind: 'mounted'; readonly from: string }
  | { readonly kind: 'sent' };

const maxMounts = 3;
/** A registry may hash and copy the whole blob before it answers the last piece. */
const lastAnswerMs = 5 * 60_000;
const deleteMs = 3000;

/** An upload that the registry began. */
interface Session {
  /** Where the next piece goes; each answer names another place. */
  location: URL;
  /** Bytes that the registry has. */
  offset: number;
  /** Pieces must not be smaller, but for the last. */
  readonly leastBytes: number;
}

/** Whether the blob was taken over from `from`, a repository of the same registry. */
export async function mountBlob(site: RepositorySite, digest: Digest, from: string, attempts: Attempts): Promise<boolean> {
  const mounted = await startMount(site, digest, from, attempts);
  if (mounted !== true) await abandon(site, mounted, digest);
  return mounted === true;
}

/** True, or the upload that the registry begins instead. */
async function startMount(site: RepositorySite, digest: Digest, from: string, attempts: Attempts): Promise<true | Session> {
  const query = `blobs/uploads/?mount=${encodeURIComponent(digest)}&from=${encodeURIComponent(from)}`;
  const call = site.call('POST', query, digest, {}, 'push', attempts);
  const answer = await site.host.expect({ ...call, scopes: [...call.scopes, scopeOf(from, 'pull')] }, [201, 202]);
  await answer.discard();
  return answer.status === 201 ? true : sessionFrom(answer, call);
}

/** PRE: the blob is not in the repository. PlyfsError as failure.ts; what was begun there is deleted. */
export async function uploadBlob(
  site: RepositorySite,
  source: UploadSource,
  options: UploadOptions,
  attempts: Attempts,
  limits: Limits,
): Promise<Uploaded> {
  const mounted = await mountedFrom(site, source.digest, (options.mountFrom ?? []).slice(0, maxMounts), attempts);
  if (typeof mounted === 'string') return { kind: 'mounted', from: mounted };
  await new Upload(site, source, options, attempts, limits, mounted).run();
  return { kind: 'sent' };
}

/** The first of `places` that has the blob, or the upload that the registry began instead, if any. */
async function mountedFrom(
  site: RepositorySite,
  digest: Digest,
  places: readonly string[],
  attempts: Attempts,
): Promise<string | Session | undefined> {
  let session: Session | undefined;
  try {
    for (const from of places) {
      const mounted = await triedMount(site, digest, from, attempts);
      if (mounted === true) {
        await abandon(site, session, digest);
        return from;
      }
      // One upload is enough.
      if (session === undefined) session = mounted;
      else await abandon(site, mounted, digest);
    }
    return session;
  } catch (error) {
    await abandon(site, session, digest);
    throw error;
  }
}

/** A mount that is refused (no right to read there) is no reason to stop. */
async function triedMount(
  site: RepositorySite,
  digest: Digest,
  from: string,
  attempts: Attempts,
): Promise<true | Session | undefined> {
  try {
    return await startMount(site, digest, from, attempts);
  } catch (error) {
    if (error instanceof PlyfsError && ['registry-denied', 'registry-absent', 'registry-answer'].includes(error.code))
      return undefined;
    throw error;
  }
}

class Upload {
  private readonly feed: Feed;
  /** The registry takes no pieces: everything goes in one request. */
  private isWhole = false;
  private wrongDigests = 0;

  constructor(
    private readonly site: RepositorySite,
    private readonly source: UploadSource,
    private readonly options: UploadOptions,
    private readonly attempts: Attempts,
    private readonly limits: Limits,
    private session: Session | undefined,
  ) {
    this.feed = new Feed(source, (done) => options.onProgress?.(done));
  }

  async run(): Promise<void> {
    try {
      while (!(await this.step())) {
        // one piece after another
      }
    } catch (error) {
      if (this.session !== undefined) await abandon(this.site, this.session, this.source.digest);
      throw error;
    } finally {
      await this.feed.close();
    }
  }

  /** Sends the next piece, the last one with the digest. True: the blob is there. */
  private async step(): Promise<boolean> {
    this.session ??= await this.begin();
    const { session } = this;
    const left = this.source.sizeBytes - session.offset;
    const piece = this.isWhole ? left : Math.min(left, Math.max(this.limits.chunkBytes, session.leastBytes));
    const isLast = piece === left;
    const call = isLast ? this.lastCall(session, left) : this.pieceCall(session, piece);
    let answer: Answer;
    try {
      answer = await this.site.host.send(call);
    } catch (error) {
      this.options.signal?.throwIfAborted();
      await this.recover(error, call);
      return isLast && this.session === undefined && this.isThere();
    }
    return isLast ? this.finished(answer, call) : this.advanced(answer, call, session);
  }

  private async begin(): Promise<Session> {
    const call = this.site.call('POST', 'blobs/uploads/', this.source.digest, {}, 'push', this.attempts);
    const answer = await this.site.host.expect(call, [202]);
    await answer.discard();
    return sessionFrom(answer, call);
  }

  private pieceCall(session: Session, piece: number): HostCall {
    const range = `${session.offset}-${session.offset + piece - 1}`;
    return this.callTo('PATCH', session.location, session.offset, piece, { 'Content-Range': range });
  }

  private lastCall(session: Session, left: number): HostCall {
    const target = new URL(session.location);
    target.searchParams.set('digest', this.source.digest);
    return { ...this.callTo('PUT', target, session.offset, left, {}), answerMs: Math.max(lastAnswerMs, this.limits.stallMs) };
  }

  private callTo(method: 'PATCH' | 'PUT', target: URL, offset: number, piece: number, headers: Record<string, string>): HostCall {
    const call = this.site.call(
      method,
      '',
      this.source.digest,
      { 'Content-Type': 'application/octet-stream', ...headers },
      'push',
      this.attempts,
    );
    const body = { sizeBytes: piece, open: () => this.feed.piece(offset, piece) };
    return { ...call, target, body, isRepeated: false };
  }

  private async advanced(answer: Answer, call: HostCall, session: Session): Promise<boolean> {
    if (answer.status !== 202 && answer.status !== 201 && answer.status !== 204) return this.refused(answer, call);
    await answer.discard();
    const had = session.offset;
    session.location = locationOf(answer, call) ?? session.location;
    const end = rangeEnd(answer);
    session.offset = end === undefined ? had + (call.body?.sizeBytes ?? 0) : end;
    if (session.offset > this.source.sizeBytes) this.session = undefined;
    if (session.offset > had) this.attempts.progressed(session.offset - had);
    else await this.orGiveUp(`${this.site.host.authority} keeps nothing of what it is sent`, undefined, call);
    return false;
  }

  private async finished(answer: Answer, call: HostCall): Promise<boolean> {
    if (answer.status !== 201 && answer.status !== 204) {
      await this.refused(answer, call);
      return this.session === undefined && answer.status >= 404 && this.isThere();
    }
    await answer.discard();
    this.session = undefined;
    return true;
  }

  /** The last piece may have arrived although its answer did not. */
  private async isThere(): Promise<boolean> {
    return (await headBlob(this.site, this.source.digest, this.attempts)) !== undefined;
  }

  /** An answer that is no success: what can be mended is begun again, the rest ends the upload. */
  private async refused(answer: Answer, call: HostCall): Promise<false> {
    const pause = pauseFrom(answer.header('retry-after'));
    const refusal = await this.site.host.refusalOf(call, answer);
    const sentence = this.site.host.refusalFrom(refusal, call);
    const { status, text, host } = refusal;
    if (status === 401 || status === 403) throw sentence;
    if (/DIGEST_INVALID|SIZE_INVALID/.test(text)) {
      this.session = undefined;
      this.wrongDigests += 1;
      if (this.wrongDigests === 1) return false;
      throw failed(
        'digest',
        call.place,
        `${host} received other bytes than were sent, twice: the way there damages data, or the layer changed meanwhile`,
      );
    }
    if (status === 408 || status === 429 || status >= 500) {
      if (!(await this.attempts.again(`${host} answers ${status}`, pause))) throw sentence;
      await this.findPlace(call);
      return false;
    }
    if (status === 404 || status === 416 || status === 409) {
      await this.orGiveUp(`${host} forgot the upload of ${this.source.digest.slice(0, 19)}`, sentence, call);
      this.session = undefined;
      return false;
    }
    // Registries that take no pieces say so in many ways.
    if (call.method !== 'PATCH' || this.isWhole) throw sentence;
    await abandon(this.site, this.session, this.source.digest);
    this.isWhole = true;
    this.session = undefined;
    return false;
  }

  /** After a break: waits, and asks where to go on. */
  private async recover(error: unknown, call: HostCall): Promise<void> {
    if (!(error instanceof PlyfsError) || !['registry-broken', 'registry-unreachable'].includes(error.code)) throw error;
    await this.orGiveUp(`${this.site.host.authority} broke off the upload`, error, call);
    await this.findPlace(call);
  }

  private async orGiveUp(trouble: string, error: unknown, call: HostCall): Promise<void> {
    if (await this.attempts.again(trouble)) return;
    throw error ?? failed('registry-broken', call.place, `${trouble}: try again later`);
  }

  /** Where the registry stands after something went wrong; an upload that it does not know is begun anew. */
  private async findPlace(failedCall: HostCall): Promise<void> {
    const { session } = this;
    if (session === undefined) return;
    const call = {
      ...failedCall,
      method: 'GET' as const,
      target: session.location,
      body: undefined,
      headers: {},
      isRepeated: true,
    };
    const answer = await this.site.host.send(call);
    await answer.discard();
    const end = answer.status === 204 || answer.status === 202 ? rangeEnd(answer) : undefined;
    if (end === undefined || end > this.source.sizeBytes || this.isWhole) {
      this.session = undefined;
      return;
    }
    session.offset = end;
    session.location = locationOf(answer, call) ?? session.location;
  }
}

function sessionFrom(answer: Answer, call: HostCall): Session {
  const location = locationOf(answer, call);
  if (location === undefined)
    throw failed('registry-answer', call.place, `${answer.url.host} begins an upload without saying where: is that a registry?`);
  return { location, offset: 0, leastBytes: answer.count('oci-chunk-min-length') ?? 0 };
}

/** Relative or whole, and with a query of its own. PlyfsError `registry-answer` for what is no address. */
function locationOf(answer: Answer, call: HostCall): URL | undefined {
  const text = answer.header('location');
  if (text === undefined) return undefined;
  if (URL.canParse(text, answer.url.href)) return new URL(text, answer.url);
  throw failed('registry-answer', call.place, `${answer.url.host} names a place for the upload that is no address`);
}

/** Bytes that the registry has by `Range: 0-END`; undefined where it does not say. An upload without a byte is `0-0` for some. */
function rangeEnd(answer: Answer): number | undefined {
  const end = /^(?:bytes[ =])?0-(-?\d{1,15})$/.exec(answer.header('range')?.trim() ?? '')?.[1];
  if (end === undefined) return undefined;
  return Number(end) <= 0 ? 0 : Number(end) + 1;
}

/** Deletes what was begun, as far as that works: the registry clears it by itself some day. */
async function abandon(site: RepositorySite, session: Session | undefined, digest: Digest): Promise<void> {
  if (session === undefined) return;
  const call = site.call('DELETE', '', digest, {}, 'push');
  try {
    const answer = await site.host.send({
      ...call,
      target: session.location,
      isRepeated: false,
      signal: AbortSignal.timeout(deleteMs),
    });
    await answer.discard();
  } catch (error) {
    const isTimeout = error instanceof DOMException;
    if (!isTimeout && !(error instanceof PlyfsError)) throw networkFailure(error, call.place);
  }
}
