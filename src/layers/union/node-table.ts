/** Nodes of the merged tree as rows of one buffer: 80 bytes each, no JavaScript object, nothing for the garbage collector to walk.
 *  Readers and writers: union.ts, merge.ts, overlay/. A row is a cached statx of the object plus where the object lies. */

import type { Attributes } from '../../base/attributes.js';
import { dirType, S_IFMT } from '../../base/mode.js';

/** Same number space as vfs's NodeId: 1 is the root, 0 is none. */
export type NodeIndex = number;

/** Node flags. */
export const nodeFlag = {
  /** The attribute members are those of the object now. */
  hasAttributes: 1,
  /** The object lies in the upper. */
  isUpper: 2,
  /** It has, or had, more than one name: `links` in the tree lists the known ones. */
  isLinked: 4,
  /** No name is left; it lives for those who hold a reference. */
  isDetached: 8,
  /** Its place is kept by the union: it does not follow from the entry's name. */
  hasPlace: 16,
  /** Copied up: its inode number is its lower original's (overlay.origin). */
  hasOrigin: 32,
  /** It has no security.capability. The kernel asks at the first write to a file and at each chown. */
  hasNoCapability: 64,
  /** Upper, and neither immutable nor append-only (overlay.protattr). */
  isUnprotected: 128,
} as const;

const doubles = 10;
const words = doubles * 2;
// members of a row: first the doubles (index in Float64Array), then 32-bit words (index in Uint32Array)
const INO = 0;
const SIZE = 1;
const MTIME = 4;
const CTIME = 6;
const ATIME = 8;
const MODE = 10;
const UID = 11;
const GID = 12;
const NLINK = 13;
const BLOCKS_OR_RDEV = 14;
const FLAGS_LAYER = 15;
const REFERENCES = 16;
const ENTRY = 17;
const REF = 18;

/** Rows of a table that `count` rows have filled: small ones double, as each step copies all; large ones must not waste memory. */
export function largerCount(count: number): number {
  return Math.ceil(count * (count < 8192 ? 2 : 1.125));
}

export class NodeTable {
  private f64 = new Float64Array(0);
  private u32 = new Uint32Array(0);
  private capacity = 0;
  /** Rows handed out so far, free ones included; row 0 is never used. */
  private used = 1;
  private readonly free: NodeIndex[] = [];
  /** Of nodes with a time that does not fit a row, before 1901 or after 2446: rare. */
  private readonly wideTimes = new Map<NodeIndex, Pick<Attributes, 'mtimeSec' | 'ctimeSec' | 'atimeSec'>>();

  constructor() {
    this.grow(1024);
  }

  /** Rows in use. */
  get count(): number {
    return this.used - 1 - this.free.length;
  }

  get byteLength(): number {
    return this.f64.byteLength;
  }

  /** A fresh row; `type` is a d_type, `layer` a position in the stack below 65536. */
  add(type: number, layer: number, ref: number, ino: number): NodeIndex {
    const node = this.free.pop() ?? this.used++;
    if (node >= this.capacity) this.grow(largerCount(this.capacity));
    this.u32.fill(0, node * words, node * words + words);
    this.f64[node * doubles + INO] = ino;
    this.u32[node * words + MODE] = type << 12;
    this.u32[node * words + FLAGS_LAYER] = layer << 16;
    this.u32[node * words + REF] = ref;
    return node;
  }

  remove(node: NodeIndex): void {
    this.u32[node * words + MODE] = 0;
    this.wideTimes.delete(node);
    this.free.push(node);
  }

  private grow(capacity: number): void {
    const buffer = new ArrayBuffer(capacity * doubles * 8);
    const f64 = new Float64Array(buffer);
    f64.set(this.f64);
    this.f64 = f64;
    this.u32 = new Uint32Array(buffer);
    this.capacity = capacity;
  }

  /** Kind as d_type; valid as soon as the node exists. */
  type(node: NodeIndex): number {
    return (this.u32[node * words + MODE]! & S_IFMT) >>> 12;
  }
  isDirectory(node: NodeIndex): boolean {
    return this.type(node) === dirType.dir;
  }
  mode(node: NodeIndex): number {
    return this.u32[node * words + MODE]!;
  }
  gid(node: NodeIndex): number {
    return this.u32[node * words + GID]!;
  }
  uid(node: NodeIndex): number {
    return this.u32[node * words + UID]!;
  }
  ino(node: NodeIndex): number {
    return this.f64[node * doubles + INO]!;
  }
  setIno(node: NodeIndex, ino: number): void {
    this.f64[node * doubles + INO] = ino;
  }
  size(node: NodeIndex): number {
    return this.f64[node * doubles + SIZE]!;
  }
  nlink(node: NodeIndex): number {
    return this.u32[node * words + NLINK]!;
  }
  setNlink(node: NodeIndex, nlink: number): void {
    this.u32[node * words + NLINK] = nlink;
  }

