/** Whether the numbers of an index keep to their ranges: one with a right checksum may still have been written by something else. */

import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../base/mode.js';
import { badIndex, type Columns, flag } from './tar-index-format.js';

/** What a TarIndex reads by. */
export interface IndexNumbers {
  readonly columns: Columns;
  readonly entries: number;
  readonly archiveBytes: number;
}

/** PlyfsError BAD_INDEX unless the numbers that reading goes by are in range, so that an index with a right checksum and wrong content reads nothing outside itself. */
export function checkNumbers(index: IndexNumbers): void {
  const { columns: c, entries } = index;
  const isWellFormed =
    entries > 0 &&
    Number.isSafeInteger(index.archiveBytes) &&
    [c.data, c.size, c.mtimeSec, c.mtimeNsec, c.parent, c.uid, c.gid, c.nameEnd, c.mode].every(
      (column) => column.length === entries,
    ) &&
    c.groupEntry.length === c.groupFirst.length &&
    c.groupEntry.length === c.groupSize.length &&
    c.xattrEntry.length === c.xattrAt.length &&
    c.sparseEntry.length === c.sparseEnd.length &&
    c.whiteoutDir.length === c.whiteoutEnd.length &&
    c.extentOffset.length === c.extentLength.length &&
    c.extentOffset.length === c.extentAt.length &&
    (c.mode[0]! & S_IFMT) === S_IFDIR &&
    isBelow(c.groupEntry, entries) &&
    isBelow(c.groupFirst, entries) &&
    isAscending(c.nameEnd, c.names.length) &&
    isAscending(c.sparseEnd, c.extentAt.length) &&
    isAscending(c.whiteoutEnd, c.whiteoutNames.length);
  if (!isWellFormed) throw badIndex('has columns that do not fit each other');
  checkEntries(index);
  checkExtents(index);
}

function checkExtents({ columns: { extentOffset, extentLength, extentAt }, archiveBytes }: IndexNumbers): void {
  extentAt.forEach((at, i) => {
    const length = extentLength[i]!;
    // Written so that what is no number fails too.
    const isInside =
      at >= 0 && Number.isSafeInteger(length) && length >= 0 && at + length <= archiveBytes && extentOffset[i]! >= 0;
    if (!isInside) throw badIndex('has a part of a sparse file behind the end of the tar');
  });
}

/** In one loop over local columns: it runs once for each name, in code that is not compiled yet. */
function checkEntries({ columns, entries, archiveBytes }: IndexNumbers): void {
  const { data: starts, size: sizes, mode: modes, parent: parents, flags } = columns;
  const targetBytes = columns.targets.length;
  for (let entry = 0; entry < entries; entry++) {
    const data = starts[entry]!;
    const size = sizes[entry]!;
    const end = data + size;
    const kind = modes[entry]! & S_IFMT;
    // Children have higher numbers than their directory, so a walk ends.
    if (entry > 0 && parents[entry]! >= entry) throw badIndex(`has entry ${entry} before its directory`);
    // Not for NaN either.
    const isSafe = data <= Number.MAX_SAFE_INTEGER && size <= Number.MAX_SAFE_INTEGER;
    if (!(data >= 0 && size >= 0 && isSafe && data === Math.floor(data) && size === Math.floor(size)))
      throw badIndex(`has entry ${entry} nowhere`);
    if (kind === S_IFREG) {
      if (end > archiveBytes && (flags[entry]! & flag.sparse) === 0)
        throw badIndex(`has file ${entry} behind the end of the tar`);
    } else if (kind === S_IFDIR) {
      if (end > entries || (end > data && data <= entry)) throw badIndex(`has directory ${entry} with children it cannot have`);
    } else if (kind === S_IFLNK || kind === 0) {
      if (end > targetBytes) throw badIndex(`has link ${entry} without its target`);
    }
  }
}

function isBelow(numbers: Uint32Array, limit: number): boolean {
  return numbers.every((number) => number < limit);
}

function isAscending(ends: Uint32Array, last: number): boolean {
  let previous = 0;
  // By number: an iterator costs three times as much as long as nothing is compiled.
  for (let i = 0; i < ends.length; i++) {
    const end = ends[i]!;
    if (end < previous) return false;
    previous = end;
  }
  return ends.length === 0 ? last === 0 : previous === last;
}
