/** Writes tars: the same entries give the same bytes on any machine (T-1 to T-9; the order is the caller's). ustar headers, and PAX
 *  records where a value does not fit: long paths, large ids and sizes, times before 1970 or with a fraction, xattrs as raw bytes.
 *
 *  A pull in constant memory: each call gives chunks, which are good until the next is asked for, so that a consumer may wait:
 *    for (const chunk of writer.add(entry, data)) await write(chunk);   ...   for (const chunk of writer.finish()) await write(chunk); */

import type { Name } from '../base/name.js';
import type { EntryType, WriteEntry } from './entry.js';
import { blockSize, octalMax } from './header.js';
import { paxRecord } from './pax.js';
import { type PaxRecord, recordsOf } from './pax-write.js';

/** The content of a file. */
export interface FileData {
  readonly size: number;
  /** Ascending ranges outside which the file is zeros, which are then not read. */
  readonly extents?: readonly { readonly offset: number; readonly length: number }[];
  /** Reads up to `length` bytes from `offset` of the file into `buffer` at `at`; 0 where the file has ended. */
  read(buffer: Buffer, at: number, length: number, offset: number): number;
}

const zeros = Buffer.alloc(256 * 1024);
const bufferBytes = 512 * 1024;

export class TarWriter {
  /** Bytes of the tar so far, the ones not yet given out counted. */
  position = 0;
  /** Files that had become shorter than their size when they were read; the rest of each is zeros. */
  readonly shortened: Name[] = [];

  readonly #keepsNanoseconds: boolean;
  readonly #buffer = Buffer.allocUnsafeSlow(bufferBytes);
  #used = 0;

  constructor(options: { nanoseconds?: boolean } = {}) {
    this.#keepsNanoseconds = options.nanoseconds === true;
  }

