/** What goes wrong between plyfs and a host before there is an answer, in the words of http.ts; failure.ts makes sentences of it. */

export type TroubleKind =
  /** No byte for the time in `detail`. */
  | 'stall'
  /** More redirects than `detail`. */
  | 'redirects'
  /** A redirect from https to http, or to what is no http address. */
  | 'redirect-refused'
  /** The proxy in `detail` did not open the way. */
  | 'proxy'
  /** The body ended too early or is longer than it may be. */
  | 'body'
  /** The network or TLS failed, with the code of Node's error in `detail`. */
  | 'network';

export class Trouble extends Error {
  constructor(
    readonly kind: TroubleKind,
    /** Where it happened. */
    readonly host: string,
    readonly detail: string,
    options: { cause?: unknown } = {},
  ) {
    super(`${kind}: ${host}: ${detail}`, options);
  }
}

/** An error of Node's network together with the host it came from: a storage or token service is another one than was asked. Anything else
 *  stays what it is. */
export function atHost(error: unknown, host: string): unknown {
  const code = networkCode(error);
  return code === '' || error instanceof Trouble ? error : new Trouble('network', host, code, { cause: error });
}

/** The code of Node's network errors or the kind of a Trouble, '' for anything else. */
export function networkCode(error: unknown): string {
  if (error instanceof Trouble) return error.kind === 'network' ? error.detail : error.kind;
  if (!(error instanceof Error && 'code' in error && typeof error.code === 'string')) return '';
  // What OpenSSL makes of an answer that is no TLS has another code where it comes while writing.
  return error.code === 'EPROTO' && /wrong version number|packet length too long/.test(error.message)
    ? 'ERR_SSL_WRONG_VERSION_NUMBER'
    : error.code;
}

/** What happened, in a few words after the name of the host. */
export function troubleWords(error: unknown): string {
  return words.get(networkCode(error)) ?? 'cannot be reached';
}

const words = new Map([
  ['stall', 'sends nothing'],
  ['ECONNRESET', 'broke off the connection'],
  ['EPIPE', 'broke off the connection'],
  ['ECONNREFUSED', 'refuses the connection'],
  ['ENOTFOUND', 'is not found'],
  ['EAI_AGAIN', 'is not found'],
]);
