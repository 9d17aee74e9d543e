/** The index of a tar layer: what a directory walk, a stat and a read need to know, without the tar. Built by tar-index-builder.ts in one
 *  pass, used by tar-layer.ts. It is one buffer of columns (typed arrays), so that saving and loading it is copying it: about 47 bytes
 *  and the name for each entry, no object for any.
 *
 *  Entries are numbered so that the children of a directory stand in a row, sorted by name; entry 0 is the root. Only what the layer
 *  holds in the end is here: duplicates are merged and hard links bound (docs of the rules: tar-index-builder.ts). */

import { isRegular, S_IFDIR, S_IFMT } from '../../base/mode.js';
import { type Name, nameFromBytes } from '../../base/name.js';
import { checkNumbers } from './tar-index-check.js';
import {
  archiveBytesOf,
  type ColumnName,
  type Columns,
  checkSealed,
  emptyIndex,
  flag,
  sealIndex,
  viewColumns,
} from './tar-index-format.js';

export class TarIndex {
  readonly columns: Columns;
  /** Length of the uncompressed tar that it was built from. */
  readonly archiveBytes: number;
  readonly entries: number;
  /** For each row of the group columns the row of the file's next name, 0 at the last. Made when first asked for. */
  #nextInGroup: Uint32Array | undefined;

  /** PRE: `bytes` begin at a multiple of 8 of their memory and were checked (`load`) or laid out by `allocate`. */
  private constructor(readonly bytes: Buffer) {
    this.archiveBytes = archiveBytesOf(bytes);
    this.columns = viewColumns(bytes);
    this.entries = this.columns.flags.length;
  }

  /** An empty index with room for `counts`, to be filled through `columns` and then sealed. */
  static allocate(counts: Record<ColumnName, number>, archiveBytes: number): TarIndex {
    return new TarIndex(emptyIndex(counts, archiveBytes));
  }

  /** Writes the checksum: `bytes` are now what `load` takes. */
  seal(): this {
    sealIndex(this.bytes);
    return this;
  }

  /** The index in `bytes`, which stay in use. PlyfsError BAD_INDEX for anything that `seal` did not write whole: build it anew then. */
  static load(bytes: Buffer): TarIndex {
    checkSealed(bytes);
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

  /** The layer's size as docker counts it: the sum of its regular files' sizes, names of one file counted once. */
  contentBytes(): number {
    const { mode, size } = this.columns;
    let bytes = 0;
    for (let entry = 0; entry < this.entries; entry++) {
      if (isRegular(mode[entry]!) && this.first(entry) === entry) bytes += size[entry]!;
    }
    return bytes;
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
