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
  | 'body';

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

/** The code of Node's network errors, '' for anything else. */
export function networkCode(error: unknown): string {
  if (error instanceof Trouble) return error.kind;
  if (!(error instanceof Error && 'code' in error && typeof error.code === 'string')) return '';
  // What OpenSSL makes of an answer that is no TLS has another code where it comes while writing.
  return error.code === 'EPROTO' && /wrong version number|packet length too long/.test(error.message)
    ? 'ERR_SSL_WRONG_VERSION_NUMBER'
    : error.code;
}
