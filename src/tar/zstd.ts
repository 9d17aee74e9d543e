/** zstd by the best that is there: Node's own (22.15 and later), else the `zstd` program (a process each stream), else, for reading
 *  alone, libzstd in this process. */

import { spawn, spawnSync } from 'node:child_process';
import { pipeline, Readable, type Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { PlyfsError } from '../base/errors.js';
import { decompressedByLibzstd, hasLibzstd, ZstdError } from '../sys/libzstd.js';

/** What zlib has from Node 22.15 on; the types are those of Node 20. */
interface ZstdInNode {
  createZstdCompress?(options?: { params?: Record<number, number>; chunkSize?: number }): Transform;
  createZstdDecompress?(options?: { chunkSize?: number }): Transform;
}
const inNode = { ...zlib } as ZstdInNode; // by name: these members exist or not, whatever the types say
/** ZSTD_c_compressionLevel of zstd.h. */
const levelParameter = 100;
const chunkSize = 256 * 1024;

export type ZstdBy = 'node' | 'program' | 'library';

/** The ways that work here, best first. `library` cannot compress. Looks for the program once. */
export function zstdWays(): ZstdBy[] {
  const ways: ZstdBy[] = [];
  if (inNode.createZstdDecompress !== undefined) ways.push('node');
  if (hasProgram()) ways.push('program');
  if (hasLibzstd()) ways.push('library');
  return ways;
}

let programFound: boolean | undefined;
function hasProgram(): boolean {
  programFound ??= spawnSync('zstd', ['--version'], { stdio: 'ignore' }).status === 0;
  return programFound;
}

/** The decompressed bytes. PlyfsError BAD_COMPRESSION for damaged or cut off data, UNSUPPORTED where there is no way. */
export function zstdDecompressed(source: AsyncIterable<Buffer>, by: ZstdBy | undefined = zstdWays()[0]): AsyncGenerator<Buffer> {
  switch (by) {
    case 'node':
      return throughNode(source, inNode.createZstdDecompress!({ chunkSize }));
    case 'program':
      // Without -M a window beyond 128 MiB is refused: that bounds its memory.
      return throughProgram(source, ['-dcq']);
    case 'library':
      return throughLibrary(source);
    case undefined:
      throw new PlyfsError('UNSUPPORTED', 'the data is compressed with zstd, and nothing here reads it; install zstd');
  }
}

/** The compressed bytes, one frame. PlyfsError UNSUPPORTED where neither Node nor a program can compress. */
export function zstdCompressed(source: AsyncIterable<Buffer>, level: number, threads: number): AsyncGenerator<Buffer> {
  if (inNode.createZstdCompress !== undefined) {
    return throughNode(source, inNode.createZstdCompress({ chunkSize, params: { [levelParameter]: level } }));
  }
  if (hasProgram()) return throughProgram(source, ['-cq', `-${level}`, `-T${threads}`]);
  throw new PlyfsError('UNSUPPORTED', 'zstd compression needs the zstd program or Node 22.15; install zstd, or choose gzip');
}

async function* throughNode(source: AsyncIterable<Buffer>, transform: Transform): AsyncGenerator<Buffer> {
  // The error reaches the loop through the stream.
  pipeline(Readable.from(source, { objectMode: false }), transform, () => undefined);
  try {
    yield* transform as AsyncIterable<Buffer>; // a byte stream without an encoding gives Buffers
  } catch (error) {
    const isOurs = error instanceof Error && 'code' in error && String(error.code).startsWith('Z');
    throw isOurs ? damaged(error.message, error) : error;
  }
}

async function* throughProgram(source: AsyncIterable<Buffer>, words: readonly string[]): AsyncGenerator<Buffer> {
  const child = spawn('zstd', words, { stdio: ['pipe', 'pipe', 'pipe'] });
  let complaint = '';
  child.stderr.on('data', (text: Buffer) => {
    if (complaint.length < 2000) complaint += text.toString();
  });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  let failure: unknown;
  const failed = new Promise<void>((resolve) => {
    child.on('error', (error) => {
      failure ??= error;
      resolve();
    });
  });
  pipeline(Readable.from(source, { objectMode: false }), child.stdin, (error) => {
    // EPIPE: the program ended first, and its exit status says why.
    if (error && (error as NodeJS.ErrnoException).code !== 'EPIPE') {
      failure ??= error;
      child.kill();
    }
  });
  try {
    yield* child.stdout as AsyncIterable<Buffer>; // no encoding is set
    const status = await Promise.race([ended, failed]);
    if (failure !== undefined) throw failure;
    if (status !== 0) throw damaged(complaint.trim().replace(/^\S+ : |^zstd: /, ''), undefined);
  } finally {
    child.kill();
  }
}

async function* throughLibrary(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* decompressedByLibzstd(source, chunkSize);
  } catch (error) {
    throw error instanceof ZstdError ? damaged(error.message, error) : error;
  }
}

function damaged(what: string, cause: unknown): PlyfsError {
  return new PlyfsError('BAD_COMPRESSION', `the zstd data is damaged or cut off (${what})`, { cause });
}
