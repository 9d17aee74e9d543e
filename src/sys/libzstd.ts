/** Decompression by libzstd through koffi. The library is there wherever dpkg or rpm is, as they need it; Node has its own from 22.15 on.
 *  Prototypes: zstd.h of 1.4 (2019) and later. ZSTD_decompressStream_simpleArgs takes its buffers one by one instead of in structs. */

import { promisify } from 'node:util';
import { loadLibrary } from './libc.js';

type StreamCall = (
  context: unknown,
  into: Buffer,
  room: number,
  written: Buffer,
  from: Buffer,
  bytes: number,
  read: Buffer,
) => Promise<number>;

interface Libzstd {
  readonly createContext: () => unknown;
  readonly freeContext: (context: unknown) => void;
  /** In a thread of its own. The result is an error, or 0 at the end of a frame. */
  readonly step: StreamCall;
  readonly isError: (result: number) => number;
  readonly errorName: (result: number) => string;
}

/** undefined where there is no such library; null as long as nobody looked. */
let loaded: Libzstd | undefined | null = null;

function libzstd(): Libzstd | undefined {
  if (loaded === null) loaded = load();
  return loaded;
}

/** `as`: koffi's functions are untyped, and the types are what their prototypes say. */
function load(): Libzstd | undefined {
  try {
    const library = loadLibrary('libzstd.so.1');
    const step = 'size_t ZSTD_decompressStream_simpleArgs(void *, void *, size_t, void *, const void *, size_t, void *)';
    return {
      createContext: library.func('void *ZSTD_createDCtx()') as () => unknown,
      freeContext: library.func('size_t ZSTD_freeDCtx(void *)') as (context: unknown) => void,
      step: promisify(library.func(step).async) as unknown as StreamCall,
      isError: library.func('uint32_t ZSTD_isError(size_t)') as (result: number) => number,
      errorName: library.func('const char *ZSTD_getErrorName(size_t)') as (result: number) => string,
    };
  } catch {
    return undefined; // not installed, or too old for the call
  }
}

export function hasLibzstd(): boolean {
  return libzstd() !== undefined;
}

/** What is wrong with the data, in libzstd's words. */
export class ZstdError extends Error {}

/** The decompressed bytes of all frames, in pieces of at most `chunkSize`. ZstdError for damaged or cut off data, and for a window of more
 *  than 128 MiB. PRE: hasLibzstd(). */
export async function* decompressedByLibzstd(source: AsyncIterable<Buffer>, chunkSize: number): AsyncGenerator<Buffer> {
  const library = libzstd()!;
  const context = library.createContext();
  const written = Buffer.alloc(8);
  const read = Buffer.alloc(8);
  let isInFrame = false;
  try {
    for await (const chunk of source) {
      read.fill(0);
      for (let isFull = false; isFull || count(read) < chunk.length; ) {
        const piece = Buffer.allocUnsafe(chunkSize);
        written.fill(0);
        const result = await library.step(context, piece, chunkSize, written, chunk, chunk.length, read);
        if (library.isError(result) !== 0) throw new ZstdError(library.errorName(result));
        isInFrame = result !== 0;
        isFull = count(written) === chunkSize;
        if (count(written) > 0) yield piece.subarray(0, count(written));
      }
    }
    if (isInFrame) throw new ZstdError('unexpected end');
  } finally {
    library.freeContext(context);
  }
}

/** A size_t. */
function count(bytes: Buffer): number {
  return Number(bytes.readBigUInt64LE());
}
