/** The bytes of regular files in layers: holes as zeros, tars read ahead. */

import { PlyfsError } from '../../base/errors.js';
import { cutOffSentence, isCutOff, readContent, untilEnd } from '../../layers/content.js';
import type { Content } from '../../layers/layer.js';
import { dataRanges } from '../../sys/file.js';
import type { FileData } from '../../tar/writer.js';
import { ReadAhead } from './read-ahead.js';

export interface OpenedFile extends FileData {
  close(): void;
}

/** By the descriptor of a layer's tar. */
export type Readers = Map<number, ReadAhead>;

const chunkBytes = 1024 * 1024;

/** Bytes [from, to) of a content, in order. The chunks are the caller's to keep. PlyfsError `truncated` where the layer's file was cut off. */
export function* chunksOf(content: Content, from: number, to: number): Generator<Buffer> {
  const end = Math.min(to, content.size);
  for (let at = from; at < end; ) {
    const chunk = Buffer.alloc(Math.min(chunkBytes, end - at));
    const count = readWhole(content, at, chunk, 0, chunk.length);
    if (count === 0) return;
    yield chunk.subarray(0, count);
    at += count;
  }
}

function readWhole(content: Content, offset: number, buffer: Buffer, at: number, length: number): number {
  const count = readContent(content, offset, buffer, at, length);
  if (count < length && isCutOff(content, offset + count)) throw cutOff();
  return count;
}

function cutOff(): PlyfsError {
  return new PlyfsError('truncated', cutOffSentence);
}

/** A content for reading at will; closing it closes `content`. `size` and `blocks` are those of the file. PRE: descriptors of tars stay
 *  open as long as `readers` are used. */
export function openContent(content: Content, size: number, blocks: number, readers: Readers): OpenedFile {
  const close = (): void => content.close();
  if (content.extents !== undefined) {
    return {
      size,
      extents: content.extents,
      read: (buffer, at, length, offset) => readWhole(content, offset, buffer, at, length),
      close,
    };
  }
  if (content.size === untilEnd) {
    const isSparse = blocks * 512 < size;
    const extents = isSparse ? { extents: dataRanges(content.fd, size) } : {};
    return { size, ...extents, read: (buffer, at, length, offset) => readContent(content, offset, buffer, at, length), close };
  }
  const reader = readerOf(content.fd, readers);
  const read: OpenedFile['read'] = (buffer, at, length, offset) => {
    const count = reader.read(buffer, at, Math.min(length, content.size - offset), content.start + offset);
    if (count < length && isCutOff(content, offset + count)) throw cutOff();
    return count;
  };
  return { size, read, close };
}

function readerOf(fd: number, readers: Readers): ReadAhead {
  const known = readers.get(fd);
  if (known !== undefined) return known;
  const reader = new ReadAhead(fd);
  readers.set(fd, reader);
  return reader;
}
