/** The one function that asks a host: it follows redirects, repeats what failed on the way, and gives a body that ends in an error if it
 *  stalls. Nothing else repeats a request (blob.ts and upload.ts go on where a body broke, out of the same Attempts).
 *  Authorization goes to the origin it was made for, never along a redirect to another one. */

import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Limits } from '../base/limits.js';
import { trace } from '../observe/trace.js';
import { Answer } from './answer.js';
import { type Attempts, pauseFrom } from './attempts.js';
import type { Connections } from './connections.js';
import { atHost, networkCode, Trouble, troubleWords } from './trouble.js';

/** Bytes to send that can be read again: then the request can be repeated. */
export interface RequestBody {
  readonly sizeBytes: number;
  open(): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

export interface HttpCall {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** For the origin of `url` alone. */
  readonly authorization?: string | undefined;
  readonly body?: RequestBody | undefined;
  readonly attempts: Attempts;
  /** False: the caller goes on by itself after a failure (a chunk of an upload). */
  readonly isRepeated?: boolean;
  readonly signal?: AbortSignal | undefined;
  /** The body is a document of so many bytes at most: one that breaks is asked for again. */
  readonly documentBytes?: number;
  /** How long a finished request may wait for its answer; by default as long as a stall. */
  readonly answerMs?: number;
}

const maxRedirects = 5;
const repeatedStatuses = new Set([408, 429, 500, 502, 503, 504]);
const redirectStatuses = new Set([301, 302, 303, 307, 308]);
/** What a second attempt may change. */
const passingCodes = new Set(['ECONNRESET', 'EPIPE']);
/** The same, but only where the host has answered before: else there is no such host, or nobody listens. */
const passingLaterCodes = new Set([
  'ENOTFOUND',
  'EAI_AGAIN',
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'stall',
]);

export class Http {
  /** Origins that have answered in this session. */
  private readonly known = new Set<string>();

  constructor(
    private readonly connections: Connections,
    private readonly limits: Limits,
  ) {}

  /** The answer, whatever its status; its body is the caller's to read or discard. Rejects with Trouble, Node's network errors, or the
   *  reason of the signal. */
  async request(call: HttpCall): Promise<Answer> {
    for (;;) {
      const answer = await this.orTrouble(call);
      if (call.isRepeated === false) return answer;
      // A signed address may have expired: the registry gives a new one.
      const isStaleRedirect =
        call.method === 'GET' &&
        answer.url.origin !== call.url.origin &&
        answer.status >= 400 &&
        answer.status !== 404 &&
        answer.status !== 416;
      if (!repeatedStatuses.has(answer.status) && !isStaleRedirect) return answer;
      const repeats = await call.attempts.again(
        `${answer.url.host} answers ${answer.status}`,
        pauseFrom(answer.header('retry-after')),
      );
      if (!repeats) return answer;
      await answer.discard();
    }
  }

  /** Repeats what ended without an answer. */
  private async orTrouble(call: HttpCall): Promise<Answer> {
    for (;;) {
      try {
        const answer = await this.followed(call);
        if (call.documentBytes !== undefined) await answer.readAhead(call.documentBytes);
        return answer;
      } catch (error) {
        call.signal?.throwIfAborted();
        if (call.isRepeated === false || !this.isPassing(error, call.url)) throw error;
        if (!(await call.attempts.again(`${call.url.host} ${troubleWords(error)}`))) throw error;
      }
    }
  }

  private isPassing(error: unknown, url: URL): boolean {
    const code = networkCode(error);
    return passingCodes.has(code) || (passingLaterCodes.has(code) && this.known.has(url.origin));
  }

  private async followed(call: HttpCall): Promise<Answer> {
    let url = call.url;
    for (let redirects = 0; ; redirects++) {
      const answer = await this.onFreshSocket(call, url);
      this.known.add(url.origin);
      const target = redirectOf(answer, call);
      if (target === undefined) return answer;
      await answer.discard();
      if (redirects === maxRedirects) throw new Trouble('redirects', call.url.host, String(maxRedirects));
      checkRedirect(url, target);
      url = target;
    }
  }

  /** A socket that was kept may be closed at the other end just now: that costs no attempt. */
  private async onFreshSocket(call: HttpCall, url: URL): Promise<Answer> {
    for (let isFirst = true; ; isFirst = false) {
      let request: ClientRequest | undefined;
      try {
        return await this.exchange(call, url, (opened) => {
          request = opened;
        });
      } catch (error) {
        const code = networkCode(error);
        const isStale =
          call.isRepeated !== false && request?.reusedSocket === true && (code === 'ECONNRESET' || code === 'EPIPE');
        if (!isFirst || !isStale || call.signal?.aborted === true) throw error;
      }
    }
  }

