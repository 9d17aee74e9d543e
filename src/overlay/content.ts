/** What a mount does with bytes of a file as its layer keeps them: a range of a descriptor, or the data parts of a sparse tar entry. */

import { errno } from '../base/errno.js';
import { FsError } from '../base/errors.js';
import { cutOffSentence, isCutOff, readContent } from '../layers/content.js';
import type { Content } from '../layers/layer.js';
import { SEEK_DATA } from '../sys/constants.js';
import { pwrite } from '../sys/file.js';

/** Files end here at the latest: what a number can tell. */
export const sizeMax = Number.MAX_SAFE_INTEGER;

/** Bytes of a layer's file; fewer than `length` only at its end. EIO where the layer's file was cut off, as a disk says it of a bad block:
 *  a short answer would be filled up with zeros by the kernel. */
export function readBytes(content: Content, offset: number, buffer: Buffer, at: number, length: number): number {
  const count = readContent(content, offset, buffer, at, length);
  checkLength(content, offset + count, offset + length);
  return count;
}

/** EIO where what was read or copied of a content ends at `end`, before `wanted`, because its file was cut off. */
export function checkLength(content: Content, end: number, wanted: number): void {
  if (end < wanted && isCutOff(content, end)) throw new FsError(errno.EIO, cutOffSentence);
}

/** Copies the data parts of the first `length` bytes of a sparse entry; what lies between stays a hole. */
export function copyExtents(content: Content, target: number, length: number): void {
  const block = Buffer.allocUnsafeSlow(1 << 16);
  for (const extent of content.extents ?? []) {
    const end = Math.min(extent.offset + extent.length, length);
    for (let offset = extent.offset; offset < end; offset += block.length) {
      const got = readBytes(content, offset, block, 0, Math.min(block.length, end - offset));
      pwrite(target, block, 0, got, offset);
    }
  }
}

/** SEEK_DATA and SEEK_HOLE of a tar's file: data all through, or the extents of a sparse entry. */
export function seekContent(
  extents: readonly { offset: number; length: number }[] | undefined,
  size: number,
  offset: number,
  whence: number,
): number {
  if (offset >= size) throw new FsError(errno.ENXIO);
  const ranges = extents ?? [{ offset: 0, length: size }];
  const around = ranges.find((range) => offset >= range.offset && offset < range.offset + range.length);
  if (whence === SEEK_DATA) {
    if (around !== undefined) return offset;
    const next = ranges.find((range) => range.offset > offset && range.length > 0);
    if (next === undefined) throw new FsError(errno.ENXIO);
    return next.offset;
  }
  if (around === undefined) return offset;
  let end = around.offset + around.length;
  for (const range of ranges) if (range.offset === end) end += range.length;
  return Math.min(end, size);
}

/** EFBIG, as disks say it, for what would end beyond. */
export function checkEnd(end: number): void {
  if (end > sizeMax) throw new FsError(errno.EFBIG);
}
