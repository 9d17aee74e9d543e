/** The merged tree in memory: nodes, names and, for each directory, its children in a stable order and the layers it is merged from.
 *  Pure bookkeeping: it touches no layer. Filled by union.ts a directory at a time; changed by overlay/. */

import type { Name } from '../base/name.js';
import type { LayerDir } from './layer.js';
import { type EntryIndex, entryFlag, NameTable } from './name-table.js';
import { type NodeIndex, NodeTable, nodeFlag } from './node-table.js';

/** A directory of the view. */
export class Directory {
  /** The names below are all there are. */
  isLoaded = false;
  /** Entries by position: a position is a readdir offset and is never given to another name while somebody may be reading. 0: removed. */
  children = new Uint32Array(0);
  /** Positions used in `children`. */
  used = 0;
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

  /** `branches` are the layers that show here, top first: layer position, LayerDir, layer position, LayerDir, ... */
  constructor(
    readonly node: NodeIndex,
    public branches: number[],
  ) {}

  /** The number in layer `layer` of this directory, undefined where that layer has no part in it. */
  branch(layer: number): LayerDir | undefined {
    const { branches } = this;
    for (let i = 0; i < branches.length; i += 2) if (branches[i] === layer) return branches[i + 1] as LayerDir; // pairs, see branches
    return undefined;
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
  addDirectory(dirType: number, layer: number, ino: number, branches: number[]): Directory {
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

  /** Adds a name that shows (or, with `node` 0, one that does not). */
  addEntry(directory: Directory, name: Name, node: NodeIndex, flags: number): EntryIndex {
    const entry = this.names.add(directory.node, name, node, flags);
    if (directory.used === directory.children.length) {
      const larger = new Uint32Array(Math.max(4, Math.ceil(directory.used * 1.4)));
      larger.set(directory.children);
      directory.children = larger;
    }
    directory.children[directory.used] = entry;
    this.names.setPosition(entry, directory.used++);
    if (node === 0) directory.whiteouts++;
    else this.attach(directory, entry, node);
    return entry;
  }

  /** Takes the name away altogether. */
  removeEntry(directory: Directory, entry: EntryIndex): void {
    const node = this.names.node(entry);
    if (node === 0) directory.whiteouts--;
    else this.detach(directory, entry, node);
    directory.children[this.names.position(entry)] = 0;
    while (directory.used > 0 && directory.children[directory.used - 1] === 0) directory.used--;
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

/** The root is the first node added. */
export const rootIndex: NodeIndex = 1;
