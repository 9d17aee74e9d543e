/** The bytes of a layer's file, for all who read them: the mount that serves them, the views that pack, compare and print them. */

import { pread } from '../sys/file.js';
import type { Content } from './layer.js';

/** `size` of the content of a file on disk: it ends where the file ends, which may change. */
export const untilEnd = Number.MAX_SAFE_INTEGER;

/** Bytes read into `buffer` at `at`, holes as zeros. Fewer than `length` at the end of the content, and where the file behind it has been
 *  cut off since its size was noted: isCutOff tells one from the other. */
export function readContent(content: Content, offset: number, buffer: Buffer, at: number, length: number): number {
  const wanted = Math.min(length, content.size - offset);
  if (wanted <= 0) return 0;
  if (content.extents !== undefined) return readExtents(content.fd, content.extents, offset, buffer, at, wanted);
  if (content.size === untilEnd) return pread(content.fd, buffer, at, wanted, content.start + offset);
  return preadAll(content.fd, buffer, at, wanted, content.start + offset);
}

/** Whether a read that ended at `end`, before what was asked for, ended too early: a tar never ends before what its index says. */
export function isCutOff(content: Content, end: number): boolean {
  return content.size !== untilEnd && end < content.size;
}

/** What is wrong with a content that isCutOff, in words. */
export const cutOffSentence = 'the file of the layer is shorter than it was: it was cut off since it was opened';

function readExtents(
  fd: number,
  extents: NonNullable<Content['extents']>,
  offset: number,
  buffer: Buffer,
  at: number,
  length: number,
): number {
  let done = 0;
  for (let i = firstEndingAfter(extents, offset); done < length; i++) {
    const extent = extents[i];
    const hole = Math.min(length, extent === undefined ? length : extent.offset - offset);
    if (hole > done) buffer.fill(0, at + done, at + hole);
    done = Math.max(done, hole);
    if (extent === undefined || done === length) break;
    const from = offset + done - extent.offset;
    const wanted = Math.min(length - done, extent.length - from);
    if (wanted <= 0) continue;
    const got = preadAll(fd, buffer, at + done, wanted, extent.at + from);
    done += got;
    if (got < wanted) break;
  }
  return done;
}

/** The number of the first extent with bytes at or after `offset`. */
function firstEndingAfter(extents: NonNullable<Content['extents']>, offset: number): number {
  let low = 0;
  let high = extents.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const extent = extents[middle]!; // within the array
    if (extent.offset + extent.length > offset) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** As pread, and fewer than `length` only at the end of the file. */
function preadAll(fd: number, buffer: Buffer, at: number, length: number, position: number): number {
  let done = 0;
  while (done < length) {
    const got = pread(fd, buffer, at + done, length - done, position + done);
    if (got === 0) break;
    done += got;
  }
  return done;
}
