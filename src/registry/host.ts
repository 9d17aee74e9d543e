/** One host of a registry: whether it speaks TLS, how it wants to be authorised, and calls to it. The first call asks `/v2/`. */

import { PlyfsError } from '../base/errors.js';
import type { Answer } from './answer.js';
import type { Attempts } from './attempts.js';
import { type Challenge, parseChallenges } from './challenge.js';
import type { Credential } from './credential-files.js';
import { networkFailure, type Place, type Refusal, statusFailure } from './failure.js';
import type { Http, HttpCall, RequestBody } from './http.js';
import type { Secrets } from './secrets.js';
import { TokenRefused, type Tokens } from './tokens.js';
import { networkCode } from './trouble.js';

/** What a host is asked: `target` is a path from the root or, for uploads, the address that it gave. */
export interface HostCall {
  readonly method: HttpCall['method'];
  readonly target: string | URL;
  /** The repository at this host, for its credential; '' for none. */
  readonly path: string;
  /** `repository:team/app:pull` */
  readonly scopes: readonly string[];
  readonly place: Place;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: RequestBody | undefined;
  readonly attempts: Attempts;
  readonly signal: AbortSignal | undefined;
  /** The first request goes without authorization, whatever `/v2/` wants: it is not about images (search). */
  readonly isBareFirst?: boolean;
  readonly isRepeated?: boolean;
  readonly documentBytes?: number;
  readonly answerMs?: number;
}

interface Opened {
  readonly origin: string;
  readonly challenges: readonly Challenge[];
}

export interface HostContext {
  readonly http: Http;
  readonly tokens: Tokens;
  readonly secrets: Secrets;
  readonly isInsecure: boolean;
  /** The credential for a repository of this host. */
  findCredential(path: string): Promise<Credential | undefined>;
}

/** Of a text that explains an error. */
const errorBytes = 64 * 1024;
/** How it looks where a host does not speak TLS, or only its proxy without TLS knows it. */
const withoutTls = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPROTO',
  'ERR_SSL_WRONG_VERSION_NUMBER',
  'ERR_SSL_PACKET_LENGTH_TOO_LONG',
  'ERR_SSL_RECORD_LAYER_FAILURE',
  'ENOTFOUND',
  'EAI_AGAIN',
  'proxy',
]);

export class Host {
  private opening: { readonly opened: Promise<Opened>; readonly signal: AbortSignal | undefined } | undefined;

  constructor(
    /** `host:port` */
    readonly authority: string,
    private readonly context: HostContext,
  ) {}

  /** It may be asked without TLS. */
  get isInsecure(): boolean {
    return this.context.isInsecure;
  }

  /** The answer, whatever its status. PlyfsError for what happens on the way; rejects with the signal's reason. */
  async send(call: HostCall): Promise<Answer> {
    try {
      return await this.authorised(call);
    } catch (error) {
      call.signal?.throwIfAborted();
      throw this.failure(error, call);
    }
  }

  /** The answer if its status is one of `statuses`; PlyfsError otherwise. */
  async expect(call: HostCall, statuses: readonly number[]): Promise<Answer> {
    const answer = await this.send(call);
    if (statuses.includes(answer.status)) return answer;
    throw await this.refusal(call, answer);
  }

  /** The sentence for an answer that is no success; reads its body. */
  async refusal(call: HostCall, answer: Answer): Promise<PlyfsError> {
    return this.refusalFrom(await this.refusalOf(call, answer), call);
  }

  refusalFrom(refusal: Refusal, call: HostCall): PlyfsError {
    return statusFailure(refusal, call.place);
  }

  /** The same before it is a sentence. */
  async refusalOf(call: HostCall, answer: Answer): Promise<Refusal> {
    let text = '';
    try {
      text = (await answer.bytes(errorBytes))?.toString('utf8') ?? '';
    } catch {
      // The status says enough.
      call.signal?.throwIfAborted();
    }
    const credential = await this.context.findCredential(call.path);
    return {
      status: answer.status,
      text: this.context.secrets.hide(text),
      host: answer.url.host,
      hadCredential: credential !== undefined,
    };
  }

  /** How the host wants to be authorised, asked anew where nobody did yet. For `login`. */
  async open(call: Pick<HostCall, 'attempts' | 'signal' | 'place'>): Promise<Opened> {
    try {
      return await this.opened(call);
    } catch (error) {
      call.signal?.throwIfAborted();
      throw networkFailure(error, call.place);
    }
  }

