/** The index of a tar layer: what a directory walk, a stat and a read need to know, without the tar. Built by tar-index-builder.ts in one
 *  pass, used by tar-layer.ts. It is one buffer of columns (typed arrays), so that saving and loading it is copying it: about 47 bytes
 *  and the name for each entry, no object for any.
 *
 *  Entries are numbered so that the children of a directory stand in a row, sorted by name; entry 0 is the root. Only what the layer
 *  holds in the end is here: duplicates are merged and hard links bound (docs of the rules: tar-index-builder.ts). */

import { PlyfsError } from '../base/errors.js';
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../base/mode.js';
import { type Name, nameFromBytes } from '../base/name.js';
import { xxhash64 } from '../base/xxhash.js';

const magic = Buffer.from('plyfsix\0', 'latin1');
/** Goes up with every change of the columns or of the rules that fill them: an index of another version is built anew. */
const version = 1;

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

/** Bits of the column `flags`. A lower link's kind is unknown: its mode is 0 and its target a path of the image. */
export const flag = { implied: 1, opaque: 2, multi: 4, xattrs: 8, sparse: 16, lowerLink: 32 } as const;

/** magic, u32 version, u32 unused, u64 checksum of everything behind it, f64 length of the tar, then an f64 count for each column. */
const checksumAt = 16;
const archiveBytesAt = 24;
const countsAt = 32;
const headerBytes = countsAt + columns.length * 8;

export class TarIndex {
  readonly columns: Columns;
  /** Length of the uncompressed tar that it was built from. */
  readonly archiveBytes: number;
  readonly entries: number;
  /** For each row of the group columns the row of the file's next name, 0 at the last. Made when first asked for. */
  #nextInGroup: Uint32Array | undefined;

  /** PRE: `bytes` begin at a multiple of 8 of their memory and were checked (`load`) or laid out by `allocate`. */
  private constructor(readonly bytes: Buffer) {
    this.archiveBytes = bytes.readDoubleLE(archiveBytesAt);
    this.columns = viewColumns(bytes);
    this.entries = this.columns.flags.length;
  }

  /** An empty index with room for `counts`, to be filled through `columns` and then sealed. */
  static allocate(counts: Record<ColumnName, number>, archiveBytes: number): TarIndex {
    let total = headerBytes;
    for (const [name, kind] of columns) total += aligned(counts[name] * widths[kind]);
    const bytes = Buffer.from(new ArrayBuffer(total));
    magic.copy(bytes);
    bytes.writeUInt32LE(version, 8);
    bytes.writeDoubleLE(archiveBytes, archiveBytesAt);
    columns.forEach(([name], i) => {
      bytes.writeDoubleLE(counts[name], countsAt + i * 8);
    });
    return new TarIndex(bytes);
  }

  /** Writes the checksum: `bytes` are now what `load` takes. */
  seal(): this {
    this.bytes.writeBigUInt64LE(xxhash64(this.bytes.subarray(archiveBytesAt)), checksumAt);
    return this;
  }

  /** The index in `bytes`, which stay in use. PlyfsError BAD_INDEX for anything that `seal` did not write whole: build it anew then. */
  static load(bytes: Buffer): TarIndex {
    if (bytes.length < headerBytes || !bytes.subarray(0, 8).equals(magic)) throw badIndex('is not an index');
    const found = bytes.readUInt32LE(8);
    if (found !== version) throw badIndex(`has version ${found}, this program reads ${version}`);
    if (bytes.readBigUInt64LE(checksumAt) !== xxhash64(bytes.subarray(archiveBytesAt)))
      throw badIndex('is damaged (its checksum is wrong)');
    checkLengths(bytes);
    const index = new TarIndex(bytes.byteOffset % 8 === 0 ? bytes : Buffer.from(new Uint8Array(bytes).buffer));
    checkNumbers(index);
    return index;
  }

  /** The entry `name` of directory `dir`, -1 if there is none. No allocation. PRE: `dir` is a directory. */
  find(dir: number, name: Name): number {
    let low = this.columns.data[dir]!;
    let high = low + this.columns.size[dir]!;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const order = this.#compareName(middle, name);
      if (order === 0) return middle;
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    return -1;
  }

