/** Compressing a stream. Gzip goes in parallel: pieces of 1 MiB, each a gzip member of its own on the thread pool, in order. Any reader
 *  of gzip joins the members; the bytes depend on the data and the level alone, not on the number of threads. */

import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import { gzip as gzipCallback } from 'node:zlib';
import type { Compression } from './decompress.js';
import { zstdCompressed } from './zstd.js';

const gzip = promisify(gzipCallback) as (bytes: Buffer, options: { level: number }) => Promise<Buffer>; // the overload with options
const pieceBytes = 1024 * 1024;

/** Levels as the tools have them: gzip 1 to 9, zstd 1 to 19. */
const defaultLevels = { gzip: 6, zstd: 3 } as const;

/** `source` compressed. The chunks of the source may be reused once the next is asked for. */
export function compressed(
  source: AsyncIterable<Buffer>,
  compression: Compression,
  level?: number,
  threads: number = availableParallelism(),
): AsyncIterable<Buffer> {
  switch (compression) {
    case 'none':
      return source;
    case 'gzip':
      return gzipped(source, level ?? defaultLevels.gzip, threads);
    case 'zstd':
      return zstdCompressed(copied(source), level ?? defaultLevels.zstd, threads);
  }
}

async function* gzipped(source: AsyncIterable<Buffer>, level: number, threads: number): AsyncGenerator<Buffer> {
  const running: Promise<Buffer>[] = [];
  const start = (piece: Buffer) => {
    const result = gzip(piece, { level });
    // Whoever takes it from the queue hears of a failure; one that is never taken must not end the process.
    result.catch(() => undefined);
    running.push(result);
  };
  let isEmpty = true;
  for await (const piece of pieces(source)) {
    isEmpty = false;
    start(piece);
    if (running.length > threads) yield await running.shift()!;
  }
  if (isEmpty) start(Buffer.alloc(0));
  for (const result of running) yield await result;
}

/** The source cut into pieces of `pieceBytes`, the last one shorter, each in memory of its own. */
async function* pieces(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let piece = Buffer.allocUnsafe(pieceBytes);
  let length = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; ) {
      const count = chunk.copy(piece, length, at, Math.min(chunk.length, at + pieceBytes - length));
      at += count;
      length += count;
      if (length < pieceBytes) continue;
      yield piece;
      piece = Buffer.allocUnsafe(pieceBytes);
      length = 0;
    }
  }
  if (length > 0) yield piece.subarray(0, length);
}

/** Streams hold chunks for later. */
async function* copied(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const chunk of source) yield Buffer.from(chunk);
}
