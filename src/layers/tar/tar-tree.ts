/** The tree that a tar builds up entry by entry, as growing columns: *objects* (directories, files, ...) and *slots* (a name in a
 *  directory object, and the object it now stands for). Two tables, because a name can come to mean another object while a hard link
 *  made before keeps the old one. tar-index-builder.ts applies the rules; tar-index-layout.ts makes the index of what is left. */

import { PlyfsError } from '../../base/errors.js';
import { S_IFDIR, S_IFMT } from '../../base/mode.js';
import type { Name } from '../../base/name.js';
import type { SparseExtent } from '../../tar/entry.js';

/** What a slot stands for that is no name of the layer after all. */
export const noObject = 0xffffffff;

/** Kind bits of an object that is a hard link whose target had not come yet. */
export const pendingLink = 0;

/** A growing run of bytes. */
export class Bytes {
  buffer = Buffer.alloc(64 * 1024);
  length = 0;

  /** Adds `text` and returns where it begins. */
  append(text: Name): number {
    const at = this.reserve(text.length);
    // Names are short: a loop is quicker than a call into native code.
    for (let i = 0; i < text.length; i++) this.buffer[at + i] = text.charCodeAt(i);
    return at;
  }

  appendBytes(bytes: Buffer): number {
    const at = this.reserve(bytes.length);
    bytes.copy(this.buffer, at);
    return at;
  }

  reserve(bytes: number): number {
    const at = this.length;
    if (at + bytes > 0xffffffff) throw new PlyfsError('OVER_LIMIT', 'the names of the layer take more than 4 GiB');
    if (at + bytes > this.buffer.length) {
      const larger = Buffer.allocUnsafe(Math.min(Math.max(this.buffer.length * 2, at + bytes), 0x100000000));
      this.buffer.copy(larger, 0, 0, at);
      this.buffer = larger;
    }
    this.length = at + bytes;
    return at;
  }
}

/** Everything of the layer that is not in the tree's columns. */
export interface TreeExtras {
  /** Directory object and name, in the order of the tar; may repeat. */
  readonly whiteouts: { readonly dirs: number[]; readonly names: Name[] };
  /** Place of the xattr set in `xattrBytes`, by object. */
  readonly xattrAt: Map<number, number>;
  readonly xattrBytes: Bytes;
  readonly extents: Map<number, readonly SparseExtent[]>;
  /** The object that each pending link turned out to be. */
  readonly bound: Map<number, number>;
}

export class TarTree {
  // Of each object; `data` and `size` as in the index (tar-index.ts), but nothing of children. Object 0 is the root directory.
  mode = new Uint16Array(1024);
  flags = new Uint8Array(1024);
  uid = new Uint32Array(1024);
  gid = new Uint32Array(1024);
  size = new Float64Array(1024);
  mtimeSec = new Float64Array(1024);
  mtimeNsec = new Uint32Array(1024);
  data = new Float64Array(1024);
  objects = 0;

  // Of each slot.
  slotParent = new Uint32Array(1024);
  slotName = new Uint32Array(1024);
  slotNameLength = new Uint8Array(1024);
  slotObject = new Uint32Array(1024);
  #slotHash = new Uint32Array(1024);
  slots = 0;

  readonly names = new Bytes();
  readonly targets = new Bytes();
  /** Slot number + 1 by hash of parent and name, open addressing; 0 is free. A power of two long. */
  #table = new Uint32Array(4096);

  addObject(mode: number, flags: number): number {
    if (this.objects === this.mode.length) this.#growObjects();
    const object = this.objects++;
    this.mode[object] = mode;
    this.flags[object] = flags;
    return object;
  }

  isDirectory(object: number): boolean {
    return (this.mode[object]! & S_IFMT) === S_IFDIR;
  }

  /** The slot of `name` in the directory object `parent`, -1 if there is none. */
  findSlot(parent: number, name: Name): number {
    const hash = hashOf(parent, name);
    const table = this.#table;
    const mask = table.length - 1;
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const slot = table[at]! - 1;
      if (slot < 0) return -1;
      if (this.#slotHash[slot] === hash && this.slotParent[slot] === parent && this.#isName(slot, name)) return slot;
    }
  }

  /** A new name. PRE: findSlot found none. */
  addSlot(parent: number, name: Name, object: number): number {
    if (this.slots === this.slotParent.length) this.#growSlots();
    if ((this.slots + 1) * 2 > this.#table.length) this.#growTable();
    const slot = this.slots++;
    this.slotParent[slot] = parent;
    this.slotName[slot] = this.names.append(name);
    this.slotNameLength[slot] = name.length;
    this.slotObject[slot] = object;
    this.#slotHash[slot] = hashOf(parent, name);
    this.#enter(slot);
    return slot;
  }

  /** Of a symlink, or the path of a pending link. */
  targetOf(object: number): Name {
    const from = this.data[object]!;
    // What append put there from a Name.
    return this.targets.buffer.toString('latin1', from, from + this.size[object]!) as Name;
  }

  setTarget(object: number, target: Name): void {
    this.data[object] = this.targets.append(target);
    this.size[object] = target.length;
  }

  #isName(slot: number, name: Name): boolean {
    if (this.slotNameLength[slot] !== name.length) return false;
    const bytes = this.names.buffer;
    const from = this.slotName[slot]!;
    for (let i = 0; i < name.length; i++) if (bytes[from + i] !== name.charCodeAt(i)) return false;
    return true;
  }

  #enter(slot: number): void {
    const mask = this.#table.length - 1;
    let at = this.#slotHash[slot]! & mask;
    while (this.#table[at] !== 0) at = (at + 1) & mask;
    this.#table[at] = slot + 1;
  }

  #growTable(): void {
    this.#table = new Uint32Array(this.#table.length * 2);
    for (let slot = 0; slot < this.slots; slot++) this.#enter(slot);
  }

  #growObjects(): void {
    const length = this.mode.length * 2;
    this.mode = grown(this.mode, new Uint16Array(length));
    this.flags = grown(this.flags, new Uint8Array(length));
    this.uid = grown(this.uid, new Uint32Array(length));
    this.gid = grown(this.gid, new Uint32Array(length));
    this.size = grown(this.size, new Float64Array(length));
    this.mtimeSec = grown(this.mtimeSec, new Float64Array(length));
    this.mtimeNsec = grown(this.mtimeNsec, new Uint32Array(length));
    this.data = grown(this.data, new Float64Array(length));
  }

  #growSlots(): void {
    const length = this.slotParent.length * 2;
    this.slotParent = grown(this.slotParent, new Uint32Array(length));
    this.slotName = grown(this.slotName, new Uint32Array(length));
    this.slotNameLength = grown(this.slotNameLength, new Uint8Array(length));
    this.slotObject = grown(this.slotObject, new Uint32Array(length));
    this.#slotHash = grown(this.#slotHash, new Uint32Array(length));
  }
}

function grown<T extends { set(from: T): void }>(from: T, into: T): T {
  into.set(from);
  return into;
}

/** FNV-1a over the bytes, begun with the parent and mixed at the end so that the low bits depend on all. */
function hashOf(parent: number, name: Name): number {
  let hash = Math.imul(parent ^ 0x9e3779b9, 0x85ebca6b);
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  return (hash ^ (hash >>> 12)) >>> 0;
}
