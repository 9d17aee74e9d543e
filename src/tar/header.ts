/** The 512-byte header of ustar, GNU, star and V7 tars: where its fields are and how their numbers are spelled.
 *  Sources: POSIX pax "ustar Interchange Format"; GNU tar src/tar.h; star's header in libarchive's tar.5. */

import { type Name, nameFromBytes } from '../base/name.js';
import { badTar } from './entry.js';

export const blockSize = 512;

/** Field name, offset and length. Numbers are octal text or base-256. */
export const fields = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  linkname: [157, 100],
  magic: [257, 8],
  uname: [265, 32],
  gname: [297, 32],
  devmajor: [329, 8],
  devminor: [337, 8],
  prefix: [345, 155],
  starPrefix: [345, 131],
  realsize: [483, 12],
} as const satisfies Record<string, readonly [offset: number, length: number]>;

export const typeflagAt = 156;
export type FieldName = keyof typeof fields;

/** Largest values of the octal fields as the writer fills them; what is larger goes into a PAX record. */
export const octalMax = { id: 0o7777777, size: 0o77777777777, mtime: 0o77777777777 } as const;

/** Which extensions the magic promises. `gnu` and `v7` have no prefix; old GNU sparse maps belong to `gnu`. */
export type Dialect = 'ustar' | 'star' | 'gnu' | 'v7';

export function dialectOf(block: Buffer, at: number): Dialect {
  const magic = block.toString('latin1', at + 257, at + 265);
  if (magic === 'ustar  \0') return 'gnu';
  if (!magic.startsWith('ustar\0')) return 'v7';
  return block.toString('latin1', at + 508, at + 512) === 'tar\0' ? 'star' : 'ustar';
}

export function isZeroBlock(block: Buffer, at: number): boolean {
  for (let i = at; i < at + blockSize; i++) if (block[i] !== 0) return false;
  return true;
}

/** Whether the header's sum is right, added up as unsigned bytes (POSIX) or signed ones (old Sun and HP-UX tars). */
export function hasRightChecksum(block: Buffer, at: number): boolean {
  const [offset, length] = fields.checksum;
  const stored = octal(block, at + offset, length);
  // The field itself counts as blanks.
  const sum = sumOf(block, at, at + blockSize) - sumOf(block, at + offset, at + offset + length) + length * 0x20;
  return stored === sum || stored === sum - 256 * highBytes(block, at, offset, length);
}

/** Four at a time: half of a reader's work is this sum. PRE: a multiple of four bytes. */
function sumOf(block: Buffer, from: number, to: number): number {
  let sum = 0;
  for (let i = from; i < to; i += 4) sum += block[i]! + block[i + 1]! + block[i + 2]! + block[i + 3]!;
  return sum;
}

/** How many bytes outside the checksum field are negative as signed ones. */
function highBytes(block: Buffer, at: number, offset: number, length: number): number {
  let count = 0;
  for (let i = 0; i < blockSize; i++) if ((i < offset || i >= offset + length) && block[at + i]! >= 0x80) count++;
  return count;
}

/** A number field. Empty is 0. BAD_TAR, naming the field, where it holds no number or one beyond 2^53. */
export function numberField(block: Buffer, at: number, field: FieldName, path: Name | undefined, where: number): number {
  const [offset, length] = fields[field];
  const value = numberAt(block, at + offset, length);
  if (value === undefined) throw badTar(path, where, `the ${field} field holds no number (${shown(block, at + offset, length)})`);
  if (!Number.isSafeInteger(value)) throw badTar(path, where, `the ${field} field is beyond 2^53`);
  return value;
}

/** A number field that counts bytes. BAD_TAR for a negative one too. */
export function sizeField(block: Buffer, at: number, field: 'size' | 'realsize', path: Name | undefined, where: number): number {
  const size = numberField(block, at, field, path, where);
  if (size < 0) throw badTar(path, where, `the ${field} is negative (${size})`);
  return size;
}

/** Octal text, or base-256 where the first bit is set (GNU; two's complement). Undefined for anything else. */
export function numberAt(block: Buffer, from: number, length: number): number | undefined {
  return block[from]! >= 0x80 ? base256(block, from, length) : octal(block, from, length);
}

/** Digits between blanks; NUL or a blank ends them, or the field does. Undefined where something else stands there. */
function octal(block: Buffer, from: number, length: number): number | undefined {
  const end = from + length;
  let i = from;
  while (i < end && block[i] === 0x20) i++;
  let value = 0;
  for (; i < end; i++) {
    const digit = block[i]! - 0x30;
    if (digit < 0 || digit > 7) break;
    value = value * 8 + digit;
  }
  for (; i < end; i++) if (block[i] !== 0 && block[i] !== 0x20) return undefined;
  return value;
}

function base256(block: Buffer, from: number, length: number): number {
  const first = block[from]!;
  const isNegative = (first & 0x40) !== 0;
  let value = isNegative ? first | ~0xff : first & 0x3f;
  for (let i = from + 1; i < from + length; i++) value = value * 256 + block[i]!;
  return value;
}

/** A text field: up to its first NUL, or whole. */
export function textField(block: Buffer, at: number, field: FieldName): Name {
  const [offset, length] = fields[field];
  const from = at + offset;
  const end = from + length;
  let i = from;
  while (i < end && block[i] !== 0) i++;
  return nameFromBytes(block, from, i);
}

function shown(block: Buffer, from: number, length: number): string {
  return JSON.stringify(block.toString('latin1', from, from + length));
}
