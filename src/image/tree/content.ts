/** The bytes of regular files in layers: holes as zeros, tars read ahead. */

import { readSync } from 'node:fs';
import { PlyfsError } from '../../base/errors.js';
import type { Content } from '../../layers/layer.js';
import { dataRanges, pread } from '../../sys/file.js';
import type { FileData } from '../../tar/writer.js';
import { ReadAhead } from './read-ahead.js';

export interface OpenedFile extends FileData {
  close(): void;
}

/** By the descriptor of a layer's tar. */
export type Readers = Map<number, ReadAhead>;

const chunkBytes = 1024 * 1024;

/** Bytes [from, to) of a content, in order. The chunks are the caller's to keep. */
export function* readContent(content: Content, from: number, to: number): Generator<Buffer> {
  const end = Math.min(to, content.size);
  for (let at = from; at < end; at += chunkBytes) yield readChunk(content, at, Math.min(chunkBytes, end - at));
}

/** Bytes [at, at + length) of a content, holes as zeros. PRE: within its size. */
function readChunk(content: Content, at: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  const ranges = content.extents ?? [{ offset: 0, length: content.size, at: content.start }];
  for (const range of ranges) {
    const from = Math.max(at, range.offset);
    const to = Math.min(at + length, range.offset + range.length);
    if (from < to) fill(content.fd, bytes.subarray(from - at, to - at), range.at + (from - range.offset));
  }
  return bytes;
}

function fill(fd: number, bytes: Buffer, position: number): void {
  for (let done = 0; done < bytes.length; ) {
    const count = readSync(fd, bytes, done, bytes.length - done, position + done);
    if (count === 0) throw cutOff(position + done);
    done += count;
  }
}

/** A content for reading at will; closing it closes `content`. `size` and `blocks` are those of the file. PRE: descriptors of tars stay
 *  open as long as `readers` are used. */
export function openContent(content: Content, size: number, blocks: number, readers: Readers): OpenedFile {
  if (content.extents !== undefined) return sparseFile(content, size);
  // A tar never ends before what its index says.
  const isFixed = content.size === size;
  const isSparse = !isFixed && blocks * 512 < size;
  return {
    size,
    ...(isSparse ? { extents: dataRanges(content.fd, size) } : {}),
    read: (buffer, at, length, offset) => {
      const count = isFixed
        ? readerOf(content.fd, readers).read(buffer, at, length, content.start + offset)
        : pread(content.fd, buffer, at, length, content.start + offset);
      if (count === 0 && isFixed) throw cutOff(content.start + offset);
      return count;
    },
    close: () => content.close(),
  };
}

function readerOf(fd: number, readers: Readers): ReadAhead {
  const known = readers.get(fd);
  if (known !== undefined) return known;
  const reader = new ReadAhead(fd);
  readers.set(fd, reader);
  return reader;
}

/** A sparse entry of a tar. */
function sparseFile(content: Content, size: number): OpenedFile {
  const extents = content.extents!; // the caller saw them
  let last = 0;
  return {
    size,
    extents,
    read: (buffer, at, length, offset) => {
      if (offset < extents[last]!.offset) last = 0;
      while (offset >= extents[last]!.offset + extents[last]!.length) last++;
      const extent = extents[last]!; // callers read within the extents
      const wanted = Math.min(length, extent.offset + extent.length - offset);
      const count = pread(content.fd, buffer, at, wanted, extent.at + offset - extent.offset);
      if (count === 0) throw cutOff(extent.at + offset - extent.offset);
      return count;
    },
    close: () => content.close(),
  };
}

function cutOff(position: number): PlyfsError {
  return new PlyfsError('truncated', `the layer's file ends at byte ${position}: it was cut off since it was opened`);
}
