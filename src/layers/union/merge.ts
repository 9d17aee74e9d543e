/** THE union rule: how the listings of layers become the names of a directory.
 *
 *  Rule (OCI layer.md, Linux overlayfs.rst): from the top, the first layer that has a name decides its kind; directories merge with the
 *  directories of the same name below until a whiteout, a non-directory or an opaque directory closes the name. Whiteouts and opaque
 *  marks act on lower layers only, whatever else the same layer holds. They make nothing: a directory that a layer has for markers alone
 *  waits for a directory of a lower layer to act on. A redirect names where the lower part is. */

import { dirType } from '../../base/mode.js';
import { type Name, textFromName } from '../../base/name.js';
import type { Counters } from '../../observe/counters.js';
import { log } from '../../observe/log.js';
import { trace } from '../../observe/trace.js';
import { type Layer, type LayerDir, Listing, type Place } from '../layer.js';
import type { OriginClaim } from '../origin-claim.js';
import type { Below } from './below.js';
import { Branches } from './branches.js';
import type { Claims } from './claims.js';
import type { InodeNumbers } from './inode-numbers.js';
import { type EntryIndex, entryFlag } from './name-table.js';
import { type NodeIndex, nodeFlag } from './node-table.js';
import type { Directory, Tree } from './tree.js';

export interface UnionOptions {
  /** Top first. */
  layers: readonly Layer[];
  /** Whether layers[0] is the writable upper. */
  hasUpper: boolean;
  counters: Counters;
  /** What an object of the upper says of its origin (overlay.origin). */
  originOf?: (dir: LayerDir, name: Name) => OriginClaim | undefined;
  /** Told of each node that goes with its unloaded directory. */
  onDrop?: (node: NodeIndex) => void;
}

/** By name the branches, as in Directory, of directories for markers alone that no directory of a lower layer has followed yet. */
type Waiting = Map<Name, Branches>;

export class Merge {
  private readonly layers: readonly Layer[];
  private readonly hasUpper: boolean;
  private readonly listing = new Listing();

  /** `putPlace` remembers where a node lies that does not lie where its names are (L-8). */
  constructor(
    private readonly options: UnionOptions,
    private readonly tree: Tree,
    private readonly below: Below,
    private readonly inodes: InodeNumbers,
    private readonly claims: Claims,
    private readonly putPlace: (node: NodeIndex, place: Place) => void,
  ) {
    this.layers = options.layers;
    this.hasUpper = options.hasUpper;
  }

  /** `wanted`: all names, these, or those that the first branch has. */
  merge(directory: Directory, wanted: readonly Name[] | 'all' | 'of the upper'): void {
    const { branches } = directory;
    this.claims.drop();
    let names = wanted;
    const passing: EntryIndex[] = [];
    const waiting: Waiting = new Map();
    for (let i = 0; i < branches.count; i++) {
      const position = branches.position(i);
      const dir = branches.dir(i);
      this.listing.clear();
      if (typeof names === 'string') this.layers[position]!.list(dir, this.listing);
      else this.layers[position]!.listNamed(dir, names, this.listing);
      // Only directories go on below the upper.
      if (names === 'of the upper') names = this.listing.names.filter((_, at) => this.listing.types[at] === dirType.dir);
      this.options.counters.add('layerListings');
      if (position === 0 && this.hasUpper) directory.isImpure = this.listing.isImpure;
      this.mergeListing(directory, position, dir, passing, waiting);
      if (this.listing.isOpaque) {
        // Nothing is left to cut where the directory was merged before.
        if (i + 1 < branches.count && !this.isSpelledOut(branches, i)) directory.covered = branches.from(i + 1);
        branches.cut(i + 1);
      } else if (this.listing.redirect !== undefined) {
        if (position === 0 && this.hasUpper) directory.isRedirected = true;
        branches.cut(i + 1);
        branches.addAll(this.redirected(directory, position, this.listing.redirect));
      }
    }
    for (const entry of passing) this.tree.removeEntry(directory, entry);
    this.claims.settle();
    trace('union', () => `loaded node=${directory.node} layers=${branches.count} names=${directory.visible}`);
  }

