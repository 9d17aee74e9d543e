/** THE union rule: how a stack of layers becomes one tree. The tree is merged a directory at a time, when first asked for; from then on
 *  lookups, misses and listings are answered from memory, at the same cost for 1 layer and for 500.
 *
 *  Rule (OCI layer.md, Linux overlayfs.rst): from the top, the first layer that has a name decides its kind; directories merge with the
 *  directories of the same name below until a whiteout, a non-directory or an opaque directory closes the name. Whiteouts and opaque
 *  marks act on lower layers only, whatever else the same layer holds. A redirect names where the lower part is. */

import { Attributes } from '../base/attributes.js';
import { dirType, kindName } from '../base/mode.js';
import { type Name, textFromName } from '../base/name.js';
import type { Counters } from '../observe/counters.js';
import { log } from '../observe/log.js';
import { trace } from '../observe/trace.js';
import { foundLink, foundWhiteout, type Layer, type LayerDir, Listing } from './layer.js';
import { type EntryIndex, entryFlag } from './name-table.js';
import { type NodeIndex, nodeFlag } from './node-table.js';
import { type Directory, Tree } from './tree.js';

/** Where an object lies: what Layer's methods take. Reused: valid until the next call of `locate`. */
export interface Place {
  layer: Layer;
  dir: LayerDir;
  name: Name;
  ref: number;
}

export interface UnionOptions {
  /** Top first. */
  layers: readonly Layer[];
  /** Whether layers[0] is the writable upper. */
  hasUpper: boolean;
  counters: Counters;
  /** The inode number, in its layer's space, of the object that an upper object was copied up from (overlay.origin). */
  originOf?: (dir: LayerDir, name: Name) => { space: string; ino: number } | undefined;
}

export class Union {
  readonly tree = new Tree();
  readonly layers: readonly Layer[];
  readonly hasUpper: boolean;
  readonly root: Directory;
  private readonly counters: Counters;
  private readonly originOf: UnionOptions['originOf'];
  private readonly spaces = new Map<string, number>();
  private readonly spaceOfLayer: number[];
  /** Multi-linked nodes by layer and inode number: the names of one file are one node. */
  private readonly linked = new Map<string, NodeIndex>();
  /** The keys in `linked` of a node. */
  private readonly linkKeys = new Map<NodeIndex, string[]>();
  /** By the same keys: how many names of a lower file were removed from the view. The layer still counts them. */
  private readonly lostNames = new Map<string, number>();
  /** Where the bytes of a node are that has lost its name but not its last user. */
  private readonly places = new Map<NodeIndex, Place>();
  /** Told of each node that goes with its unloaded directory. */
  onDrop: ((node: NodeIndex) => void) | undefined;
  private readonly listing = new Listing();
  private readonly attributes = new Attributes();

  constructor(options: UnionOptions) {
    this.layers = options.layers;
    this.hasUpper = options.hasUpper;
    this.counters = options.counters;
    this.originOf = options.originOf;
    this.spaceOfLayer = this.layers.map((layer) => this.spaceNumber(layer.inodeSpace));
    const branches = this.layers.flatMap((layer, position) => [position, layer.root as number]);
    this.root = this.tree.addDirectory(dirType.dir, 0, 0, branches);
    if (this.hasUpper) this.tree.nodes.setFlag(this.root.node, nodeFlag.isUpper);
    this.layers[0]!.statDirectory(this.layers[0]!.root, this.attributes);
    this.tree.nodes.setIno(this.root.node, this.viewIno(0, this.attributes.ino));
  }

  private spaceNumber(space: string): number {
    const known = this.spaces.get(space);
    if (known !== undefined) return known;
    this.spaces.set(space, this.spaces.size);
    return this.spaces.size - 1;
  }

  /** The inode number in the view of inode `ino` of a layer: itself in the first inode space, so that one file system's numbers stay;
   *  prefixed with the space's number in others. Below 2^53. */
  viewIno(layer: number, ino: number): number {
    return this.spacedIno(this.spaceOfLayer[layer]!, ino);
  }

  private spacedIno(space: number, ino: number): number {
    if (space === 0) return ino;
    const low = ino < inoSpan ? ino : ((ino % inoSpan) ^ Math.floor(ino / inoSpan)) >>> 0;
    return space * inoSpan + low;
  }

  /** The directory with all its names known. FsError EIO, EACCES... from a layer: then it stays unloaded. */
  loaded(node: NodeIndex): Directory {
    const directory = this.tree.directory(node);
    if (!directory.isLoaded) this.load(directory);
    return directory;
  }