  /** The entry at `path`, names joined by '/', '' for the root; -1 if there is none. Symlinks are not followed. */
  findPath(path: Name): number {
    let entry = 0;
    if (path === '') return entry;
    for (const name of path.split('/') as Name[]) {
      entry = this.isDirectory(entry) ? this.find(entry, name) : -1;
      if (entry < 0) return -1;
    }
    return entry;
  }

  isDirectory(entry: number): boolean {
    return (this.columns.mode[entry]! & S_IFMT) === S_IFDIR;
  }

  has(entry: number, bit: number): boolean {
    return (this.columns.flags[entry]! & bit) !== 0;
  }

  name(entry: number): Name {
    const { names, nameEnd } = this.columns;
    return nameFromBytes(names, entry === 0 ? 0 : nameEnd[entry - 1]!, nameEnd[entry]!);
  }

  /** The names from the root to `entry`, joined by '/'; '' for the root. */
  path(entry: number): Name {
    const parts: Name[] = [];
    for (let at = entry; at !== 0; at = this.columns.parent[at]!) parts.push(this.name(at));
    return parts.reverse().join('/') as Name;
  }

  /** The target of a symlink, or of a lower link (a path from the image root). */
  target(entry: number): Name {
    const from = this.columns.data[entry]!;
    return nameFromBytes(this.columns.targets, from, from + this.columns.size[entry]!);
  }

  /** Where `entry` stands among the names of files with several; -1 for a file with one. */
  groupOf(entry: number): number {
    return this.has(entry, flag.multi) ? positionOf(this.columns.groupEntry, entry) : -1;
  }

  /** All names of the file with several whose first name is `first`; none for other files. */
  namesOf(first: number): number[] {
    const { groupEntry, groupFirst } = this.columns;
    const at = positionOf(groupEntry, first);
    if (at < 0 || groupFirst[at] !== first) return [];
    this.#nextInGroup ??= chained(groupEntry, groupFirst);
    const names = [first];
    for (let next = this.#nextInGroup[at]!; next !== 0; next = this.#nextInGroup[next]!) names.push(groupEntry[next]!);
    return names;
  }

  /** The first name of the file that `entry` is a name of: what its xattrs and extents are kept under. */
  first(entry: number): number {
    const group = this.groupOf(entry);
    return group < 0 ? entry : this.columns.groupFirst[group]!;
  }

  /** Calls `visit` with each xattr; it returns true to stop. */
  xattrs(entry: number, visit: (name: Name, value: Buffer) => boolean): void {
    if (!this.has(entry, flag.xattrs)) return;
    const at = positionOf(this.columns.xattrEntry, this.first(entry));
    if (at < 0) return;
    const bytes = this.columns.xattrBytes;
    let from = this.columns.xattrAt[at]!;
    const count = bytes.readUInt32LE(from);
    from += 4;
    for (let i = 0; i < count; i++) {
      const nameFrom = from + 8;
      const valueFrom = nameFrom + bytes.readUInt32LE(from);
      const end = valueFrom + bytes.readUInt32LE(from + 4);
      if (visit(nameFromBytes(bytes, nameFrom, valueFrom), bytes.subarray(valueFrom, end))) return;
      from = end;
    }
  }

  /** The data ranges of a sparse file, `at` counted from the start of the tar; undefined for other files. */
  extents(entry: number): { offset: number; length: number; at: number }[] | undefined {
    if (!this.has(entry, flag.sparse)) return undefined;
    const { sparseEntry, sparseEnd, extentOffset, extentLength, extentAt } = this.columns;
    const sparse = positionOf(sparseEntry, this.first(entry));
    const result: { offset: number; length: number; at: number }[] = [];
    for (let i = sparse === 0 ? 0 : sparseEnd[sparse - 1]!; i < sparseEnd[sparse]!; i++) {
      result.push({ offset: extentOffset[i]!, length: extentLength[i]!, at: extentAt[i]! });
    }
    return result;
  }

  /** The first whiteout of a directory in the whiteout columns; they follow each other while `whiteoutDir` is the same. */
  firstWhiteout(dir: number): number {
    return lowerBound(this.columns.whiteoutDir, dir);
  }

  /** Whether directory `dir` has a whiteout for `name`. */
  hasWhiteout(dir: number, name: Name): boolean {
    const { whiteoutDir } = this.columns;
    let low = this.firstWhiteout(dir);
    if (whiteoutDir[low] !== dir) return false;
    let high = lowerBound(whiteoutDir, dir + 1);
    while (low < high) {
      const middle = (low + high) >>> 1;
      const found = this.whiteoutName(middle);
      if (found === name) return true;
      if (found < name) low = middle + 1;
      else high = middle;
    }
    return false;
  }

  /** The entries that are hard links to the lower layers, ascending. */
  lowerLinks(): number[] {
    const { flags } = this.columns;
    const found: number[] = [];
    for (let entry = 0; entry < flags.length; entry++) if ((flags[entry]! & flag.lowerLink) !== 0) found.push(entry);
    return found;
  }

  whiteoutName(at: number): Name {
    const { whiteoutNames, whiteoutEnd } = this.columns;
    return nameFromBytes(whiteoutNames, at === 0 ? 0 : whiteoutEnd[at - 1]!, whiteoutEnd[at]!);
  }

  /** Below 0 if the name of `entry` sorts before `name`, 0 if they are equal. */
  #compareName(entry: number, name: Name): number {
    const { names, nameEnd } = this.columns;
    const from = entry === 0 ? 0 : nameEnd[entry - 1]!;
    const length = nameEnd[entry]! - from;
    const shared = Math.min(length, name.length);
    for (let i = 0; i < shared; i++) {
      const difference = names[from + i]! - name.charCodeAt(i);
      if (difference !== 0) return difference;
    }
    return length - name.length;
  }
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}

