/** Compressed streams: found out by their first bytes, decompressed while they stream, within limits. Gzip is Node's zlib (many members;
 *  zeros behind the last are padding, as for gzip(1)); zstd is in zstd.ts. xz and bzip2 are known and refused: no engine reads them. */

import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { PlyfsError } from '../base/errors.js';
import { type Limits, overLimit, readLimits } from '../base/limits.js';
import { zstdDecompressed } from './zstd.js';

export type Compression = 'none' | 'gzip' | 'zstd';

/** Bytes that `compressionOf` wants to see. */
export const magicBytes = 6;

/** The compression of a stream that begins with `head` (all of it, if it is shorter than magicBytes).
 *  PlyfsError UNSUPPORTED for xz and bzip2. */
export function compressionOf(head: Buffer): Compression {
  if (head.length >= 3 && head[0] === 0x1f && head[1] === 0x8b && head[2] === 8) return 'gzip';
  if (head.length >= 4 && head.readUInt32LE(0) === 0xfd2fb528) return 'zstd';
  // zstd's skippable frames, which may come first.
  if (head.length >= 4 && (head.readUInt32LE(0) & 0xfffffff0) >>> 0 === 0x184d2a50) return 'zstd';
  if (head.length >= 6 && head.toString('latin1', 0, 6) === '\xfd7zXZ\0') throw refused('xz');
  if (head.length >= 4 && /^BZh[1-9]/.test(head.toString('latin1', 0, 4))) throw refused('bzip2');
  return 'none';
}

function refused(name: string): PlyfsError {
  return new PlyfsError(
    'UNSUPPORTED',
    `the archive is compressed with ${name}, which is not read here; decompress it first (${name} -d)`,
  );
}

export interface Decompressed {
  readonly compression: Compression;
  readonly bytes: AsyncIterable<Buffer>;
}

/** What `source` holds, decompressed if need be. Errors come while `bytes` are read: PlyfsError BAD_COMPRESSION for damaged or cut off
 *  data, OVER_LIMIT beyond limits.outputBytes and limits.ratio, and the source's own. Leaving the loop ends everything. */
export async function decompressed(source: AsyncIterable<Buffer>, limits: Limits = readLimits()): Promise<Decompressed> {
  const iterator = source[Symbol.asyncIterator]();
  let head: Buffer = Buffer.alloc(0);
  let isOver = false;
  while (head.length < magicBytes && !isOver) {
    const next = await iterator.next();
    if (next.done === true) isOver = true;
    else head = head.length === 0 ? next.value : Buffer.concat([head, next.value]);
  }
  const counted = new Counted(rejoined(head, iterator, isOver));
  const compression = compressionOf(head);
  return { compression, bytes: compression === 'none' ? counted : limited(unpacked(counted, compression), counted, limits) };
}

async function* rejoined(head: Buffer, rest: AsyncIterator<Buffer>, isOver: boolean): AsyncGenerator<Buffer> {
  try {
    if (head.length > 0) yield head;
    while (!isOver) {
      const next = await rest.next();
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    await rest.return?.();
  }
}

/** Counts the bytes that pass. */
class Counted implements AsyncIterable<Buffer> {
  bytes = 0;
  constructor(readonly source: AsyncIterable<Buffer>) {}

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    for await (const chunk of this.source) {
      this.bytes += chunk.length;
      yield chunk;
    }
  }
}

function unpacked(source: AsyncIterable<Buffer>, compression: 'gzip' | 'zstd'): AsyncIterable<Buffer> {
  return compression === 'gzip' ? gunzipped(source) : zstdDecompressed(source);
}

async function* gunzipped(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const gunzip = createGunzip({ chunkSize: 256 * 1024 });
  // The error reaches the loop below through the stream; there is nothing more to do with it here.
  pipeline(Readable.from(source, { objectMode: false }), gunzip, () => undefined);
  try {
    yield* gunzip as AsyncIterable<Buffer>; // a byte stream without an encoding gives Buffers
  } catch (error) {
    throw sentenceOf(error);
  }
}

/** zlib's own errors as sentences; any other comes from the source and stays as it is. */
function sentenceOf(error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error)) return error;
  if (error.code === 'Z_BUF_ERROR') return damaged('the gzip data is cut off', error);
  if (error.code === 'Z_DATA_ERROR' && error.message === 'incorrect header check')
    return damaged('something else follows the gzip data', error);
  return typeof error.code === 'string' && error.code.startsWith('Z_')
    ? damaged(`the gzip data is damaged (${error.message})`, error)
    : error;
}

function damaged(sentence: string, cause: unknown): PlyfsError {
  return new PlyfsError('BAD_COMPRESSION', sentence, { cause });
}

async function* limited(output: AsyncIterable<Buffer>, input: Counted, limits: Limits): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of output) {
    bytes += chunk.length;
    if (bytes > limits.outputBytes)
      throw overLimit(`the compressed data gives more than ${limits.outputBytes} bytes`, 'outputBytes');
    if (bytes > limits.ratioFromBytes && bytes > input.bytes * limits.ratio) {
      throw overLimit(`${input.bytes} compressed bytes give over ${bytes}, more than ${limits.ratio} for each`, 'ratio');
    }
    yield chunk;
  }
}