  /** One entry. `data` belongs to files alone. PRE: a path, and for links a target. */
  *add(entry: WriteEntry, data?: FileData): Generator<Buffer, void> {
    const size = entry.type === 'file' && data !== undefined ? data.size : 0;
    const path = (entry.type === 'dir' ? `${entry.path}/` : entry.path) as Name;
    const split = splitPath(path);
    const records = recordsOf(entry, path, split !== undefined, size, this.#keepsNanoseconds);
    const whole = blockSize + padded(size);
    if (records.length === 0 && data?.extents === undefined && split !== undefined && whole <= bufferBytes) {
      if (this.#used + whole > bufferBytes) yield this.#flush();
      this.#addWhole(entry, split, size, data);
      return;
    }
    if (records.length > 0) yield* this.#pax(entry.path, records);
    if (this.#used + blockSize > bufferBytes) yield this.#flush();
    putHeader(this.#buffer, this.#used, entry, split ?? { prefix: '', name: path.slice(0, nameBytes) }, size);
    this.#advance(blockSize);
    if (size > 0 && data !== undefined) yield* this.#data(entry.path, data);
  }

  /** Most entries are small: without a generator for each part. PRE: it fits. */
  #addWhole(entry: WriteEntry, path: SplitPath, size: number, data: FileData | undefined): void {
    putHeader(this.#buffer, this.#used, entry, path, size);
    this.#advance(blockSize);
    let done = 0;
    for (let count = 1; done < size && count > 0; done += count)
      count = data!.read(this.#buffer, this.#used + done, size - done, done); // it has a size
    if (done < size) this.shortened.push(entry.path);
    this.#buffer.fill(0, this.#used + done, this.#used + padded(size));
    this.#advance(padded(size));
  }

  /** The two blocks of zeros that close a tar, and what was not given out yet. Not filled up to 10,240 bytes (T-7). */
  *finish(): Generator<Buffer, void> {
    yield* this.#zeros(2 * blockSize);
    if (this.#used > 0) yield this.#flush();
  }

  #flush(): Buffer {
    const chunk = this.#buffer.subarray(0, this.#used);
    this.#used = 0;
    return chunk;
  }

  #advance(bytes: number): void {
    this.#used += bytes;
    this.position += bytes;
  }

  *#pax(path: Name, records: readonly PaxRecord[]): Generator<Buffer, void> {
    const body = Buffer.concat(records.map(([key, value]) => paxRecord(key, value)));
    if (this.#used + blockSize > bufferBytes) yield this.#flush();
    putHeader(this.#buffer, this.#used, paxEntry, { prefix: '', name: paxName(path) }, body.length, 'x');
    this.#advance(blockSize);
    for (let at = 0; at < body.length; ) {
      if (this.#used === bufferBytes) yield this.#flush();
      const count = body.copy(this.#buffer, this.#used, at);
      this.#advance(count);
      at += count;
    }
    yield* this.#pad(body.length);
  }

  *#data(path: Name, data: FileData): Generator<Buffer, void> {
    let offset = 0;
    for (const extent of data.extents ?? [{ offset: 0, length: data.size }]) {
      const from = Math.min(extent.offset, data.size);
      yield* this.#zeros(from - offset);
      const to = Math.min(from + extent.length, data.size);
      yield* this.#range(path, data, from, to);
      offset = to;
    }
    yield* this.#zeros(data.size - offset);
    yield* this.#pad(data.size);
  }

  *#range(path: Name, data: FileData, from: number, to: number): Generator<Buffer, void> {
    for (let offset = from; offset < to; ) {
      if (this.#used === bufferBytes) yield this.#flush();
      const wanted = Math.min(to - offset, bufferBytes - this.#used);
      const count = data.read(this.#buffer, this.#used, wanted, offset);
      if (count === 0) {
        this.shortened.push(path);
        yield* this.#zeros(to - offset);
        return;
      }
      this.#advance(count);
      offset += count;
    }
  }

  *#pad(bytes: number): Generator<Buffer, void> {
    yield* this.#zeros(padded(bytes) - bytes);
  }

  /** Long runs are given out of a block of zeros that is never written again. */
  *#zeros(bytes: number): Generator<Buffer, void> {
    let left = bytes;
    const fits = Math.min(left, bufferBytes - this.#used);
    this.#buffer.fill(0, this.#used, this.#used + fits);
    this.#advance(fits);
    left -= fits;
    if (left === 0) return;
    yield this.#flush();
    for (; left > zeros.length; left -= zeros.length) {
      this.position += zeros.length;
      yield zeros;
    }
    this.#buffer.fill(0, 0, left);
    this.#advance(left);
  }
}

/** Up to the next whole block. */
function padded(bytes: number): number {
  return Math.ceil(bytes / blockSize) * blockSize;
}

const nameBytes = 100;
const prefixBytes = 155;

interface SplitPath {
  readonly prefix: string;
  readonly name: string;
}

/** The path in the two fields of ustar, cut at a slash; undefined where it does not fit. */
function splitPath(path: Name): SplitPath | undefined {
  if (path.length <= nameBytes) return { prefix: '', name: path };
  if (path.length > prefixBytes + 1 + nameBytes) return undefined;
  // The slash behind a directory's name cannot be the cut: the name would be empty.
  const slash = path.lastIndexOf('/', Math.min(prefixBytes, path.length - 2));
  if (slash <= 0 || path.length - slash - 1 > nameBytes) return undefined;
  return { prefix: path.slice(0, slash), name: path.slice(slash + 1) };
}

const paxEntry: WriteEntry = { type: 'file', path: '' as Name, mode: 0o644, uid: 0, gid: 0, mtimeSec: 0, mtimeNsec: 0 };

/** The name that readers without PAX see. */
function paxName(path: Name): string {
  return `PaxHeaders.0/${path.slice(path.lastIndexOf('/') + 1)}`.slice(0, nameBytes);
}

const typeflags: Record<EntryType, string> = { file: '0', hardlink: '1', symlink: '2', chr: '3', blk: '4', dir: '5', fifo: '6' };

function putHeader(
  block: Buffer,
  at: number,
  entry: WriteEntry,
  path: SplitPath,
  size: number,
  typeflag = typeflags[entry.type],
): void {
  block.fill(0, at, at + blockSize);
  putText(block, at, path.name);
  putOctal(block, at + 100, 7, entry.mode & 0o7777);
  putOctal(block, at + 108, 7, entry.uid <= octalMax.id ? entry.uid : 0);
  putOctal(block, at + 116, 7, entry.gid <= octalMax.id ? entry.gid : 0);
  putOctal(block, at + 124, 11, size <= octalMax.size ? size : 0);
  putOctal(block, at + 136, 11, entry.mtimeSec >= 0 && entry.mtimeSec <= octalMax.mtime ? entry.mtimeSec : 0);
  block[at + 156] = typeflag.charCodeAt(0);
  if (entry.link !== undefined)
    putText(block, at + 157, entry.link.length <= nameBytes ? entry.link : entry.link.slice(0, nameBytes));
  putText(block, at + 257, 'ustar\x0000');
  putOctal(block, at + 329, 7, entry.deviceMajor ?? 0);
  putOctal(block, at + 337, 7, entry.deviceMinor ?? 0);
  if (path.prefix !== '') putText(block, at + 345, path.prefix);
  putChecksum(block, at, path, entry.link ?? '');
}

function putText(block: Buffer, at: number, text: string): void {
  for (let i = 0; i < text.length; i++) block[at + i] = text.charCodeAt(i);
}

function sumOf(block: Buffer, from: number, to: number): number {
  let sum = 0;
  for (let i = from; i < to; i++) sum += block[i]!;
  return sum;
}

/** `digits` octal digits; the NUL behind them is there. */
function putOctal(block: Buffer, at: number, digits: number, value: number): void {
  let rest = value;
  for (let i = at + digits - 1; i >= at; i--) {
    const upper = Math.floor(rest / 8);
    block[i] = 0x30 + (rest - upper * 8);
    rest = upper;
  }
}

/** Adds up what is not zero: the texts, and the fields of fixed length between them. */
function putChecksum(block: Buffer, at: number, path: SplitPath, link: string): void {
  let sum = 8 * 0x20; // the field itself counts as blanks
  sum += sumOf(block, at, at + path.name.length) + sumOf(block, at + 100, at + 157);
  sum += sumOf(block, at + 157, at + 157 + Math.min(link.length, nameBytes)) + sumOf(block, at + 257, at + 265);
  sum += sumOf(block, at + 329, at + 345 + path.prefix.length);
  putOctal(block, at + 148, 6, sum);
  block[at + 155] = 0x20;
}