  flags(node: NodeIndex): number {
    return this.u32[node * words + FLAGS_LAYER]! & 0xffff;
  }
  has(node: NodeIndex, flag: number): boolean {
    return (this.u32[node * words + FLAGS_LAYER]! & flag) !== 0;
  }
  setFlag(node: NodeIndex, flag: number): void {
    this.u32[node * words + FLAGS_LAYER]! |= flag;
  }
  clearFlag(node: NodeIndex, flag: number): void {
    this.u32[node * words + FLAGS_LAYER]! &= ~flag;
  }
  /** Position in the stack of the layer that has the object. */
  layer(node: NodeIndex): number {
    return this.u32[node * words + FLAGS_LAYER]! >>> 16;
  }
  setLayer(node: NodeIndex, layer: number): void {
    const at = node * words + FLAGS_LAYER;
    this.u32[at] = ((this.u32[at]! & 0xffff) | (layer << 16)) >>> 0;
  }

  references(node: NodeIndex): number {
    return this.u32[node * words + REFERENCES]!;
  }
  addReferences(node: NodeIndex, change: number): number {
    const count = Math.max(0, this.u32[node * words + REFERENCES]! + change);
    this.u32[node * words + REFERENCES] = count;
    return count;
  }

  /** An entry that names the node: its only one, or for a linked node any of them; 0 when detached. */
  entry(node: NodeIndex): number {
    return this.u32[node * words + ENTRY]!;
  }
  setEntry(node: NodeIndex, entry: number): void {
    this.u32[node * words + ENTRY] = entry;
  }
  /** For a directory the position of its Directory in the tree; otherwise the layer's own number for the object. */
  ref(node: NodeIndex): number {
    return this.u32[node * words + REF]!;
  }
  setRef(node: NodeIndex, ref: number): void {
    this.u32[node * words + REF] = ref;
  }

  /** Keeps `a` as the node's attributes, but for the inode number, which the tree decides. */
  store(node: NodeIndex, a: Attributes): void {
    const f = node * doubles;
    const u = node * words;
    const { f64, u32 } = this;
    f64[f + SIZE] = a.size;
    u32[u + MODE] = a.mode;
    u32[u + UID] = a.uid;
    u32[u + GID] = a.gid;
    u32[u + NLINK] = a.nlink;
    u32[u + BLOCKS_OR_RDEV] = hasDevice(a.mode) ? a.rdev : Math.min(a.blocks, 0xffffffff);
    this.putTime(u + MTIME, a.mtimeSec, a.mtimeNsec);
    this.putTime(u + CTIME, a.ctimeSec, a.ctimeNsec);
    this.putTime(u + ATIME, a.atimeSec, a.atimeNsec);
    if (!(fitsRow(a.mtimeSec) && fitsRow(a.ctimeSec) && fitsRow(a.atimeSec))) {
      this.wideTimes.set(node, { mtimeSec: a.mtimeSec, ctimeSec: a.ctimeSec, atimeSec: a.atimeSec });
    } else if (this.wideTimes.size > 0) {
      this.wideTimes.delete(node);
    }
    u32[u + FLAGS_LAYER]! |= nodeFlag.hasAttributes;
  }

  /** A time is 64 bits, as in ext4's inodes: 34 for the seconds since 1901, 30 for the nanoseconds. */
  private putTime(at: number, sec: number, nsec: number): void {
    const since = sec + epochShift;
    this.u32[at] = since;
    this.u32[at + 1] = (Math.floor(since / 2 ** 32) & 3) | (nsec << 2);
  }

  private secondsAt(at: number): number {
    return this.u32[at]! + (this.u32[at + 1]! & 3) * 2 ** 32 - epochShift;
  }

  /** Fills `out`. PRE: hasAttributes. The birth time and `dev` are not kept. */
  load(node: NodeIndex, out: Attributes): void {
    const f = node * doubles;
    const u = node * words;
    const { f64, u32 } = this;
    const mode = u32[u + MODE]!;
    out.ino = f64[f + INO]!;
    out.mode = mode;
    out.size = f64[f + SIZE]!;
    out.uid = u32[u + UID]!;
    out.gid = u32[u + GID]!;
    out.nlink = u32[u + NLINK]!;
    out.mtimeSec = this.secondsAt(u + MTIME);
    out.mtimeNsec = u32[u + MTIME + 1]! >>> 2;
    out.ctimeSec = this.secondsAt(u + CTIME);
    out.ctimeNsec = u32[u + CTIME + 1]! >>> 2;
    out.atimeSec = this.secondsAt(u + ATIME);
    out.atimeNsec = u32[u + ATIME + 1]! >>> 2;
    out.rdev = hasDevice(mode) ? u32[u + BLOCKS_OR_RDEV]! : 0;
    out.blocks = hasDevice(mode) ? 0 : u32[u + BLOCKS_OR_RDEV]!;
    out.blksize = 4096;
    out.btimeSec = 0;
    out.btimeNsec = 0;
    out.dev = 0;
    if (this.wideTimes.size > 0) Object.assign(out, this.wideTimes.get(node));
  }
}

const epochShift = 2 ** 31;

function fitsRow(sec: number): boolean {
  return sec >= -epochShift && sec < 2 ** 34 - epochShift;
}

function hasDevice(mode: number): boolean {
  const type = (mode & S_IFMT) >>> 12;
  return type === dirType.chr || type === dirType.blk;
}
