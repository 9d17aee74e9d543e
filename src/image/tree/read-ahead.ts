/** Reads of a layer's tar that go on where the last one ended, or a little behind it, are answered from a block read at once: the small
 *  files of a layer lie one after another, and a walk asks for most of them in that order. */

import { pread } from '../../sys/file.js';

const blockBytes = 256 * 1024;
/** Headers, and files that another layer replaced, are passed over. */
const gapBytes = 64 * 1024;

export class ReadAhead {
  private block: Buffer | undefined;
  /** What of the file is in the block. */
  private from = 0;
  private to = 0;
  /** Where the last read ended. */
  private last = -1;

  /** `fd` stays open as long as this is used, and what it reads does not change. */
  constructor(private readonly fd: number) {}

  /** As pread. */
  read(buffer: Buffer, at: number, length: number, position: number): number {
    const goesOn = this.last >= 0 && position >= this.last && position - this.last <= gapBytes;
    this.last = position + length;
    if (position < this.from || position + length > this.to) {
      if (!goesOn || length > blockBytes / 2) return pread(this.fd, buffer, at, length, position);
      this.block ??= Buffer.allocUnsafeSlow(blockBytes);
      this.from = position;
      this.to = position + pread(this.fd, this.block, 0, blockBytes, position);
    }
    return this.block!.copy(buffer, at, position - this.from, Math.min(position + length, this.to) - this.from); // it holds the range
  }
}
