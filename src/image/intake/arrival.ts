/** A layer on its way into a file, and those who read the file behind it, in whichever thread: a layer that comes over a wire is hashed,
 *  decompressed and indexed while it arrives. The file is the layer's blob when it is whole, and where the next attempt goes on when it is
 *  not. */

import { type FileHandle, open } from 'node:fs/promises';

/** Behind an Int32 that changes with each news lie the failure flag (Int32) and the count of bytes (Int64). */
export type ArrivalMemory = SharedArrayBuffer;

const newsAt = 0;
const failedAt = 1;
const bytesAt = 1;

/** How many bytes are there, at least `wanted`. Rejects with ArrivalFailed where they will not come. */
export async function untilArrived(memory: ArrivalMemory, wanted: number): Promise<number> {
  const words = new Int32Array(memory);
  const count = new BigInt64Array(memory);
  for (;;) {
    const news = Atomics.load(words, newsAt);
    const bytes = Number(Atomics.load(count, bytesAt));
    if (bytes >= wanted) return bytes;
    if (Atomics.load(words, failedAt) !== 0) throw new ArrivalFailed();
    await Atomics.waitAsync(words, newsAt, news).value;
  }
}

/** Whoever brings the bytes knows why there are no more. */
export class ArrivalFailed extends Error {
  constructor() {
    super('the rest of the layer did not arrive');
  }
}

export class Arrival {
  readonly memory: ArrivalMemory = new SharedArrayBuffer(16);
  private readonly words = new Int32Array(this.memory);

  private constructor(
    private readonly file: FileHandle,
    private arrived: number,
  ) {
    this.tell(arrived);
  }

  /** Goes on with what `path` has, `size` bytes at most. */
  static async at(path: string, size: number): Promise<Arrival> {
    const file = await open(path, 'a+', 0o600);
    const { size: there } = await file.stat();
    if (there > size) await file.truncate(0);
    return new Arrival(file, there > size ? 0 : there);
  }

  /** Bytes that are there. */
  get bytes(): number {
    return this.arrived;
  }

  /** Appends all chunks; on disk when it resolves. What was appended before a failure stays. */
  async take(chunks: AsyncIterable<Uint8Array>, onBytes: (bytes: number) => void): Promise<void> {
    try {
      for await (const chunk of chunks) {
        for (let done = 0; done < chunk.length; ) done += (await this.file.write(chunk, done)).bytesWritten;
        this.arrived += chunk.length;
        this.tell(this.arrived);
        onBytes(this.arrived);
      }
      await this.file.sync();
    } catch (error) {
      this.fail();
      throw error;
    }
  }

  /** Nobody need wait any longer. */
  fail(): void {
    Atomics.store(this.words, failedAt, 1);
    this.news();
  }

  async close(): Promise<void> {
    await this.file.close();
  }

  private tell(bytes: number): void {
    Atomics.store(new BigInt64Array(this.memory), bytesAt, BigInt(bytes));
    this.news();
  }

  private news(): void {
    Atomics.add(this.words, newsAt, 1);
    Atomics.notify(this.words, newsAt);
  }
}