  private async exchange(call: HttpCall, url: URL, onOpen: (request: ClientRequest) => void): Promise<Answer> {
    call.signal?.throwIfAborted();
    // A query may be a signature.
    trace('registry', () => `> ${call.method} ${url.origin}${url.pathname}`);
    const request = this.connections.open(call.method, url, headersOf(call, url), call.signal);
    onOpen(request);
    const message = await this.answerTo(request, call, url);
    trace('registry', () => `< ${message.statusCode} ${url.origin}${url.pathname}`);
    return new Answer(message, url, this.limits.stallMs);
  }

  private answerTo(request: ClientRequest, call: HttpCall, url: URL): Promise<IncomingMessage> {
    const { stallMs } = this.limits;
    return new Promise((resolve, reject) => {
      // Node tells of an end only once there is a connection, for which a proxy may let us wait.
      const end = (error: unknown): void => {
        reject(error);
        request.destroy();
      };
      const stall = (ms: number) => setTimeout(() => end(new Trouble('stall', url.host, `${ms} ms`)), ms);
      const abort = (): void => end(call.signal?.reason);
      let timer = stall(stallMs);
      let isOver = false;
      const over = (): void => {
        isOver = true;
        clearTimeout(timer);
        call.signal?.removeEventListener('abort', abort);
      };
      call.signal?.addEventListener('abort', abort);
      request.on('close', over);
      request.on('response', (message) => {
        over();
        resolve(message);
      });
      request.on('error', (error) => {
        over();
        reject(atHost(error, url.host));
      });
      send(request, call.body, () => !isOver, timer).then(
        () => {
          if (isOver || call.answerMs === undefined) return;
          clearTimeout(timer);
          timer = stall(call.answerMs);
        },
        // What could not be read here is no fault of the network.
        end,
      );
    });
  }
}

/** Writes the body as fast as it is taken, and stops where the answer comes before its end. */
async function send(
  request: ClientRequest,
  body: RequestBody | undefined,
  goesOn: () => boolean,
  timer: NodeJS.Timeout,
): Promise<void> {
  if (body === undefined) {
    request.end();
    return;
  }
  for await (const chunk of body.open()) {
    if (request.destroyed) return;
    if (!goesOn()) {
      request.destroy();
      return;
    }
    if (!request.write(chunk)) await drained(request);
    // One that is over would begin anew.
    if (goesOn()) timer.refresh();
  }
  if (!request.destroyed) request.end();
}

function drained(request: ClientRequest): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      request.off('drain', done).off('close', done).off('response', done);
      resolve();
    };
    request.on('drain', done).on('close', done).on('response', done);
  });
}

function headersOf(call: HttpCall, url: URL): Record<string, string> {
  const isHome = url.origin === call.url.origin;
  return {
    'User-Agent': 'plyfs',
    // A layer must arrive as it lies there: whoever unpacks it on the way changes its digest.
    'Accept-Encoding': 'identity',
    ...call.headers,
    ...(call.authorization !== undefined && isHome ? { Authorization: call.authorization } : {}),
    ...(call.body === undefined ? {} : { 'Content-Length': String(call.body.sizeBytes) }),
    ...(call.body === undefined && ['POST', 'PUT', 'PATCH'].includes(call.method) ? { 'Content-Length': '0' } : {}),
  };
}

/** Where the answer sends us; undefined where it does not, or where following would change the method. */
function redirectOf(answer: Answer, call: HttpCall): URL | undefined {
  const location = answer.header('location');
  if (!redirectStatuses.has(answer.status) || location === undefined) return undefined;
  const keepsMethod = call.method === 'GET' || call.method === 'HEAD' || answer.status === 307 || answer.status === 308;
  if (!keepsMethod) return undefined;
  if (!URL.canParse(location, answer.url.href)) throw new Trouble('redirect-refused', answer.url.host, 'what is no address');
  return new URL(location, answer.url);
}

function checkRedirect(from: URL, to: URL): void {
  if (to.protocol === 'https:' || (to.protocol === 'http:' && from.protocol === 'http:')) return;
  const what = to.protocol === 'http:' ? `${to.host} without TLS` : `an address that begins with ${to.protocol}`;
  throw new Trouble('redirect-refused', from.host, what);
}