/** The place of `value` in the ascending `column`, -1 if it is not there. */
function positionOf(column: Uint32Array, value: number): number {
  const at = lowerBound(column, value);
  return column[at] === value ? at : -1;
}

function lowerBound(column: Uint32Array, value: number): number {
  let low = 0;
  let high = column.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (column[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Rows ascend, so 0, which no row comes before, can stand for none. */
function chained(groupEntry: Uint32Array, groupFirst: Uint32Array): Uint32Array {
  const next = new Uint32Array(groupEntry.length);
  const last = new Uint32Array(groupEntry.length);
  for (let row = 0; row < next.length; row++) {
    const head = positionOf(groupEntry, groupFirst[row]!);
    if (head < 0 || head >= row) continue;
    next[last[head] === 0 ? head : last[head]!] = row;
    last[head] = row;
  }
  return next;
}

function viewColumns(bytes: Buffer): Columns {
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

function badIndex(what: string): PlyfsError {
  return new PlyfsError('BAD_INDEX', `the layer index ${what}; it must be built again from the layer`);
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

/** The numbers that reading goes by are in range, so that an index with a right checksum and wrong content reads nothing outside itself. */
function checkNumbers(index: TarIndex): void {
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
    index.isDirectory(0) &&
    isBelow(c.groupEntry, entries) &&
    isBelow(c.groupFirst, entries) &&
    isAscending(c.nameEnd, c.names.length) &&
    isAscending(c.sparseEnd, c.extentAt.length) &&
    isAscending(c.whiteoutEnd, c.whiteoutNames.length);
  if (!isWellFormed) throw badIndex('has columns that do not fit each other');
  checkEntries(index);
  checkExtents(index);
}

function checkExtents({ columns: { extentOffset, extentLength, extentAt }, archiveBytes }: TarIndex): void {
  extentAt.forEach((at, i) => {
    const length = extentLength[i]!;
    // Written so that what is no number fails too.
    const isInside =
      at >= 0 && Number.isSafeInteger(length) && length >= 0 && at + length <= archiveBytes && extentOffset[i]! >= 0;
    if (!isInside) throw badIndex('has a part of a sparse file behind the end of the tar');
  });
}

/** In one loop over local columns: it runs once for each name, in code that is not compiled yet. */
function checkEntries({ columns, entries, archiveBytes }: TarIndex): void {
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
