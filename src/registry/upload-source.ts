/** What an upload reads from. */

import type { Digest } from '../base/digest.js';

/** What an upload sends: bytes that can be read again from any place on, because a registry may forget what it had. */
export interface UploadSource {
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** The bytes from `offset` to the end. */
  read(offset: number): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}
