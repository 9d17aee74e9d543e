/** The four ways in which GNU tar writes down where the data of a sparse file lies.
 *  Source: GNU tar manual, "Storing Sparse Files"; src/sparse.c. */

import type { Limits } from '../base/limits.js';
import type { Name } from '../base/name.js';
import { badTar, entryOverLimit, type SparseExtent } from './entry.js';
import { blockSize, numberAt } from './header.js';

/** A decimal number below 2^53, undefined for other text. */
export function numberFromText(text: string): number | undefined {
  if (!/^\d{1,16}$/.test(text)) return undefined;
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : undefined;
}

/** The old GNU map (type S): offset and length pairs of 12 bytes each, 4 in the header and 21 in each block that follows it. */
export class OldGnuMap {
  readonly numbers: number[] = [];

  /** Takes the pairs in the header at `at`; whether a block of more follows. */
  readHeader(block: Buffer, at: number, path: Name, where: number): boolean {
    this.#read(block, at + 386, 4, path, where);
    return block[at + 482] !== 0;
  }

  /** Takes one of the blocks that follow; whether another follows. */
  readBlock(block: Buffer, at: number, path: Name, where: number): boolean {
    this.#read(block, at, 21, path, where);
    return block[at + 504] !== 0;
  }

  #read(block: Buffer, at: number, count: number, path: Name, where: number): void {
    for (let i = 0; i < count; i++) {
      const from = at + i * 24;
      if (block[from] === 0) return;
      const offset = numberAt(block, from, 12);
      const length = numberAt(block, from + 12, 12);
      if (offset === undefined || length === undefined)
        throw badTar(path, where, 'the sparse map holds something that is no number');
      this.numbers.push(offset, length);
    }
  }
}

/** The map of format 1.0: decimal lines at the start of the data (count, then offset and length in turn), filled up to whole blocks. */
export class LinesMap {
  readonly numbers: number[] = [];
  #count: number | undefined = undefined;
  #digits = '';

  /** Takes the next block of the data; whether the map ended in it. */
  readBlock(block: Buffer, at: number, path: Name, where: number, limits: Limits): boolean {
    for (let i = at; i < at + blockSize; i++) {
      const byte = block[i]!;
      if (byte !== 0x0a) {
        this.#digits += String.fromCharCode(byte);
        if (this.#digits.length > 16)
          throw badTar(path, where, 'the sparse map before the data holds something that is no number');
        continue;
      }
      const number = numberFromText(this.#digits);
      if (number === undefined) throw badTar(path, where, 'the sparse map before the data holds something that is no number');
      this.#digits = '';
      if (this.#count === undefined) this.#setCount(number, path, where, limits);
      else this.numbers.push(number);
      if (this.numbers.length === this.#count! * 2) return true;
    }
    return false;
  }

  #setCount(count: number, path: Name, where: number, limits: Limits): void {
    if (count > limits.sparseExtents) throw entryOverLimit(path, where, `the sparse map has ${count} ranges`, 'sparseExtents');
    this.#count = count;
  }
}

/** The extents of a map whose data, `stored` bytes, begin at `dataAt`. BAD_TAR where ranges overlap, leave the file's `size`, or
 *  do not add up to what is stored. */
export function extentsOf(
  numbers: readonly number[],
  size: number,
  dataAt: number,
  stored: number,
  path: Name,
  limits: Limits,
): SparseExtent[] {
  if (numbers.length % 2 !== 0) throw badTar(path, dataAt, 'the sparse map has an offset without a length');
  if (numbers.length / 2 > limits.sparseExtents)
    throw entryOverLimit(path, dataAt, `the sparse map has ${numbers.length / 2} ranges`, 'sparseExtents');
  const extents: SparseExtent[] = [];
  let end = 0;
  let at = dataAt;
  for (let i = 0; i < numbers.length; i += 2) {
    const offset = numbers[i]!;
    const length = numbers[i + 1]!;
    if (!(offset >= end && length >= 0 && offset + length <= size)) {
      throw badTar(
        path,
        dataAt,
        `range ${offset}+${length} of the sparse map overlaps another or leaves the file of ${size} bytes`,
      );
    }
    end = offset + length;
    if (length > 0) extents.push({ offset, length, at });
    at += length;
  }
  if (at - dataAt !== stored) throw badTar(path, dataAt, `the sparse map holds ${at - dataAt} bytes, ${stored} are stored`);
  return extents;
}
