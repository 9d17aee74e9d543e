/** The addon's record of a call, read where its arguments say less than it holds (fuse-native.c, fuse_thread_locals_t, 64-bit layout). */

import type { AttributeChange } from '../../vfs/filesystem.js';
import { timeOf } from './records.js';

/** size_t atime and mtime, in milliseconds. */
const atimeAt = 104;
const mtimeAt = 112;

/** The times of a utimens call. The addon passes the access time twice; the modification time is in its record. Where the record does not
 *  hold the access time in its place (another build of the addon), both are the access time. */
export function bothTimes(record: Buffer, low: number, high: number): AttributeChange {
  const atime = timeOf(low, high);
  const isKnown =
    record.length >= mtimeAt + 8 && record.readUInt32LE(atimeAt) === low && record.readUInt32LE(atimeAt + 4) === high;
  const mtime = isKnown ? timeOf(record.readUInt32LE(mtimeAt), record.readUInt32LE(mtimeAt + 4)) : atime;
  return { atime, mtime };
}
