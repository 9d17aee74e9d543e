/** How the index of a tar layer lies in memory and on disk: a header, then columns (typed arrays) one behind the other. */

import { PlyfsError } from '../../base/errors.js';
import { xxhash64 } from '../../base/xxhash.js';

const magic = Buffer.from('plyfsix\0', 'latin1');
/** Goes up with every change of the columns or of the rules that fill them: an index of another version is built anew. */
const version = 2;

type Kind = 'u8' | 'u16' | 'u32' | 'f64';
const widths: Record<Kind, number> = { u8: 1, u16: 2, u32: 4, f64: 8 };

/** The columns in the order of the file. `entries` has one number for each entry. */
const columns = [
  // Of each entry. `data` is the place of a file's data in the tar, of a link's target in `targets`, a directory's first child, or
  // a device's number; `size` is a file's size, the target's length, or the number of children.
  ['data', 'f64'],
  ['size', 'f64'],
  ['mtimeSec', 'f64'],
  ['mtimeNsec', 'u32'],
  ['parent', 'u32'],
  ['uid', 'u32'],
  ['gid', 'u32'],
  ['nameEnd', 'u32'],
  ['mode', 'u16'],
  ['flags', 'u8'],
  ['names', 'u8'],
  ['targets', 'u8'],
  // Of each name of a file with several names, ascending: the entry, the first of its names, the number of its names.
  ['groupEntry', 'u32'],
  ['groupFirst', 'u32'],
  ['groupSize', 'u32'],
  // Of each entry with xattrs, ascending: the place of its set in `xattrBytes` (u32 count; then u32 length, u32 length, name, value).
  ['xattrEntry', 'u32'],
  ['xattrAt', 'u32'],
  ['xattrBytes', 'u8'],
  // Of each sparse file, ascending; where its extents end in the columns below.
  ['sparseEntry', 'u32'],
  ['sparseEnd', 'u32'],
  ['extentOffset', 'f64'],
  ['extentLength', 'f64'],
  ['extentAt', 'f64'],
  // Of each whiteout, ascending by directory and name.
  ['whiteoutDir', 'u32'],
  ['whiteoutEnd', 'u32'],
  ['whiteoutNames', 'u8'],
] as const satisfies readonly (readonly [string, Kind])[];

interface Arrays {
  u8: Buffer;
  u16: Uint16Array;
  u32: Uint32Array;
  f64: Float64Array;
}
type Column = (typeof columns)[number];
export type ColumnName = Column[0];
export type Columns = { readonly [C in Column as C[0]]: Arrays[C[1]] };

/** Bits of the column `flags`. A lower link's kind is unknown: its mode is 0 and its target a path of the image. A directory for `markers`
 *  is implied by nothing else: it shows only where a lower layer has a directory. 128 is the builder's own. */
export const flag = { implied: 1, opaque: 2, multi: 4, xattrs: 8, sparse: 16, lowerLink: 32, markers: 64 } as const;

/** magic, u32 version, u32 unused, u64 checksum of everything behind it, f64 length of the tar, then an f64 count for each column. */
const checksumAt = 16;
const archiveBytesAt = 24;
const countsAt = 32;
const headerBytes = countsAt + columns.length * 8;

/** The bytes of an index with room for `counts`, its columns all zeros. */
export function emptyIndex(counts: Record<ColumnName, number>, archiveBytes: number): Buffer {
  let total = headerBytes;
  for (const [name, kind] of columns) total += aligned(counts[name] * widths[kind]);
  const bytes = Buffer.from(new ArrayBuffer(total));
  magic.copy(bytes);
  bytes.writeUInt32LE(version, 8);
  bytes.writeDoubleLE(archiveBytes, archiveBytesAt);
  columns.forEach(([name], i) => {
    bytes.writeDoubleLE(counts[name], countsAt + i * 8);
  });
  return bytes;
}

/** Writes the checksum. */
export function sealIndex(bytes: Buffer): void {
  bytes.writeBigUInt64LE(xxhash64(bytes.subarray(archiveBytesAt)), checksumAt);
}

/** PlyfsError BAD_INDEX for anything but what `sealIndex` has sealed. The numbers in the columns are not looked at. */
export function checkSealed(bytes: Buffer): void {
  if (bytes.length < headerBytes || !bytes.subarray(0, 8).equals(magic)) throw badIndex('is not an index');
  const found = bytes.readUInt32LE(8);
  if (found !== version) throw badIndex(`has version ${found}, this program reads ${version}`);
  if (bytes.readBigUInt64LE(checksumAt) !== xxhash64(bytes.subarray(archiveBytesAt)))
    throw badIndex('is damaged (its checksum is wrong)');
  checkLengths(bytes);
}

function checkLengths(bytes: Buffer): void {
  let total = headerBytes;
  columns.forEach(([, kind], i) => {
    const count = bytes.readDoubleLE(countsAt + i * 8);
    if (!Number.isSafeInteger(count) || count < 0) throw badIndex('has a column of no length');
    total += aligned(count * widths[kind]);
  });
  if (total !== bytes.length) throw badIndex(`has ${bytes.length} bytes, its columns ${total}`);
}

/** Length of the uncompressed tar that the index was built from. */
export function archiveBytesOf(bytes: Buffer): number {
  return bytes.readDoubleLE(archiveBytesAt);
}

/** PRE: `bytes` begin at a multiple of 8 of their memory, and their lengths were checked. */
export function viewColumns(bytes: Buffer): Columns {
  const views: Partial<Record<ColumnName, Arrays[Kind]>> = {};
  let at = bytes.byteOffset + headerBytes;
  columns.forEach(([name, kind], i) => {
    const count = bytes.readDoubleLE(countsAt + i * 8);
    views[name] = arrayOf(kind, bytes.buffer, at, count);
    at += aligned(count * widths[kind]);
  });
  return views as Columns; // each name of the table was set, with the array of its kind
}

function arrayOf(kind: Kind, buffer: ArrayBufferLike, at: number, count: number): Arrays[Kind] {
  switch (kind) {
    case 'u8':
      return Buffer.from(buffer, at, count);
    case 'u16':
      return new Uint16Array(buffer, at, count);
    case 'u32':
      return new Uint32Array(buffer, at, count);
    case 'f64':
      return new Float64Array(buffer, at, count);
  }
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}

export function badIndex(what: string): PlyfsError {
  return new PlyfsError('BAD_INDEX', `the layer index ${what}; it must be built again from the layer`);
}
