/** Directory entries of the merged tree: (directory, name) -> node, in flat buffers: about 45 bytes a name, the name's bytes included.
 *  An open-addressing hash over all entries answers a lookup, hit or miss, in the same time whatever the number of layers. */

import { type Name, nameFromBytes, nameMax } from '../../base/name.js';
import { largerCount, type NodeIndex } from './node-table.js';

/** 0 is none. Reused after `remove`. */
export type EntryIndex = number;

/** Entry flags. */
export const entryFlag = {
  /** The upper hides the name: it does not show. Its node is 0. */
  isWhiteout: 1,
  /** Layers below the upper would show something here: deleting the name needs a whiteout. */
  hasLower: 2,
  /** While a directory is merged: lower layers have no more part in this name. */
  isClosed: 4,
  /** While a directory is merged: a whiteout of a layer below the upper; gone when the merge ends. */
  isPassing: 8,
} as const;

const words = 5;
const NODE = 0;
const DIRECTORY = 1;
const NAME_AT = 2;
const LENGTH_FLAGS = 3; // name length, flags << 16
const POSITION = 4;

export class NameTable {
  private rows = new Uint32Array(1024 * words);
  private used = 1; // row 0 stays zeros
  private freeRow = 0; // chain of free rows through NODE
  private live = 0;
  private buckets = new Uint32Array(2048);
  private text = Buffer.allocUnsafeSlow(16 * 1024);
  private textEnd = 0;
  /** Free spans of `text` by length (rounded up to 4). */
  private readonly freeText: number[][] = [];

  get count(): number {
    return this.live;
  }

  get byteLength(): number {
    return this.rows.byteLength + this.buckets.byteLength + this.text.length;
  }

  /** The entry, whiteouts included; 0 where there is none. */
  find(directory: NodeIndex, name: Name): EntryIndex {
    const { buckets, rows } = this;
    const mask = buckets.length - 1;
    for (let at = hashOf(directory, name) & mask; ; at = (at + 1) & mask) {
      const entry = buckets[at]!;
      if (entry === 0) return 0;
      if (rows[entry * words + DIRECTORY] === directory && this.spells(entry, name)) return entry;
    }
  }

  private spells(entry: EntryIndex, name: Name): boolean {
    const { rows, text } = this;
    const length = rows[entry * words + LENGTH_FLAGS]! & 0xffff;
    if (length !== name.length) return false;
    const start = rows[entry * words + NAME_AT]!;
    for (let i = 0; i < length; i++) if (text[start + i] !== name.charCodeAt(i)) return false;
    return true;
  }

  /** PRE: no entry of that name in the directory; the name is at most 255 bytes. */
  add(directory: NodeIndex, name: Name, node: NodeIndex, flags: number): EntryIndex {
    if (name.length > nameMax) throw new Error(`a name of ${name.length} bytes reached the tree`);
    const entry = this.freeRow === 0 ? this.used++ : this.freeRow;
    if (this.freeRow !== 0) this.freeRow = this.rows[entry * words + NODE]!;
    if ((entry + 1) * words > this.rows.length) this.rows = enlarged(this.rows, words);
    const row = entry * words;
    this.rows[row + NODE] = node;
    this.rows[row + DIRECTORY] = directory;
    this.rows[row + NAME_AT] = this.putText(name);
    this.rows[row + LENGTH_FLAGS] = name.length | (flags << 16);
    this.rows[row + POSITION] = 0;
    this.live++;
    if (this.live * 10 > this.buckets.length * 7) this.rehash();
    else this.insert(entry, hashOf(directory, name));
    return entry;
  }

  remove(entry: EntryIndex): void {
    const row = entry * words;
    const { rows, buckets } = this;
    const mask = buckets.length - 1;
    let hole = this.hashOfEntry(entry) & mask;
    while (buckets[hole] !== entry) hole = (hole + 1) & mask;
    // close the gap: move up every later entry of the run whose home is not behind the hole
    for (let at = (hole + 1) & mask; buckets[at] !== 0; at = (at + 1) & mask) {
      const home = this.hashOfEntry(buckets[at]!) & mask;
      if (((at - home) & mask) >= ((at - hole) & mask)) {
        buckets[hole] = buckets[at]!;
        hole = at;
      }
    }
    buckets[hole] = 0;
    const span = spanOf(rows[row + LENGTH_FLAGS]! & 0xffff);
    const free = this.freeText[span];
    if (free === undefined) this.freeText[span] = [rows[row + NAME_AT]!];
    else free.push(rows[row + NAME_AT]!);
    rows[row + DIRECTORY] = 0;
    rows[row + NODE] = this.freeRow;
    this.freeRow = entry;
    this.live--;
  }

