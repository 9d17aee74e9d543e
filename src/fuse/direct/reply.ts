/** The reply under construction: one preallocated buffer, header and body side by side, so that one write sends it. */

import { outHeaderSize } from '../protocol/constants.js';
import { alignedBuffer, type Request } from './request.js';

/** Where the body starts, as byte and as word. */
export const bodyAt = outHeaderSize;
export const bodyWord = outHeaderSize >> 2;

export class Reply {
  readonly bytes: Buffer;
  readonly words: Uint32Array;

  /** `capacity`: the largest body. */
  constructor(readonly capacity: number) {
    this.bytes = alignedBuffer(outHeaderSize + capacity);
    this.words = new Uint32Array(this.bytes.buffer, 0, this.bytes.length >> 2);
  }

  /** Writes the header of an answer to `request` and returns the length of the message. `errno` 0: the body has `size` bytes. */
  seal(request: Request, errno: number, size: number): number {
    const { words } = this;
    const length = errno === 0 ? outHeaderSize + size : outHeaderSize;
    words[0] = length;
    words[1] = -errno;
    words[2] = request.words[2]!;
    words[3] = request.words[3]!;
    return length;
  }
}
