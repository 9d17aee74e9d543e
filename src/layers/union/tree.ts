/** The merged tree in memory: nodes, names and, for each directory, its children in a stable order and the layers it is merged from.
 *  Pure bookkeeping: it touches no layer. Filled by merge.ts a directory at a time; changed by overlay/. */

import type { Name } from '../../base/name.js';
import { Branches } from './branches.js';
import { type EntryIndex, entryFlag, NameTable } from './name-table.js';
import { type NodeIndex, NodeTable, nodeFlag } from './node-table.js';

/** Fewer removed entries than this are not worth squeezing out. */
const holesMax = 64;
/** Positions are words of 32 bits. */
const positionMax = 2 ** 32 - 8;

/** A directory of the view. */
/** Most directories cover nothing: one for all. Never changed. */
const noBranches = Branches.none();

export class Directory {
  /** The names below are all there are. */
  isLoaded = false;
  /** The names that the upper has are among them. Not kept where the tree is changed. */
  hasUpperNames = false;
  /** Entries in the order in which they came; 0: removed. Each has a position, a number that grows with the order and stays the entry's
   *  own while it is there: readdir offsets are made of it. */
  children = new Uint32Array(0);
  /** Places used in `children`; the last of them is never empty. */
  used = 0;
  /** The positions of `children`, once removed ones have been squeezed out; undefined while a place is its own position. */
  private positions: Uint32Array | undefined = undefined;
  private holes = 0;
  /** Entries that are not whiteouts, and how many of those are directories. */
  visible = 0;
  subdirectories = 0;
  /** Entries that are whiteouts in the upper. */
  whiteouts = 0;
  /** The default ACL that new objects inherit: unknown, none, or the bytes of system.posix_acl_default. */
  defaultAcl: Buffer | null | undefined = undefined;
  /** The upper directory is marked as holding copied-up objects (overlay.impure). */
  isImpure = false;
  /** The upper directory's lower part is that of another path (overlay.redirect). Known when loaded. */
  isRedirected = false;
  /** Branches that an opaque mark hides where no layer down to the mark spells the directory out: its attributes are still theirs. */
  covered = noBranches;

  constructor(
    readonly node: NodeIndex,
    readonly branches: Branches,
  ) {}

  /** Adds an entry at the end and returns its position. `onMoved` is told of entries that get another one, which happens once in four
   *  billion. */
  push(entry: EntryIndex, onMoved: (entry: EntryIndex, position: number) => void): number {
    let position = this.used === 0 ? 0 : this.positionAt(this.used - 1) + 1;
    if (position > positionMax) {
      this.squeeze();
      this.positions = undefined;
      for (let i = 0; i < this.used; i++) onMoved(this.children[i]!, i);
      position = this.used;
    }
    if (this.used === this.children.length) {
      const room = Math.max(4, Math.ceil(this.used * 1.4));
      this.children = enlarged(this.children, room);
      if (this.positions !== undefined) this.positions = enlarged(this.positions, room);
    }
    this.children[this.used] = entry;
    if (this.positions !== undefined) this.positions[this.used] = position;
    this.used++;
    return position;
  }

  /** Takes out the entry at `position`. */
  take(position: number): void {
    this.children[this.placeFrom(position)] = 0;
    this.holes++;
    while (this.used > 0 && this.children[this.used - 1] === 0) {
      this.used--;
      this.holes--;
    }
    if (this.used === 0) this.positions = undefined;
    // a directory that works as a queue would grow for ever
    else if (this.holes > holesMax && this.holes * 4 > this.used * 3) this.squeeze();
  }

  clear(): void {
    this.children = new Uint32Array(0);
    this.used = 0;
    this.positions = undefined;
    this.holes = 0;
  }

  positionAt(place: number): number {
    return this.positions === undefined ? place : this.positions[place]!;
  }

