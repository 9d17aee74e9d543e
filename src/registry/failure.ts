/** What a registry refused or could not do, as one sentence: which registry and repository, what happened, what to do. */

import type { ErrorCode } from '../base/error-codes.js';
import { PlyfsError } from '../base/errors.js';
import { Trouble, type TroubleKind } from './trouble.js';

/** What a call is about. */
export interface Place {
  /** As in references: `docker.io`, `localhost:5000`. */
  readonly registry: string;
  /** `team/app`; '' for a call about the registry. */
  readonly repository: string;
  /** `:1.0` or `@sha256:...`; '' for a call about the repository. */
  readonly item: string;
  readonly wish: 'pull' | 'push';
}

export interface Refusal {
  readonly status: number;
  /** Of the body, secrets struck out. */
  readonly text: string;
  /** Who answered: a storage or token service may be another host. */
  readonly host: string;
  readonly hadCredential: boolean;
}

/** `ghcr.io/team/app:1.0` */
export function nameOf(place: Place): string {
  return place.repository === '' ? place.registry : `${place.registry}/${place.repository}${place.item}`;
}

/** Sentences by the code of the network's or TLS's error; `{host}` is who was asked. */
const networkSentences: readonly (readonly [codes: readonly string[], code: ErrorCode, sentence: string])[] = [
  [
    ['ENOTFOUND', 'EAI_AGAIN'],
    'registry-unreachable',
    'there is no host {host} that this machine can find: check the name of the registry, and the DNS',
  ],
  [['ECONNREFUSED'], 'registry-unreachable', '{host} refuses the connection: is the registry running, and is that its port?'],
  [
    ['EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT', 'EADDRNOTAVAIL'],
    'registry-unreachable',
    '{host} cannot be reached from here: check the network, and HTTPS_PROXY if there has to be a proxy',
  ],
  [['ECONNRESET', 'EPIPE'], 'registry-broken', '{host} broke off the connection: try again; what has arrived is kept'],
  [['CERT_HAS_EXPIRED'], 'registry-tls', 'the certificate of {host} has expired: its administrator has to renew it'],
  [['CERT_NOT_YET_VALID'], 'registry-tls', 'the certificate of {host} is not valid yet: check the clock of this machine'],
  [
    ['ERR_TLS_CERT_ALTNAME_INVALID'],
    'registry-tls',
    'the certificate of {host} is for another name: ask for the registry by the name in its certificate',
  ],
  [
    [
      'DEPTH_ZERO_SELF_SIGNED_CERT',
      'SELF_SIGNED_CERT_IN_CHAIN',
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      'UNABLE_TO_GET_ISSUER_CERT',
      'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
      'CERT_UNTRUSTED',
      'CERT_SIGNATURE_FAILURE',
      'INVALID_CA',
    ],
    'registry-tls',
    'the certificate of {host} is signed by nobody known here: put its CA into /etc/docker/certs.d/{host}/ca.crt, or allow it with --tls-verify=false',
  ],
  [
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG', 'ERR_SSL_RECORD_LAYER_FAILURE'],
    'registry-tls',
    '{host} does not speak TLS: if it is a registry without it, mark it as insecure (registries.conf, daemon.json) or use --tls-verify=false',
  ],
];

const troubleSentences: Readonly<Record<Exclude<TroubleKind, 'network'>, (trouble: Trouble) => string>> = {
  stall: ({ host, detail }) => `${host} sent nothing for ${secondsOf(detail)}: try again; what has arrived is kept`,
  redirects: ({ host, detail }) =>
    `${host} redirects more than ${detail} times: is it the right address, or a proxy that needs a login?`,
  'redirect-refused': ({ host, detail }) => `${host} redirects to ${detail}, which plyfs does not follow: tell its administrator`,
  proxy: ({ host, detail }) =>
    `the proxy ${detail} and does not let us through to ${host}: check HTTPS_PROXY, HTTP_PROXY and NO_PROXY`,
  body: ({ host, detail }) => `${host} ${detail}`,
};

function secondsOf(milliseconds: string): string {
  const value = Number.parseInt(milliseconds, 10);
  return value < 1000 ? `${value} ms` : `${Math.round(value / 1000)} s`;
}

/** The sentence for an error on the way. PlyfsErrors without a name of the registry get it; what is unknown (a fault of ours, the reason of
 *  an abort) stays as it is. */
export function networkFailure(error: unknown, place: Place): unknown {
  if (error instanceof PlyfsError)
    return error.code === 'registry-answer' ? failed(error.code, place, error.message, error) : error;
  if (!(error instanceof Trouble)) return error;
  if (error.kind === 'network') return brokenNetwork(error.detail, error.host, place, error.cause);
  const code = error.kind === 'stall' || error.kind === 'body' ? 'registry-broken' : 'registry-unreachable';
  return failed(code, place, troubleSentences[error.kind](error), error);
}