  /** Merges one layer's listing under what the layers above it gave. */
  private mergeListing(directory: Directory, position: number, dir: LayerDir, passing: EntryIndex[], waiting: Waiting): void {
    const { tree, listing } = this;
    const { names } = tree;
    for (let i = 0; i < listing.names.length; i++) {
      const name = listing.names[i]!;
      const type = listing.types[i]!;
      const ref = listing.refs[i]!;
      const entry = names.find(directory.node, name);
      if (entry === 0) {
        tree.addEntry(directory, name, this.addNode(position, dir, i, waiting.get(name)), 0);
        continue;
      }
      if (names.has(entry, entryFlag.isClosed)) continue;
      if (names.has(entry, entryFlag.isPassing)) continue;
      names.setFlag(entry, entryFlag.hasLower);
      const node = names.node(entry);
      if (!this.claims.isEmpty) this.claims.compare(node, position, dir, name, ref, listing.inos[i]!);
      if (node === 0 || type !== dirType.dir || !tree.nodes.isDirectory(node)) {
        names.setFlag(entry, entryFlag.isClosed);
      } else {
        tree.directory(node).branches.add(position, this.layers[position]!.directory(dir, name, ref));
      }
    }
    for (let i = 0; i < listing.links.length; i++)
      this.mergeLink(directory, position, listing.links[i]!, listing.linkTargets[i]!);
    listing.passes.forEach((name, i) => {
      this.mergePass(directory, position, name, this.layers[position]!.directory(dir, name, listing.passRefs[i]!), waiting);
    });
    for (const name of listing.whiteouts) this.mergeWhiteout(directory, position, name, passing);
  }

  private mergePass(directory: Directory, position: number, name: Name, child: LayerDir, waiting: Waiting): void {
    const { names, nodes } = this.tree;
    const entry = names.find(directory.node, name);
    if (entry === 0) {
      const above = waiting.get(name) ?? Branches.none();
      above.add(position, child);
      waiting.set(name, above);
      return;
    }
    const isOver = names.has(entry, entryFlag.isClosed | entryFlag.isPassing) || names.node(entry) === 0;
    if (isOver || !nodes.isDirectory(names.node(entry))) return;
    this.tree.directory(names.node(entry)).branches.add(position, child);
  }

  /** Whether one of the branches up to `last` has an entry of its own for the directory. */
  private isSpelledOut(branches: Branches, last: number): boolean {
    for (let i = 0; i <= last; i++) if (!this.layers[branches.position(i)]!.isImplied(branches.dir(i))) return true;
    return false;
  }

  /** A hard link of layer `position` to an object of the view below it (L-8): the name shows that object, and is one more of its names. */
  private mergeLink(directory: Directory, position: number, name: Name, target: Name): void {
    const { tree } = this;
    const entry = tree.names.find(directory.node, name);
    if (entry !== 0) {
      if (!tree.names.has(entry, entryFlag.isPassing)) tree.names.setFlag(entry, entryFlag.hasLower | entryFlag.isClosed);
      return;
    }
    const found = this.below.walk(this.below.roots(position), target).object;
    if (found === undefined) {
      log(
        'warn',
        `${this.layers[position]!.label}: hard link ${textFromName(name)} to ${textFromName(target)}, which no lower layer has`,
      );
      return;
    }
    const node = tree.nodes.add(found.type, found.position, found.place.ref, this.inodes.ofLayer(found.position, found.ino));
    this.putPlace(node, found.place);
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

  /** A node for entry `i` of the listing; a directory's first branches are `above`. */
  private addNode(position: number, dir: LayerDir, i: number, above?: Branches): NodeIndex {
    const { listing, tree } = this;
    const name = listing.names[i]!;
    const type = listing.types[i]!;
    const isUpper = position === 0 && this.hasUpper;
    const ino = this.inodes.ofLayer(position, listing.inos[i]!);
    const origin = isUpper && listing.isImpure ? this.options.originOf?.(dir, name) : undefined;
    const ref = listing.refs[i]!;
    const node =
      type === dirType.dir
        ? tree.addDirectory(type, position, ino, Branches.on(above, position, this.layers[position]!.directory(dir, name, ref)))
            .node
        : tree.nodes.add(type, position, ref, ino);
    if (isUpper) tree.nodes.setFlag(node, nodeFlag.isUpper | (origin === undefined ? 0 : nodeFlag.hasOrigin));
    if (origin !== undefined) this.claims.add(node, dir, name, origin);
    return node;
  }

  /** The branches below layer `position` of a directory whose mark in that layer says `redirect` (Linux ovl_lookup). */
  private redirected(directory: Directory, position: number, redirect: Name): Branches {
    if (redirect.startsWith('/')) return this.below.walk(this.below.roots(position), redirect).branches;
    const entry = this.tree.nodes.entry(directory.node);
    if (entry === 0) return Branches.none();
    return this.below.walk(this.tree.directoryOf(entry).branches.below(position), redirect).branches;
  }
}
