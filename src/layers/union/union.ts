/** A stack of layers as one tree. A directory is merged (merge.ts) when it is first asked for; from then on lookups, misses and listings are
 *  answered from memory, at the same cost for 1 layer and for 500. */

import { Attributes } from '../../base/attributes.js';
import { dirType, kindName } from '../../base/mode.js';
import { type Name, nameMax } from '../../base/name.js';
import type { Counters } from '../../observe/counters.js';
import { foundLink, foundPass, foundWhiteout, type Layer, type LayerDir, type Place } from '../layer.js';
import { Below } from './below.js';
import { Claims } from './claims.js';
import { InodeNumbers } from './inode-numbers.js';
import { Links } from './links.js';
import { LowerLinks } from './lower-links.js';
import { Merge, type UnionOptions } from './merge.js';
import { type EntryIndex, entryFlag } from './name-table.js';
import { type NodeIndex, nodeFlag } from './node-table.js';
import { type Directory, Tree } from './tree.js';

export class Union {
  readonly tree = new Tree();
  readonly layers: readonly Layer[];
  readonly hasUpper: boolean;
  readonly root: Directory;
  private readonly counters: Counters;
  private readonly inodes: InodeNumbers;
  private readonly merging: Merge;
  /** Multi-linked files: their names are one node. */
  readonly links = new Links();
  readonly lowerLinks: LowerLinks;
  /** Where the bytes of a node are that does not lie where its names are (L-8), or has lost its name but not its last user. */
  private readonly places = new Map<NodeIndex, Place>();
  private readonly onDrop: ((node: NodeIndex) => void) | undefined;
  private readonly attributes = new Attributes();

  constructor(options: UnionOptions) {
    this.layers = options.layers;
    this.hasUpper = options.hasUpper;
    this.counters = options.counters;
    this.onDrop = options.onDrop;
    const below = new Below(options.layers);
    this.lowerLinks = new LowerLinks(options.layers, this.hasUpper ? 1 : 0, below);
    this.inodes = new InodeNumbers(this.layers.map((layer) => layer.inodeSpace));
    const claims = new Claims(this.layers, this.tree, this.inodes, this.links);
    this.merging = new Merge(options, this.tree, below, this.inodes, claims, (node, place) => this.putPlace(node, place));
    this.root = this.tree.addDirectory(dirType.dir, 0, 0, below.roots(-1));
    if (this.hasUpper) this.tree.nodes.setFlag(this.root.node, nodeFlag.isUpper);
    this.layers[0]!.statDirectory(this.layers[0]!.root, this.attributes);
    this.tree.nodes.setIno(this.root.node, this.viewIno(0, this.attributes.ino));
  }

  /** The inode number in the view of inode `ino` of a layer. */
  viewIno(layer: number, ino: number): number {
    return this.inodes.ofLayer(layer, ino);
  }

  /** The directory with all its names known. FsError EIO, EACCES... from a layer: then it stays unloaded. */
  loaded(node: NodeIndex): Directory {
    const directory = this.tree.directory(node);
    if (!directory.isLoaded) this.load(directory);
    return directory;
  }

  /** The entry that shows as `name`; 0 where there is none. */
  resolve(node: NodeIndex, name: Name): EntryIndex {
    return this.tree.shown(this.loaded(node), name);
  }

  /** As resolve, in a tree that nobody changes: where the directory is not loaded this name alone is looked for, at a few steps a layer. */
  lookUp(node: NodeIndex, name: Name): EntryIndex {
    const directory = this.tree.directory(node);
    const isKnown = directory.isLoaded || this.tree.names.find(node, name) !== 0;
    // A longer name is nowhere, and no system call takes a NUL.
    if (!isKnown && name.length <= nameMax && !name.includes('\0')) this.mergeKnown(directory, [name]);
    return this.tree.shown(directory, name);
  }

  /** A directory of the upper with the names that the upper itself has in it, whiteouts included, and what its marks make of its branches;
   *  perhaps with others. For a tree that nobody changes. PRE: hasUpper, an upper directory. Errors as of loaded. */
  withUpperNames(node: NodeIndex): Directory {
    const directory = this.tree.directory(node);
    if (!directory.isLoaded && !directory.hasUpperNames) {
      this.mergeKnown(directory, undefined);
      directory.hasUpperNames = true;
    }
    return directory;
  }

