/** Authorization of one registry: Basic, or Bearer tokens from its token service (distribution's token.md and oauth.md). Tokens are kept for
 *  the session by service and scopes. */

import { PlyfsError } from '../base/errors.js';
import { JsonObject } from '../oci/json.js';
import type { Answer } from './answer.js';
import type { Attempts } from './attempts.js';
import { hostOf, isLoopback } from './authority.js';
import type { Challenge } from './challenge.js';
import type { Credential } from './credential-files.js';
import type { Http, RequestBody } from './http.js';

/** Shorter lives are not believed, and a token is renewed a little before its end. */
const shortestLifeMs = 60_000;
const renewMs = 10_000;
const tokenBytes = 1024 * 1024;
const clientId = 'plyfs';

export interface TokenRequest {
  readonly realm: URL;
  readonly service: string | undefined;
  readonly scopes: readonly string[];
  readonly credential: Credential | undefined;
  /** A refresh token is wanted too (login). */
  readonly isLogin?: boolean;
}

export interface TokenAnswer {
  readonly token: string;
  readonly refreshToken: string | undefined;
}

interface KeptToken {
  readonly header: string;
  readonly endsAt: number;
}

interface Keeping {
  readonly token: Promise<KeptToken>;
  readonly signal: AbortSignal | undefined;
}

/** The service refused, with its answer for the sentence. */
export class TokenRefused extends Error {
  constructor(
    readonly answer: Answer,
    readonly text: string,
    readonly hadCredential: boolean,
  ) {
    super(`token service answers ${answer.status}`);
  }
}

export interface CallPolicy {
  readonly attempts: Attempts;
  readonly signal: AbortSignal | undefined;
}

export class Tokens {
  private readonly kept = new Map<string, Keeping>();

  constructor(
    private readonly http: Http,
    /** The registry may be asked without TLS, so its token service may, too. */
    private readonly isInsecure: boolean,
  ) {}

  /** The header for `scopes` after this challenge; undefined where the scheme is none that plyfs knows, or wants a credential and there is none.
   *  `rejected` is a header that did not do: another one is asked for. */
  async header(
    challenges: readonly Challenge[],
    scopes: readonly string[],
    credential: Credential | undefined,
    policy: CallPolicy,
    rejected?: string,
  ): Promise<string | undefined> {
    if (credential?.kind === 'registry-token') return `Bearer ${credential.secret}`;
    const bearer = challenges.find(({ scheme, parameters }) => scheme === 'bearer' && parameters.has('realm'));
    if (bearer !== undefined) return this.bearer(bearer, scopes, credential, policy, rejected);
    const isBasic = challenges.some(({ scheme }) => scheme === 'basic');
    return isBasic && credential?.kind === 'password' ? basicHeader(credential) : undefined;
  }

  private async bearer(
    challenge: Challenge,
    scopes: readonly string[],
    credential: Credential | undefined,
    policy: CallPolicy,
    rejected: string | undefined,
  ): Promise<string> {
    const request: TokenRequest = {
      realm: realmOf(challenge, this.isInsecure),
      service: challenge.parameters.get('service'),
      scopes: [...new Set([...scopes, ...(challenge.parameters.get('scope') ?? '').split(' ')])]
        .filter((scope) => scope !== '')
        .sort(),
      credential,
    };
    const key = JSON.stringify([request.realm.href, request.service, request.scopes, credential]);
    // Calls of the same moment share one request; one that fails is not kept.
    for (;;) {
      const known = this.kept.get(key);
      const kept = known ?? { token: this.keep(request, policy), signal: policy.signal };
      this.kept.set(key, kept);
      try {
        const { header, endsAt } = await kept.token;
        // One that was made just now is returned even where it is the rejected one: the service has no other.
        if (known === undefined || (header !== rejected && endsAt > Date.now())) return header;
        if (this.kept.get(key) === kept) this.kept.delete(key);
      } catch (error) {
        if (this.kept.get(key) === kept) this.kept.delete(key);
        // Who asked first may have given up: that is not our end.
        if (known === undefined || kept.signal === policy.signal || kept.signal?.aborted !== true) throw error;
      }
    }
  }

  private async keep(request: TokenRequest, policy: CallPolicy): Promise<KeptToken> {
    const { token, lifeMs } = await fetchToken(this.http, request, policy);
    return { header: `Bearer ${token}`, endsAt: Date.now() + lifeMs - renewMs };
  }
}