  /** `/v2/` with this authorization, whatever is known of the registry. For `login`. */
  async probe(call: HostCall, authorization: string | undefined): Promise<Answer> {
    const { origin } = await this.open(call);
    try {
      return await this.ask(call, new URL('/v2/', origin), authorization);
    } catch (error) {
      call.signal?.throwIfAborted();
      throw this.failure(error, call);
    }
  }

  /** The sentence for what goes wrong in a conversation that `send` does not lead. */
  failure(error: unknown, call: HostCall): unknown {
    if (error instanceof TokenRefused) return statusFailure(this.tokenRefusal(error), call.place);
    return networkFailure(error, call.place);
  }

  private tokenRefusal({ answer, text, hadCredential }: TokenRefused): Refusal {
    // A service that does not like the question (400) gives no token either.
    const status = answer.status === 400 || answer.status === 404 ? 401 : answer.status;
    return { status, text: this.context.secrets.hide(text), host: answer.url.host, hadCredential };
  }

  private async authorised(call: HostCall): Promise<Answer> {
    const { tokens } = this.context;
    const { origin, challenges } = await this.opened(call);
    const credential = await this.context.findCredential(call.path);
    const url = this.urlOf(call.target, origin);
    const policy = { attempts: call.attempts, signal: call.signal };
    const isBare = call.isBareFirst === true || url.origin !== origin;
    const header = !isBare ? await tokens.header(challenges, call.scopes, credential, policy) : undefined;
    const answer = await this.ask(call, url, header);
    if (answer.status !== 401 || answer.url.origin !== origin) return answer;
    const asked = parseChallenges(answer.headers('www-authenticate'));
    const second = await tokens.header(asked.length === 0 ? challenges : asked, call.scopes, credential, policy, header);
    if (second === undefined || second === header) return answer;
    await answer.discard();
    return this.ask(call, url, second);
  }

  private ask(call: HostCall, url: URL, authorization: string | undefined): Promise<Answer> {
    if (authorization !== undefined) this.context.secrets.add(authorization.slice(authorization.indexOf(' ') + 1));
    return this.context.http.request({ ...call, url, authorization });
  }

  /** Registries behind a proxy that ends TLS may name themselves with http: their own address is asked as before. */
  private urlOf(target: string | URL, origin: string): URL {
    const url = new URL(target, origin);
    const home = new URL(origin);
    if (home.protocol !== 'https:' || url.protocol === 'https:') return url;
    if (url.hostname === home.hostname) return new URL(url.pathname + url.search, origin);
    throw new PlyfsError(
      'registry-answer',
      `${this.authority} sends us to ${url.host} without TLS, which plyfs does not follow: tell its administrator`,
    );
  }

  private async opened(call: Pick<HostCall, 'attempts' | 'signal'>): Promise<Opened> {
    for (;;) {
      this.opening ??= { opened: this.ping(call), signal: call.signal };
      const opening = this.opening;
      try {
        return await opening.opened;
      } catch (error) {
        if (this.opening === opening) this.opening = undefined;
        // Who asked first may have given up: that is not our end.
        if (opening.signal === call.signal || opening.signal?.aborted !== true) throw error;
      }
    }
  }

  /** An insecure host is asked with TLS first all the same. */
  private async ping(call: Pick<HostCall, 'attempts' | 'signal'>): Promise<Opened> {
    if (!this.context.isInsecure) return this.pingAt('https', call, true);
    try {
      return await this.pingAt('https', call, false);
    } catch (error) {
      if (!withoutTls.has(networkCode(error))) throw error;
    }
    return this.pingAt('http', call, true);
  }

  private async pingAt(scheme: string, call: Pick<HostCall, 'attempts' | 'signal'>, isRepeated: boolean): Promise<Opened> {
    const url = new URL(`${scheme}://${this.authority}/v2/`);
    const answer = await this.context.http.request({
      method: 'GET',
      url,
      isRepeated,
      attempts: call.attempts,
      signal: call.signal,
    });
    const challenges = answer.status === 401 ? parseChallenges(answer.headers('www-authenticate')) : [];
    await answer.discard();
    // 404 and 403 of some registries say nothing about the rest; a redirect from http to https does.
    const isSameHost = answer.url.hostname === url.hostname;
    return { origin: isSameHost ? answer.url.origin : url.origin, challenges };
  }
}