  /** The entry that shows as `name`; 0 where there is none. */
  resolve(node: NodeIndex, name: Name): EntryIndex {
    const directory = this.loaded(node);
    const entry = this.tree.names.find(directory.node, name);
    return entry !== 0 && this.tree.names.node(entry) !== 0 ? entry : 0;
  }

  private load(directory: Directory): void {
    try {
      this.merge(directory);
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
    while (directory.used > 0) {
      const entry = directory.children[directory.used - 1]!; // the last place is never empty
      const node = this.tree.names.node(entry);
      this.tree.removeEntry(directory, entry);
      if (node !== 0 && this.tree.nodes.entry(node) === 0) this.dropChild(node);
    }
    directory.isLoaded = false;
    directory.clear();
  }

  private dropChild(node: NodeIndex): void {
    if (this.tree.nodes.isDirectory(node)) {
      const { branches } = this.tree.directory(node);
      for (let i = 0; i < branches.length; i += 2) {
        this.layers[branches[i]!]!.dropDirectory(branches[i + 1] as LayerDir); // pairs, see Directory.branches
      }
    }
    this.onDrop?.(node);
    this.dropNode(node);
  }

  private merge(directory: Directory): void {
    const { branches } = directory;
    const passing: EntryIndex[] = [];
    for (let i = 0; i < branches.length; i += 2) {
      const position = branches[i]!;
      const dir = branches[i + 1] as LayerDir; // pairs, see Directory.branches
      this.listing.clear();
      this.layers[position]!.list(dir, this.listing);
      this.counters.add('layerListings');
      if (position === 0 && this.hasUpper) directory.isImpure = this.listing.isImpure;
      this.mergeListing(directory, position, dir, passing);
      if (this.listing.isOpaque) {
        branches.length = i + 2;
      } else if (this.listing.redirect !== undefined) {
        if (position === 0 && this.hasUpper) directory.isRedirected = true;
        branches.length = i + 2;
        branches.push(...this.redirected(directory, position, this.listing.redirect));
      }
    }
    for (const entry of passing) this.tree.removeEntry(directory, entry);
    trace('union', () => `loaded node=${directory.node} layers=${branches.length / 2} names=${directory.visible}`);
  }

  /** Merges one layer's listing under what the layers above it gave. */
  private mergeListing(directory: Directory, position: number, dir: LayerDir, passing: EntryIndex[]): void {
    const { tree, listing } = this;
    const { names } = tree;
    for (let i = 0; i < listing.names.length; i++) {
      const name = listing.names[i]!;
      const type = listing.types[i]!;
      const ref = listing.refs[i]!;
      const entry = names.find(directory.node, name);
      if (entry === 0) {
        tree.addEntry(directory, name, this.addNode(position, dir, i), 0);
        continue;
      }
      if (names.has(entry, entryFlag.isClosed)) continue;
      if (names.has(entry, entryFlag.isPassing)) continue;
      names.setFlag(entry, entryFlag.hasLower);
      const node = names.node(entry);
      if (node === 0 || type !== dirType.dir || !tree.nodes.isDirectory(node)) {
        names.setFlag(entry, entryFlag.isClosed);
      } else {
        tree.directory(node).branches.push(position, this.layers[position]!.directory(dir, name, ref));
      }
    }
    for (let i = 0; i < listing.links.length; i++)
      this.mergeLink(directory, position, listing.links[i]!, listing.linkTargets[i]!);
    for (const name of listing.whiteouts) this.mergeWhiteout(directory, position, name, passing);
  }

  /** A hard link of layer `position` to an object of the view below it (L-8): the name shows that object. */
  private mergeLink(directory: Directory, position: number, name: Name, target: Name): void {
    const { tree } = this;
    const entry = tree.names.find(directory.node, name);
    if (entry !== 0) {
      if (!tree.names.has(entry, entryFlag.isPassing)) tree.names.setFlag(entry, entryFlag.hasLower | entryFlag.isClosed);
      return;
    }
    const found = this.walkBelow(this.rootsBelow(position), target).object;
    if (found === undefined) {
      log(
        'warn',
        `${this.layers[position]!.label}: hard link ${textFromName(name)} to ${textFromName(target)}, which no lower layer has`,
      );
      return;
    }
    const node = tree.nodes.add(found.type, found.position, found.place.ref, this.viewIno(found.position, found.ino));
    this.places.set(node, found.place);
    tree.nodes.setFlag(node, nodeFlag.hasPlace);
    tree.addEntry(directory, name, node, entryFlag.isClosed);
  }

  private mergeWhiteout(directory: Directory, position: number, name: Name, passing: EntryIndex[]): void {
    const { names } = this.tree;
    const entry = names.find(directory.node, name);
    if (entry !== 0) {
      const isOwnWhiteout = names.node(entry) === 0 && names.has(entry, entryFlag.isWhiteout);
      if (!isOwnWhiteout || position !== 0) names.setFlag(entry, entryFlag.isClosed);
    } else if (position === 0 && this.hasUpper) {
      this.tree.addEntry(directory, name, 0, entryFlag.isWhiteout);
    } else {
      passing.push(this.tree.addEntry(directory, name, 0, entryFlag.isPassing));
    }
  }

  /** A node for entry `i` of the listing. */
  private addNode(position: number, dir: LayerDir, i: number): NodeIndex {
    const { listing, tree } = this;
    const name = listing.names[i]!;
    const type = listing.types[i]!;
    const isUpper = position === 0 && this.hasUpper;
    let ino = this.viewIno(position, listing.inos[i]!);
    let hasOrigin = false;
    if (isUpper && listing.isImpure) {
      const origin = this.originOf?.(dir, name);
      if (origin !== undefined) ino = this.spacedIno(this.spaceNumber(origin.space), origin.ino);
      hasOrigin = origin !== undefined;
    }
    const ref = listing.refs[i]!;
    const node =
      type === dirType.dir
        ? tree.addDirectory(type, position, ino, [position, this.layers[position]!.directory(dir, name, ref)]).node
        : tree.nodes.add(type, position, ref, ino);
    if (isUpper) tree.nodes.setFlag(node, nodeFlag.isUpper | (hasOrigin ? nodeFlag.hasOrigin : 0));
    return node;
  }

  /** The branches below layer `position` of a directory whose mark in that layer says `redirect` (Linux ovl_lookup). */
  private redirected(directory: Directory, position: number, redirect: Name): number[] {
    if (redirect.startsWith('/')) return this.walkBelow(this.rootsBelow(position), redirect).branches;
    const entry = this.tree.nodes.entry(directory.node);
    const parent = entry === 0 ? [] : this.tree.directoryOf(entry).branches;
    const starts: number[] = [];
    for (let i = 0; i < parent.length; i += 2) if (parent[i]! > position) starts.push(parent[i]!, parent[i + 1]!);
    return this.walkBelow(starts, redirect).branches;
  }

  private rootsBelow(position: number): number[] {
    return this.layers.flatMap((layer, i) => (i > position ? [i, layer.root as number] : []));
  }

  /** Follows a path from the directories `starts` (branches, as in Directory) by the union rule, without the tree. */
  private walkBelow(starts: number[], path: Name): { branches: number[]; object?: BelowObject } {
    const parts = path.split('/').filter((part) => part !== '') as Name[]; // parts of a Name are Names
    let branches = starts;
    for (const [i, name] of parts.entries()) {
      const step = this.stepBelow(branches, name);
      if (step.object !== undefined) return i === parts.length - 1 ? step : { branches: [] };
      branches = step.branches;
    }
    return { branches };
  }

  /** One step of walkBelow. A directory's own redirect says where the layers below it go on, as in the kernel. */
  private stepBelow(branches: readonly number[], wanted: Name): { branches: number[]; object?: BelowObject } {
    const next: number[] = [];
    const marks = new Listing();
    let name = wanted;
    for (let i = 0; i < branches.length; i += 2) {
      const position = branches[i]!;
      const layer = this.layers[position]!;
      const dir = branches[i + 1] as LayerDir; // pairs, see Directory.branches
      const sought = name;
      const found = layer.find(dir, name);
      if (found?.type === dirType.dir) {
        const child = layer.directory(dir, name, found.ref);
        next.push(position, child);
        marks.clear();
        layer.list(child, marks);
        if (marks.isOpaque) break;
        if (marks.redirect?.startsWith('/') === true) {
          next.push(...this.walkBelow(this.rootsBelow(position), marks.redirect).branches);
          break;
        }
        name = marks.redirect ?? name;
      } else if (found !== undefined) {
        if (next.length === 0 && found.type === foundLink) {
          // A link to a layer further down: its target is no directory (L-8).
          const target = this.walkBelow(this.rootsBelow(position), layer.readlink(dir, name, found.ref)).object;
          return target === undefined ? { branches: [] } : { branches: [], object: target };
        }
        const isObject = next.length === 0 && found.type !== foundWhiteout;
        if (isObject)
          return {
            branches: [],
            object: { position, type: found.type, ino: found.ino, place: { layer, dir, name, ref: found.ref } },
          };
        break;
      }
      marks.clear();
      layer.list(dir, marks);
      if (marks.isOpaque || (found !== undefined && marks.whiteouts.includes(sought))) break;
    }
    return { branches: next };
  }

  /** Reads the attributes of what an entry shows, if they are not known, and returns its node: names of one multi-linked file of one
   *  layer become one node here, which is why this comes before the first reference to a node is handed out. */
  statEntry(entry: EntryIndex): NodeIndex {
    const { tree } = this;
    const node = tree.names.node(entry);
    if (tree.nodes.has(node, nodeFlag.hasAttributes)) return node;
    this.statNode(node);
    if (tree.nodes.nlink(node) < 2 || tree.nodes.isDirectory(node)) return node;
    return this.unify(entry, node);
  }

  private unify(entry: EntryIndex, node: NodeIndex): NodeIndex {
    const { tree } = this;
    const layer = tree.nodes.layer(node);
    const { ino } = this.attributes;
    const known = this.linkedNode(layer, ino);
    // A name that still shows the lower file is no name of its copy in the upper, whatever the two were.
    const isSame =
      known !== undefined && this.tree.nodes.has(known, nodeFlag.isUpper) === this.tree.nodes.has(node, nodeFlag.isUpper);
    if (!isSame || known === node) {
      this.setLinkedNode(layer, ino, node);
      return node;
    }
    if (tree.nodes.references(node) > 0) return node;
    tree.pointEntry(tree.directoryOf(entry), entry, known);
    tree.removeNode(node);
    return known;
  }

  /** The node of a multi-linked file of a layer by its inode number there, if one is known. */
  linkedNode(layer: number, ino: number): NodeIndex | undefined {
    return this.linked.get(`${layer}:${ino}`);
  }

  setLinkedNode(layer: number, ino: number, node: NodeIndex): void {
    const key = `${layer}:${ino}`;
    if (this.linked.get(key) === node) return;
    this.linked.set(key, node);
    const keys = this.linkKeys.get(node);
    if (keys === undefined) this.linkKeys.set(node, [key]);
    else keys.push(key);
  }

  /** One name of a multi-linked file of a lower layer no longer shows: st_nlink is one less from now on, until the next mount. */
  loseName(node: NodeIndex): void {
    const prefix = `${this.tree.nodes.layer(node)}:`;
    const key = this.linkKeys.get(node)?.find((key) => key.startsWith(prefix));
    if (key !== undefined) this.lostNames.set(key, (this.lostNames.get(key) ?? 0) + 1);
  }

  /** Reads a node's attributes from its layer, known or not. */
  statNode(node: NodeIndex): void {
    const { tree, attributes } = this;
    if (tree.nodes.isDirectory(node)) {
      this.statDirectory(tree.directory(node));
    } else {
      const place = this.locate(node);
      place.layer.stat(place.dir, place.name, place.ref, attributes);
      if (tree.nodes.has(node, nodeFlag.isDetached)) attributes.nlink = 0;
      else if (attributes.nlink > 1 && this.lostNames.size > 0) {
        attributes.nlink -= this.lostNames.get(`${tree.nodes.layer(node)}:${attributes.ino}`) ?? 0;
      }
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
    const { branches } = directory;
    let at = 0;
    for (let i = 0; i < branches.length; i += 2) {
      if (this.layers[branches[i]!]!.isImplied(branches[i + 1] as LayerDir)) continue; // pairs, see branches
      at = i;
      break;
    }
    return { position: branches[at]!, dir: branches[at + 1] as LayerDir }; // pairs, see branches
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
    place.dir = tree.directoryOf(entry).branch(position)!; // an entry's directory has the entry's layer as a branch
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
    for (let i = 0; i < branches.length; i += 2) {
      const found = this.layers[branches[i]!]!.find(branches[i + 1] as LayerDir, name); // pairs, see Directory.branches
      if (found !== undefined) versions.push({ label: this.labelOf(branches[i]!), kind: kindOfFound(found.type) });
    }
    return versions;
  }

  /** Remembers where a node of a lower layer lies before its last name goes: its bytes stay readable for those who hold it. */
  keepPlace(node: NodeIndex): void {
    if (this.tree.nodes.has(node, nodeFlag.hasPlace)) return;
    this.places.set(node, { ...this.locate(node) });
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
    for (const key of this.linkKeys.get(node) ?? []) if (this.linked.get(key) === node) this.linked.delete(key);
    this.linkKeys.delete(node);
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

/** What walkBelow found at the end of a path that is no directory. */
interface BelowObject {
  position: number;
  type: number;
  ino: number;
  place: Place;
}

/** Inode numbers of one space; 2^40 leaves 2^13 spaces below 2^53. */
const inoSpan = 2 ** 40;