function brokenNetwork(code: string, host: string, place: Place, cause: unknown): PlyfsError {
  const row = networkSentences.find(([codes]) => codes.includes(code));
  if (row !== undefined) return failed(row[1], place, row[2].replaceAll('{host}', host), cause);
  if (/^(ERR_SSL|ERR_TLS|EPROTO|CERT_)/.test(code)) {
    return failed(
      'registry-tls',
      place,
      `${host} and plyfs do not agree on TLS (${code}): check its certificate and protocol versions`,
      cause,
    );
  }
  // The parser of Node's http.
  if (code.startsWith('HPE_'))
    return failed('registry-answer', place, `${host} does not answer in HTTP: is that the port of a registry?`, cause);
  return failed('registry-broken', place, `the connection to ${host} failed (${code}): try again`, cause);
}

/** The sentence for an answer that is no success. */
export function statusFailure(refusal: Refusal, place: Place): PlyfsError {
  const { status, text, host } = refusal;
  const said = excerptOf(text);
  const quote = said === '' ? '' : ` (it says: ${said})`;
  if (status === 401 || status === 403) return denied(refusal, place, quote);
  if (status === 404) return absent(refusal, place, quote);
  if (status === 429) {
    const login = refusal.hadCredential
      ? 'wait before the next try'
      : `wait, or log in for a higher limit (${loginCommand(place)})`;
    return failed('registry-limit', place, `${host} takes no more requests for now${quote}: ${login}`);
  }
  if (status >= 500) return failed('registry-failing', place, `${host} fails with status ${status}${quote}: try again later`);
  return failed(
    'registry-answer',
    place,
    `${host} answers with status ${status}${quote}: is that a registry, and does it allow this?`,
  );
}

function denied({ hadCredential, status, host }: Refusal, place: Place, quote: string): PlyfsError {
  const login = loginCommand(place);
  const advice = hadCredential
    ? status === 401
      ? `the saved credentials are not accepted: ${login} replaces them`
      : 'the saved credentials do not suffice: ask its owner, or log in as somebody else'
    : `there is no such repository, or it needs a login: ${login}`;
  return new PlyfsError(
    'registry-denied',
    `${nameOf(place)}: denied: requested access to the resource is denied by ${host}${quote}; ${advice}`,
  );
}

function absent({ host }: Refusal, place: Place, quote: string): PlyfsError {
  if (place.repository === '')
    return failed('registry-absent', place, `${host} does not know that address${quote}: is it a registry?`);
  const tags = place.item.startsWith(':') ? ` (plyfs tags ${nameOf({ ...place, item: '' })} lists the tags)` : '';
  return failed('registry-absent', place, `${host} does not have it${quote}: check the name${tags}`);
}

/** docker's `login` knows the Hub without a name. */
function loginCommand(place: Place): string {
  return place.registry === 'docker.io' ? 'plyfs login' : `plyfs login ${place.registry}`;
}

export function failed(code: ErrorCode, place: Place, what: string, cause?: unknown): PlyfsError {
  return new PlyfsError(code, `${nameOf(place)}: ${what}`, cause === undefined ? {} : { cause });
}

const excerptLength = 200;

/** The gist of an error's body on one line: the registry's codes and messages, S3's code and message, a page's title, or the first line. */
export function excerptOf(text: string): string {
  const start = text.slice(0, 64 * 1024).trim();
  const gist = registryErrors(start) ?? storageError(start) ?? pageTitle(start) ?? start.split('\n', 1)[0] ?? '';
  const line = gist.replaceAll(/\s+/g, ' ').trim();
  return line.length > excerptLength ? `${line.slice(0, excerptLength)}…` : line;
}

/** `{"errors":[{code,message,detail}]}` of registries, `{"details":...}` or `{"error":...}` of token services. */
function registryErrors(text: string): string | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    const { errors, details, message, error, error_description: description } = value as Record<string, unknown>; // it begins with {
    const listed = Array.isArray(errors) ? errors.slice(0, 3).map(errorText) : [];
    const first = listed.filter((one) => one !== '').join('; ');
    return (
      [first, details, description, message, error].find((one): one is string => typeof one === 'string' && one !== '') ?? ''
    );
  } catch (fault) {
    if (!(fault instanceof SyntaxError)) throw fault;
    return undefined;
  }
}

function errorText(value: unknown): string {
  if (typeof value !== 'object' || value === null) return '';
  const { code, message } = value as Record<string, unknown>; // just looked
  return [code, message].filter((one) => typeof one === 'string' && one !== '').join(': ');
}

function storageError(text: string): string | undefined {
  const code = /<Code>([^<]*)<\/Code>/.exec(text)?.[1];
  return code === undefined ? undefined : `${code}: ${/<Message>([^<]*)<\/Message>/.exec(text)?.[1] ?? ''}`;
}

function pageTitle(text: string): string | undefined {
  if (!/^<(!doctype|html|head)/i.test(text)) return undefined;
  return /<title[^>]*>([^<]*)</i.exec(text)?.[1] ?? 'an HTML page';
}
