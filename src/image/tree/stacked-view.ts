/** The merged tree of an image in which the topmost layers are looked at as one: they stand to the layers below them as a container's upper
 *  stands to its image. What squash and rebase are made of. */

import { dirType } from '../../base/mode.js';
import type { Name } from '../../base/name.js';
import { type Layer, Listing } from '../../layers/layer.js';
import { type NodeNumber, TreeView, type UpperListing, type ViewEntry } from './tree-view.js';

/** Names of one directory below which something has changed that no layer above lists there: a layer above gave a lower file a further name
 *  (a hard link), which changes the file under its old names as well. The value is true for an old name itself, and false for a directory
 *  in which, at some depth, there is one. */
type Relinked = Map<Name, boolean>;

export class StackedView extends TreeView {
  private readonly relinked = new Map<NodeNumber, Relinked>();

  /** `stack` is top first; the first `above` of it are the layers above. `close` closes all. */
  constructor(
    label: string,
    private readonly stack: readonly Layer[],
    private readonly above: number,
  ) {
    super(label, stack);
    this.findRelinked();
  }

  /** Whether the node's bytes, or a directory's attributes, come from the layers above. */
  override isUpper(node: NodeNumber): boolean {
    return this.stack.indexOf(this.sourceOf(node)) < this.above;
  }

  override standing(directory: NodeNumber): 'alone' | 'merged' {
    const { branches } = this.union.loaded(directory);
    return branches.position(branches.count - 1) >= this.above ? 'merged' : 'alone';
  }

  override listUpper(directory: NodeNumber): UpperListing {
    const touched = this.touchedNames(directory);
    const relinked = this.relinked.get(directory);
    const entries: ViewEntry[] = [];
    const whiteouts: Name[] = [];
    for (const name of [...touched].sort()) {
      const node = this.child(directory, name);
      if (node === undefined) whiteouts.push(name);
      else entries.push({ name, node, type: this.type(node), isRelinked: relinked?.get(name) === true });
    }
    return { entries, whiteouts, vanished: [] };
  }

  /** What the layers above hold, hide or relink in a directory. */
  private touchedNames(directory: NodeNumber): Set<Name> {
    const { branches } = this.union.loaded(directory);
    const names = new Set<Name>(this.relinked.get(directory)?.keys());
    const listing = new Listing();
    for (let i = 0; i < branches.count && branches.position(i) < this.above; i++) {
      listing.clear();
      this.stack[branches.position(i)]!.list(branches.dir(i), listing);
      for (const name of listing.passes) if (this.child(directory, name) !== undefined) names.add(name);
      for (const list of [listing.names, listing.links, listing.whiteouts]) for (const name of list) names.add(name);
    }
    return names;
  }

  /** Hard links of the layers above to files of the layers below: all names of such a file have to be written together (T-5), those that
   *  other layers below gave it as well. */
  private findRelinked(): void {
    const names = new Map<number, Name[]>();
    for (const layer of this.stack.slice(0, this.above)) {
      for (const { path, target, node, ino } of this.linksOf(layer)) {
        if (this.isUpper(node)) continue;
        names.set(ino, [...(names.get(ino) ?? []), path, target, ...this.linkedNames(node)]);
      }
    }
    if (names.size === 0) return;
    for (const layer of this.stack.slice(this.above)) {
      for (const { path, target, ino } of this.linksOf(layer)) names.get(ino)?.push(path, target);
    }
    for (const [ino, paths] of names) {
      for (const path of paths) {
        const peer = this.at(path);
        if (peer !== undefined && this.attributes(peer).ino === ino) this.noteRelinked(path);
      }
    }
  }

  /** The hard links of a layer to files of the layers below it, as far as they show. */
  private *linksOf(layer: Layer): Generator<{ path: Name; target: Name; node: NodeNumber; ino: number }> {
    for (const { path, target } of layer.lowerLinks()) {
      const node = this.at(path);
      if (node === undefined || this.type(node) === dirType.dir) continue;
      yield { path, target, node, ino: this.attributes(node).ino };
    }
  }

  private noteRelinked(path: Name): void {
    const parts = path.split('/') as Name[]; // parts of a Name are Names
    let at = this.root;
    for (const [i, name] of parts.entries()) {
      const names = this.relinked.get(at) ?? new Map<Name, boolean>();
      this.relinked.set(at, names);
      names.set(name, names.get(name) === true || i === parts.length - 1);
      at = this.child(at, name)!; // the caller found the path
    }
  }
}