  /** The first place whose position is `position` or comes after it. */
  placeFrom(position: number): number {
    const { positions } = this;
    if (positions === undefined) return Math.min(position, this.used);
    let low = 0;
    for (let high = this.used; low < high; ) {
      const middle = (low + high) >>> 1;
      if (positions[middle]! < position) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Removes the empty places; positions stay. */
  private squeeze(): void {
    const left = this.used - this.holes;
    const children = new Uint32Array(left + 4);
    const positions = new Uint32Array(left + 4);
    let to = 0;
    for (let from = 0; from < this.used; from++) {
      if (this.children[from] === 0) continue;
      children[to] = this.children[from]!;
      positions[to++] = this.positionAt(from);
    }
    this.children = children;
    this.positions = positions;
    this.used = to;
    this.holes = 0;
  }
}

export class Tree {
  readonly nodes = new NodeTable();
  readonly names = new NameTable();
  private readonly directories: (Directory | undefined)[] = [undefined];
  private readonly freeDirectories: number[] = [];
  /** All known entries of nodes that have, or had, several names. */
  private readonly links = new Map<NodeIndex, EntryIndex[]>();

  /** A new directory node. */
  addDirectory(dirType: number, layer: number, ino: number, branches: Branches): Directory {
    const at = this.freeDirectories.pop() ?? this.directories.length;
    const node = this.nodes.add(dirType, layer, at, ino);
    const directory = new Directory(node, branches);
    this.directories[at] = directory;
    return directory;
  }

  /** PRE: `node` is a directory. */
  directory(node: NodeIndex): Directory {
    const directory = this.directories[this.nodes.ref(node)];
    if (directory === undefined) throw new Error(`node ${node} is no directory of the tree`);
    return directory;
  }

  /** Gives the row back. PRE: no entry names it and nobody holds a reference. */
  removeNode(node: NodeIndex): void {
    if (this.nodes.isDirectory(node)) {
      const at = this.nodes.ref(node);
      this.directories[at] = undefined;
      this.freeDirectories.push(at);
    }
    this.links.delete(node);
    this.nodes.remove(node);
  }

  /** The entry of `name` if it shows in the directory; 0 where there is none or it is covered. PRE: the name is known if it is there. */
  shown(directory: Directory, name: Name): EntryIndex {
    const entry = this.names.find(directory.node, name);
    return this.names.node(entry) === 0 ? 0 : entry;
  }

  /** Adds a name that shows (or, with `node` 0, one that does not). */
  addEntry(directory: Directory, name: Name, node: NodeIndex, flags: number): EntryIndex {
    const entry = this.names.add(directory.node, name, node, flags);
    const position = directory.push(entry, (moved, at) => this.names.setPosition(moved, at));
    this.names.setPosition(entry, position);
    if (node === 0) directory.whiteouts++;
    else this.attach(directory, entry, node);
    return entry;
  }

  /** Takes the name away altogether. */
  removeEntry(directory: Directory, entry: EntryIndex): void {
    const node = this.names.node(entry);
    if (node === 0) directory.whiteouts--;
    else this.detach(directory, entry, node);
    directory.take(this.names.position(entry));
    this.names.remove(entry);
  }

  /** The name stops showing but stays known as a whiteout of the upper. */
  coverEntry(directory: Directory, entry: EntryIndex): void {
    const node = this.names.node(entry);
    if (node !== 0) {
      this.detach(directory, entry, node);
      directory.whiteouts++;
    }
    this.names.setNode(entry, 0);
    this.names.setFlag(entry, entryFlag.isWhiteout);
  }

  /** The reverse of coverEntry, or a change of what a name shows. */
  pointEntry(directory: Directory, entry: EntryIndex, node: NodeIndex): void {
    const old = this.names.node(entry);
    if (old === 0) directory.whiteouts--;
    else this.detach(directory, entry, old);
    this.names.clearFlag(entry, entryFlag.isWhiteout);
    this.names.setNode(entry, node);
    this.attach(directory, entry, node);
  }

  /** Two entries of a directory change places: each is listed where the other was. */
  exchangePlaces(directory: Directory, a: EntryIndex, b: EntryIndex): void {
    const [ofA, ofB] = [this.names.position(a), this.names.position(b)];
    directory.children[directory.placeFrom(ofA)] = b;
    directory.children[directory.placeFrom(ofB)] = a;
    this.names.setPosition(a, ofB);
    this.names.setPosition(b, ofA);
  }

  private attach(directory: Directory, entry: EntryIndex, node: NodeIndex): void {
    directory.visible++;
    if (this.nodes.isDirectory(node)) directory.subdirectories++;
    const first = this.nodes.entry(node);
    if (first === 0) {
      this.nodes.setEntry(node, entry);
      this.nodes.clearFlag(node, nodeFlag.isDetached);
      return;
    }
    const links = this.links.get(node);
    if (links === undefined) this.links.set(node, [first, entry]);
    else links.push(entry);
    this.nodes.setFlag(node, nodeFlag.isLinked);
  }

  private detach(directory: Directory, entry: EntryIndex, node: NodeIndex): void {
    directory.visible--;
    if (this.nodes.isDirectory(node)) directory.subdirectories--;
    const links = this.links.get(node);
    if (links === undefined) {
      this.nodes.setEntry(node, 0);
      this.nodes.setFlag(node, nodeFlag.isDetached);
      return;
    }
    links.splice(links.indexOf(entry), 1);
    this.nodes.setEntry(node, links[0]!);
    if (links.length === 1) this.links.delete(node);
  }

  /** The known names of a node. */
  entriesOf(node: NodeIndex): readonly EntryIndex[] {
    const links = this.links.get(node);
    if (links !== undefined) return links;
    const entry = this.nodes.entry(node);
    return entry === 0 ? [] : [entry];
  }

  /** The directory that an entry stands in. */
  directoryOf(entry: EntryIndex): Directory {
    return this.directory(this.names.directory(entry));
  }

  /** In the order in which they came into the tree, as far as their places were not used before. */
  loadedDirectories(): Directory[] {
    return this.directories.filter((directory) => directory?.isLoaded === true) as Directory[]; // undefined ones are filtered out
  }

  /** The names from the root to a directory, for messages and redirects; undefined when it has been removed. */
  pathOf(node: NodeIndex): Name[] | undefined {
    const path: Name[] = [];
    for (let at = node; at !== rootIndex; ) {
      const entry = this.nodes.entry(at);
      if (entry === 0) return undefined;
      path.push(this.names.name(entry));
      at = this.names.directory(entry);
    }
    return path.reverse();
  }
}

function enlarged(words: Uint32Array, length: number): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(length);
  larger.set(words);
  return larger;
}

/** The root is the first node added. */
export const rootIndex: NodeIndex = 1;
