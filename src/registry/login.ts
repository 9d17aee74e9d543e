/** login: tries a user and password against a registry, in the scheme that it asks for. */

import { PlyfsError } from '../base/errors.js';
import type { Attempts } from './attempts.js';
import type { Credential, PasswordCredential } from './credential-files.js';
import type { Place } from './failure.js';
import type { Host, HostCall } from './host.js';
import type { Http } from './http.js';
import { basicHeader, fetchToken, realmOf, TokenRefused } from './tokens.js';

/** What is to be kept: the password, or the identity token that the registry gives for it. PlyfsError `registry-denied` where it is wrong. */
export async function login(
  host: Host,
  domain: string,
  credential: PasswordCredential,
  http: Http,
  attempts: Attempts,
  signal: AbortSignal | undefined,
): Promise<Credential> {
  const place: Place = { registry: domain, repository: '', item: '', wish: 'pull' };
  const call: HostCall = { method: 'GET', target: '/v2/', path: '', scopes: [], place, attempts, signal };
  const { challenges } = await host.open(call);
  const bearer = challenges.find(({ scheme, parameters }) => scheme === 'bearer' && parameters.has('realm'));
  if (bearer === undefined) {
    await check(host, call, basicHeader(credential));
    return credential;
  }
  const service = bearer.parameters.get('service');
  try {
    const realm = realmOf(bearer, host.isInsecure);
    const { token, refreshToken } = await fetchToken(
      http,
      { realm, service, scopes: [], credential, isLogin: true },
      { attempts, signal },
    );
    await check(host, call, `Bearer ${token}`);
    return refreshToken === undefined ? credential : { kind: 'identity-token', secret: refreshToken };
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof TokenRefused && [400, 401, 403].includes(error.answer.status)) throw wrongPassword(domain);
    throw host.failure(error, call);
  }
}

async function check(host: Host, call: HostCall, authorization: string): Promise<void> {
  const answer = await host.probe(call, authorization);
  if (answer.status === 200) return answer.discard();
  if (answer.status !== 401 && answer.status !== 403) throw await host.refusal(call, answer);
  await answer.discard();
  throw wrongPassword(call.place.registry);
}

function wrongPassword(domain: string): PlyfsError {
  return new PlyfsError(
    'registry-denied',
    `${domain}: unauthorized: incorrect username or password: nothing was saved, try again`,
  );
}
