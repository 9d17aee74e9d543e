/** The bytes of an upload in pieces, one after another from one reading; a jump, or a piece that broke, makes a new one. */

import type { UploadSource } from './upload-source.js';

export class Feed {
  private reading: Reading | undefined;

  constructor(
    private readonly source: UploadSource,
    private readonly onProgress: (doneBytes: number) => void,
  ) {}

  /** `size` bytes from `offset` on. Plain Error where the source ends before: its size is the caller's word. */
  async *piece(offset: number, size: number): AsyncGenerator<Uint8Array, void, undefined> {
    // Whoever still takes a piece that broke keeps its own reading.
    const kept = this.reading;
    this.reading = undefined;
    if (kept !== undefined && kept.at !== offset) await kept.close();
    const reading = kept?.at === offset ? kept : new Reading(this.source, offset);
    let isComplete = false;
    try {
      for (let left = size; left > 0; ) {
        const taken = await reading.take(left);
        left -= taken.length;
        yield taken;
        this.onProgress(reading.at);
      }
      isComplete = true;
    } finally {
      if (isComplete) this.reading = reading;
      else await reading.close();
    }
  }

  async close(): Promise<void> {
    await this.reading?.close();
    this.reading = undefined;
  }
}

class Reading {
  private readonly iterator: AsyncIterator<Uint8Array> | Iterator<Uint8Array>;
  /** What the last chunk had beyond its piece. */
  private rest: Uint8Array | undefined;

  constructor(
    private readonly source: UploadSource,
    public at: number,
  ) {
    const bytes = source.read(at);
    this.iterator = Symbol.asyncIterator in bytes ? bytes[Symbol.asyncIterator]() : bytes[Symbol.iterator]();
  }

  /** At most `most` bytes, and at least one. */
  async take(most: number): Promise<Uint8Array> {
    let chunk = this.rest;
    while (chunk === undefined || chunk.length === 0) {
      const { done, value } = await this.iterator.next();
      if (done === true)
        throw new Error(`the source of ${this.source.digest} ends at byte ${this.at} of ${this.source.sizeBytes}`);
      chunk = value;
    }
    const taken = chunk.subarray(0, most);
    this.rest = chunk.subarray(taken.length);
    this.at += taken.length;
    return taken;
  }

  async close(): Promise<void> {
    await this.iterator.return?.();
  }
}