  /** Merges `names` alone, by default those of the upper. They are closed then: merging the whole directory later leaves them as they are. */
  private mergeKnown(directory: Directory, names: readonly Name[] | undefined): void {
    const before = directory.used;
    try {
      this.merging.merge(directory, names ?? 'of the upper');
      for (let i = before; i < directory.used; i++) this.tree.names.setFlag(directory.children[i]!, entryFlag.isClosed);
    } catch (error) {
      this.forgetFrom(directory, before);
      throw error;
    }
  }

  private load(directory: Directory): void {
    try {
      this.merging.merge(directory, 'all');
      directory.isLoaded = true;
      this.counters.add('directoriesLoaded');
      this.counters.set('names', this.tree.names.count);
      this.counters.set('nodes', this.tree.nodes.count);
    } catch (error) {
      this.unload(directory);
      throw error;
    }
  }

  /** Forgets the names of a directory; they are merged again when asked for. PRE: no child has a reference, is upper-changed or loaded. */
  unload(directory: Directory): void {
    this.forgetFrom(directory, 0);
    directory.isLoaded = false;
    directory.clear();
  }

  /** Takes the names from place `first` on out of the tree. */
  private forgetFrom(directory: Directory, first: number): void {
    while (directory.used > first) {
      const entry = directory.children[directory.used - 1]!; // the last place is never empty
      const node = this.tree.names.node(entry);
      this.tree.removeEntry(directory, entry);
      if (node !== 0 && this.tree.nodes.entry(node) === 0) this.dropChild(node);
    }
  }

  private dropChild(node: NodeIndex): void {
    if (this.tree.nodes.isDirectory(node)) {
      const { branches } = this.tree.directory(node);
      for (let i = 0; i < branches.count; i++) this.layers[branches.position(i)]!.dropDirectory(branches.dir(i));
    }
    this.onDrop?.(node);
    this.dropNode(node);
  }

  /** Reads the attributes of what an entry shows, if they are not known, and returns its node: names of one multi-linked file of one
   *  layer become one node here, which is why this comes before the first reference to a node is handed out. */
  statEntry(entry: EntryIndex): NodeIndex {
    const { tree } = this;
    const node = tree.names.node(entry);
    if (tree.nodes.has(node, nodeFlag.hasAttributes)) return node;
    this.statNode(node);
    if (tree.nodes.isDirectory(node)) return node;
    const known = this.links.get(tree.nodes.layer(node), this.attributes.ino);
    return tree.nodes.nlink(node) > 1 || this.isHeldFile(known) ? this.unify(entry, node, known) : node;
  }

  /** A regular file that somebody uses who came by a name that is gone: it may have others. (Its inode number is nobody else's, as its
   *  bytes are kept: that is not so for special files.) */
  private isHeldFile(node: NodeIndex | undefined): boolean {
    if (node === undefined) return false;
    const { nodes } = this.tree;
    return nodes.has(node, nodeFlag.isDetached) && nodes.type(node) === dirType.reg;
  }

  /** `known` is the node that the file has already, if any. */
  private unify(entry: EntryIndex, node: NodeIndex, known: NodeIndex | undefined): NodeIndex {
    const { tree } = this;
    // A name that still shows the lower file is no name of its copy in the upper, whatever the two were.
    const isSame =
      known !== undefined && this.tree.nodes.has(known, nodeFlag.isUpper) === this.tree.nodes.has(node, nodeFlag.isUpper);
    if (!isSame || known === node) {
      this.links.set(tree.nodes.layer(node), this.attributes.ino, node);
      return node;
    }
    if (tree.nodes.references(node) > 0) return node;
    const place = this.places.get(node);
    if (place !== undefined) this.putPlace(known, place);
    tree.pointEntry(tree.directoryOf(entry), entry, known);
    this.dropNode(node);
    return known;
  }

  /** Reads a node's attributes from its layer, known or not. */
  statNode(node: NodeIndex): void {
    const { tree, attributes } = this;
    if (tree.nodes.isDirectory(node)) {
      this.statDirectory(tree.directory(node));
    } else {
      const place = this.locate(node);
      place.layer.stat(place.dir, place.name, place.ref, attributes);
      if (!tree.nodes.has(node, nodeFlag.isUpper))
        attributes.nlink = this.lowerLinks.count(tree.nodes.layer(node), attributes.ino, attributes.nlink);
      if (attributes.nlink > 1) attributes.nlink -= this.links.lost(tree.nodes.layer(node), attributes.ino);
      else if (tree.nodes.has(node, nodeFlag.isDetached)) attributes.nlink = 0;
    }
    this.counters.add('layerStats');
    tree.nodes.store(node, attributes);
  }