export function basicHeader(credential: { user: string; secret: string }): string {
  return `Basic ${Buffer.from(`${credential.user}:${credential.secret}`).toString('base64')}`;
}

/** PlyfsError `registry-answer` for an address that is none or would carry credentials without TLS. */
export function realmOf(challenge: Challenge, isInsecure: boolean): URL {
  const text = challenge.parameters.get('realm') ?? '';
  const realm = URL.canParse(text) ? new URL(text) : undefined;
  const isHttp = realm?.protocol === 'http:';
  if (realm === undefined || (realm.protocol !== 'https:' && !isHttp)) {
    throw new PlyfsError(
      'registry-answer',
      `the registry names "${text.slice(0, 160)}" as its token service, which is no address`,
    );
  }
  if (isHttp && !isInsecure && !isLoopback(hostOf(realm))) {
    throw new PlyfsError(
      'registry-answer',
      `the registry wants credentials sent to ${realm.host} without TLS, which plyfs does for insecure registries only`,
    );
  }
  return realm;
}

/** A token for `request`. TokenRefused where the service gives none; PlyfsError `registry-answer` where its answer makes no sense. */
export async function fetchToken(
  http: Http,
  request: TokenRequest,
  policy: CallPolicy,
): Promise<TokenAnswer & { lifeMs: number }> {
  let answer = await (request.credential?.kind === 'identity-token'
    ? exchange(http, request, policy)
    : ask(http, request, policy));
  if (request.credential?.kind === 'identity-token' && (answer.status === 404 || answer.status === 405)) {
    await answer.discard();
    answer = await ask(http, request, policy);
  }
  const bytes = await answer.bytes(tokenBytes);
  if (answer.status !== 200) throw new TokenRefused(answer, bytes?.toString('utf8') ?? '', request.credential !== undefined);
  return tokenFrom(bytes, answer.url.host);
}

function tokenFrom(bytes: Buffer | undefined, host: string): TokenAnswer & { lifeMs: number } {
  const wrong = new PlyfsError(
    'registry-answer',
    `the token service ${host} gave no token: is it the right address, or is a proxy between?`,
  );
  if (bytes === undefined) throw wrong;
  let object: JsonObject;
  try {
    object = new JsonObject(JSON.parse(bytes.toString('utf8')), host);
  } catch {
    // The cause would quote the answer, which may hold a token.
    throw wrong;
  }
  const token = object.optionalText('token') || object.optionalText('access_token');
  if (!token || !/^[\x21-\x7e]+$/.test(token)) throw wrong;
  const seconds = object.get('expires_in');
  const lifeMs = typeof seconds === 'number' && Number.isFinite(seconds) ? seconds * 1000 : 0;
  return { token, refreshToken: object.optionalText('refresh_token') || undefined, lifeMs: Math.max(lifeMs, shortestLifeMs) };
}

/** GET with the credential as Basic (token.md). */
function ask(http: Http, request: TokenRequest, policy: CallPolicy): Promise<Answer> {
  const { credential } = request;
  const url = new URL(request.realm);
  if (request.service !== undefined) url.searchParams.set('service', request.service);
  for (const scope of request.scopes) url.searchParams.append('scope', scope);
  url.searchParams.set('client_id', clientId);
  if (credential?.kind === 'password') url.searchParams.set('account', credential.user);
  if (request.isLogin === true) url.searchParams.set('offline_token', 'true');
  const pair =
    credential === undefined
      ? undefined
      : { user: credential.kind === 'password' ? credential.user : '', secret: credential.secret };
  return http.request({
    method: 'GET',
    url,
    authorization: pair === undefined ? undefined : basicHeader(pair),
    documentBytes: tokenBytes,
    ...policy,
  });
}

/** POST with the identity token in the form (oauth.md). */
function exchange(http: Http, request: TokenRequest, policy: CallPolicy): Promise<Answer> {
  const form = new URLSearchParams({
    grant_type: 'refresh_token',
    refresh_token: request.credential?.secret ?? '',
    service: request.service ?? '',
    scope: request.scopes.join(' '),
    client_id: clientId,
  });
  const bytes = Buffer.from(form.toString());
  const body: RequestBody = { sizeBytes: bytes.length, open: () => [bytes] };
  return http.request({
    documentBytes: tokenBytes,
    method: 'POST',
    url: request.realm,
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    body,
    ...policy,
  });
}
