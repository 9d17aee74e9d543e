/** Digests: `sha256:<hex>` over exact bytes (OCI image-spec, descriptor.md "Digests"). Trusted only when computed here. */

import { createHash, type Hash } from 'node:crypto';

declare const digestBrand: unique symbol;
export type Digest = string & { readonly [digestBrand]: true };

/** Hex characters of each algorithm that may be verified here (I-1). */
const hexLength = new Map([
  ['sha256', 64],
  ['sha512', 128],
]);

/** `text` as a digest; undefined where it is not `sha256:` or `sha512:` and the right number of lower-case hex characters. */
export function parseDigest(text: string): Digest | undefined {
  const colon = text.indexOf(':');
  const hex = text.slice(colon + 1);
  if (colon < 0 || hexLength.get(text.slice(0, colon)) !== hex.length || !/^[0-9a-f]+$/.test(hex)) return undefined;
  return text as Digest;
}

export function sha256Of(bytes: Uint8Array | string): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}` as Digest;
}

/** By the algorithm of `like`: what the bytes are to be compared with it by. */
export function digestLike(like: Digest, bytes: Uint8Array): Digest {
  const algorithm = algorithmOf(like);
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}` as Digest;
}

export function algorithmOf(digest: Digest): string {
  return digest.slice(0, digest.indexOf(':'));
}

export function hexOf(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1);
}

/** The first 12 hex characters, as docker's listings print an ID. */
export function shortId(digest: Digest): string {
  return hexOf(digest).slice(0, 12);
}

/** Counts and hashes bytes as they pass. */
export class DigestMeter {
  sizeBytes = 0;
  private readonly hash: Hash;

  constructor(private readonly algorithm = 'sha256') {
    this.hash = createHash(algorithm);
  }

  update(chunk: Uint8Array): void {
    this.sizeBytes += chunk.length;
    this.hash.update(chunk);
  }

  /** The digest of all that passed. Once only. */
  finish(): Digest {
    return `${this.algorithm}:${this.hash.digest('hex')}` as Digest;
  }
}