  private statDirectory(directory: Directory): void {
    const { position, dir } = this.spelledOut(directory);
    this.layers[position]!.statDirectory(dir, this.attributes);
  }

  /** The topmost layer that spells the directory out decides on its attributes (L-5). */
  spelledOut(directory: Directory): { position: number; dir: LayerDir } {
    for (const branches of [directory.branches, directory.covered]) {
      for (let i = 0; i < branches.count; i++) {
        const position = branches.position(i);
        if (!this.layers[position]!.isImplied(branches.dir(i))) return { position, dir: branches.dir(i) };
      }
    }
    return { position: directory.branches.position(0), dir: directory.branches.dir(0) };
  }

  /** What the last statNode read, inode number in the layer and birth time included. */
  get lastAttributes(): Attributes {
    return this.attributes;
  }

  private readonly place: Place = { layer: undefined as unknown as Layer, dir: 0 as LayerDir, name: '' as Name, ref: 0 }; // set by locate

  /** Where a non-directory lies. The answer is reused by the next call. */
  locate(node: NodeIndex): Place {
    const { tree, place } = this;
    if (tree.nodes.has(node, nodeFlag.hasPlace)) return this.places.get(node)!; // set together with the flag
    const entry = tree.nodes.entry(node);
    if (entry === 0) throw new Error(`node ${node} has neither a name nor a kept place`);
    const position = tree.nodes.layer(node);
    place.layer = this.layers[position]!;
    place.dir = tree.directoryOf(entry).branches.dirIn(position)!; // an entry's directory has the entry's layer as a branch
    place.name = tree.names.name(entry);
    place.ref = tree.nodes.ref(node);
    return place;
  }

  /** What people know a layer of the stack by: `upper`, a digest, a directory. */
  labelOf(position: number): string {
    return position === 0 && this.hasUpper ? 'upper' : this.layers[position]!.label;
  }

  /** What each layer that the directory is merged from has under `name`, newest first; hidden versions too. */
  versionsOf(directory: Directory, name: Name): { label: string; kind: string }[] {
    const versions: { label: string; kind: string }[] = [];
    const { branches } = directory;
    for (let i = 0; i < branches.count; i++) {
      const found = this.layers[branches.position(i)]!.find(branches.dir(i), name);
      if (found !== undefined && found.type !== foundPass)
        versions.push({ label: this.labelOf(branches.position(i)), kind: kindOfFound(found.type) });
    }
    return versions;
  }

  /** The same for the root: the layers that spell it out. */
  versionsOfRoot(): { label: string; kind: string }[] {
    const spelled = this.layers.map((layer, position) => ({ position, isImplied: layer.isImplied(layer.root) }));
    return spelled.filter(({ isImplied }) => !isImplied).map(({ position }) => ({ label: this.labelOf(position), kind: 'dir' }));
  }

  /** Remembers where a node of a lower layer lies before its last name goes: its bytes stay readable for those who hold it. */
  keepPlace(node: NodeIndex): void {
    if (this.tree.nodes.has(node, nodeFlag.hasPlace)) return;
    this.putPlace(node, { ...this.locate(node) });
  }

  private putPlace(node: NodeIndex, place: Place): void {
    this.places.set(node, place);
    this.tree.nodes.setFlag(node, nodeFlag.hasPlace);
  }

  /** The node's bytes are in the upper now: where its lower original lies no longer matters. */
  forgetPlace(node: NodeIndex): void {
    this.places.delete(node);
    this.tree.nodes.clearFlag(node, nodeFlag.hasPlace);
  }

  /** The node's row is given back. PRE: detached, no references. */
  dropNode(node: NodeIndex): void {
    this.places.delete(node);
    this.links.drop(node);
    this.tree.removeNode(node);
  }

  close(): void {
    for (const layer of this.layers) layer.close();
  }
}

function kindOfFound(type: number): string {
  if (type === foundWhiteout) return 'whiteout';
  return type === foundLink ? 'link' : kindName(type);
}