  name(entry: EntryIndex): Name {
    const start = this.rows[entry * words + NAME_AT]!;
    return nameFromBytes(this.text, start, start + (this.rows[entry * words + LENGTH_FLAGS]! & 0xffff));
  }
  /** What the name shows: 0 where it is covered, and for entry 0. */
  node(entry: EntryIndex): NodeIndex {
    return this.rows[entry * words + NODE]!;
  }
  setNode(entry: EntryIndex, node: NodeIndex): void {
    this.rows[entry * words + NODE] = node;
  }
  directory(entry: EntryIndex): NodeIndex {
    return this.rows[entry * words + DIRECTORY]!;
  }
  /** Where the entry stands in its directory's list of children. */
  position(entry: EntryIndex): number {
    return this.rows[entry * words + POSITION]!;
  }
  setPosition(entry: EntryIndex, position: number): void {
    this.rows[entry * words + POSITION] = position;
  }
  has(entry: EntryIndex, flag: number): boolean {
    return ((this.rows[entry * words + LENGTH_FLAGS]! >>> 16) & flag) !== 0;
  }
  setFlag(entry: EntryIndex, flag: number): void {
    this.rows[entry * words + LENGTH_FLAGS]! |= flag << 16;
  }
  clearFlag(entry: EntryIndex, flag: number): void {
    this.rows[entry * words + LENGTH_FLAGS]! &= ~(flag << 16);
  }

  private hashOfEntry(entry: EntryIndex): number {
    const { rows, text } = this;
    const row = entry * words;
    const start = rows[row + NAME_AT]!;
    const end = start + (rows[row + LENGTH_FLAGS]! & 0xffff);
    let hash = seedOf(rows[row + DIRECTORY]!);
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ text[i]!, prime);
    return mixed(hash);
  }

  private insert(entry: EntryIndex, hash: number): void {
    const { buckets } = this;
    const mask = buckets.length - 1;
    let at = hash & mask;
    while (buckets[at] !== 0) at = (at + 1) & mask;
    buckets[at] = entry;
  }

  private rehash(): void {
    this.buckets = new Uint32Array(this.buckets.length * 2);
    for (let entry = 1; entry < this.used; entry++) {
      if (this.rows[entry * words + DIRECTORY] !== 0) this.insert(entry, this.hashOfEntry(entry));
    }
  }

  private putText(name: Name): number {
    const span = spanOf(name.length);
    const free = this.freeText[span]?.pop();
    const start = free ?? this.textEnd;
    if (free === undefined) {
      this.textEnd += span;
      if (this.textEnd > this.text.length) {
        const larger = Buffer.allocUnsafeSlow(Math.max(this.textEnd, largerCount(this.text.length)));
        this.text.copy(larger);
        this.text = larger;
      }
    }
    this.text.write(name, start, 'latin1');
    return start;
  }
}

const prime = 0x01000193;

function seedOf(directory: NodeIndex): number {
  return Math.imul(directory, 0x9e3779b1) ^ 0x811c9dc5;
}

/** FNV-1a over the bytes, seeded by the directory, with a final mix so that the low bits depend on all. */
function hashOf(directory: NodeIndex, name: Name): number {
  let hash = seedOf(directory);
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), prime);
  return mixed(hash);
}

function mixed(hash: number): number {
  const h = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (h ^ (h >>> 13)) >>> 0;
}

function spanOf(length: number): number {
  return (length + 3) & ~3;
}

function enlarged(rows: Uint32Array<ArrayBuffer>, stride: number): Uint32Array<ArrayBuffer> {
  const count = rows.length / stride;
  const larger = new Uint32Array(largerCount(count) * stride);
  larger.set(rows);
  return larger;
}
