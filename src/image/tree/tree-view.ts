/** A merged tree for programs: no mount, no root. Everything is synchronous: answers come from indexes in memory, or from the disk where
 *  a layer is a directory; content comes from the tars and files. */

import { Attributes } from '../../base/attributes.js';
import { errno } from '../../base/errno.js';
import type { ErrorCode } from '../../base/error-codes.js';
import { errnoOf, PlyfsError } from '../../base/errors.js';
import { dirType, kindWords } from '../../base/mode.js';
import { type Name, textFromName } from '../../base/name.js';
import type { Layer, LayerDir } from '../../layers/layer.js';
import { isHiddenXattr, viewXattr } from '../../layers/markers.js';
import { emptyLayer } from '../../layers/tar/empty-layer.js';
import { type EntryIndex, entryFlag } from '../../layers/union/name-table.js';
import { nodeFlag } from '../../layers/union/node-table.js';
import { Union } from '../../layers/union/union.js';
import { Counters } from '../../observe/counters.js';
import { chunksOf, type OpenedFile, openContent, type Readers } from './content.js';

/** A node of the merged tree; valid while the view is open. */
export type NodeNumber = number;

export interface ViewEntry {
  readonly name: Name;
  readonly type: number;
  readonly node: NodeNumber;
  /** Of listUpper: the name as such is new, whatever was here before, because it belongs to other names now. */
  readonly isRelinked?: boolean;
}

/** What the upper itself holds of a directory. */
export interface UpperListing {
  readonly entries: readonly ViewEntry[];
  /** Names of lower layers that do not show. */
  readonly whiteouts: readonly Name[];
  /** Names that vanished while they were looked at. */
  readonly vanished: readonly Name[];
}

/** As Linux: symlinks followed on one path before it gives up. */
const symlinkLimit = 40;

export class TreeView {
  protected readonly union: Union;
  private readonly readers: Readers = new Map();

  /** `layers` are top first, none for an image that has none; `close` closes them. With `hasUpper` the first is the writable tree of a container, which is only read. */
  constructor(
    readonly label: string,
    layers: readonly Layer[],
    hasUpper = false,
  ) {
    this.union = new Union({ layers: layers.length === 0 ? [emptyLayer()] : layers, hasUpper, counters: new Counters() });
  }

  /** Top first, the upper among them. */
  get layers(): readonly Layer[] {
    return this.union.layers;
  }

  get root(): NodeNumber {
    return this.union.root.node;
  }

  /** The node at `path` from the root, undefined where there is none. Symlinks on the way are followed inside the image, and the last one
   *  with `follow`. PlyfsError ELOOP. */
  find(path: Name, follow = true): NodeNumber | undefined {
    const found = this.resolve(path, follow);
    if (found === 'ELOOP') throw this.unresolved(path, found);
    return typeof found === 'string' ? undefined : found;
  }

  /** As find. PlyfsError ENOENT, ENOTDIR or ELOOP names the path. */
  get(path: Name, follow = true): NodeNumber {
    const found = this.resolve(path, follow);
    if (typeof found === 'string') throw this.unresolved(path, found);
    return found;
  }

  private unresolved(path: Name, why: keyof typeof whyUnresolved): PlyfsError {
    return new PlyfsError(why, whyUnresolved[why](this.label, textFromName(path)));
  }

  /** path_resolution(7) from the root, which is also where an empty path leads. What `..` would leave stays inside. */
  resolve(path: Name, follow = true): NodeNumber | keyof typeof whyUnresolved {
    const left = partsOf(path).reverse();
    const above: NodeNumber[] = [this.root];
    let symlinks = 0;
    for (let name = left.pop(); name !== undefined; name = left.pop()) {
      const at = above.at(-1)!; // the root is never popped
      if (name === '.') continue;
      if (name === '..') {
        if (above.length > 1) above.pop();
        continue;
      }
      const child = this.child(at, name);
      if (child === undefined) return 'ENOENT';
      const type = this.type(child);
      if (type === dirType.lnk && (follow || left.length > 0)) {
        if (++symlinks > symlinkLimit) return 'ELOOP';
        const target = this.readlink(child);
        if (target === '') return 'ENOENT';
        if (target.startsWith('/')) above.length = 1;
        left.push(...partsOf(target).reverse());
      } else if (type === dirType.dir) {
        above.push(child);
      } else {
        return left.length === 0 ? child : 'ENOTDIR';
      }
    }
    return above.at(-1)!; // as above
  }

  /** The node that shows as `name` in a directory. */
  child(directory: NodeNumber, name: Name): NodeNumber | undefined {
    const entry = this.union.lookUp(directory, name);
    return entry === 0 ? undefined : this.union.statEntry(entry);
  }

  /** d_type. */
  type(node: NodeNumber): number {
    return this.union.tree.nodes.type(node);
  }

  /** Sorted by bytes, without what vanishes meanwhile. PRE: a directory. */
  list(directory: NodeNumber): ViewEntry[] {
    const { tree } = this.union;
    const { children, used } = this.union.loaded(directory);
    const entries: ViewEntry[] = [];
    for (let i = 0; i < used; i++) {
      const entry = children[i]!;
      if (tree.names.node(entry) === 0) continue;
      const node = this.statIfThere(entry);
      if (node !== undefined) entries.push({ name: tree.names.name(entry), type: tree.nodes.type(node), node });
    }
    return entries.sort(byName);
  }

  /** What the upper itself holds of a directory: its objects and the names that its whiteouts hide, both sorted by bytes, and the names
   *  that vanished while they were looked at. Each object is looked at, the rest of the directory is not. PRE: hasUpper, a directory. */
  listUpper(directory: NodeNumber): UpperListing {
    const { tree } = this.union;
    const { children, used } = this.union.withUpperNames(directory);
    const entries: ViewEntry[] = [];
    const whiteouts: Name[] = [];
    const vanished: Name[] = [];
    for (let i = 0; i < used; i++) {
      const entry = children[i]!;
      if (entry === 0) continue;
      const shown = tree.names.node(entry);
      if (shown === 0) {
        if (tree.names.has(entry, entryFlag.isWhiteout)) whiteouts.push(tree.names.name(entry));
      } else if (this.isUpper(shown)) {
        const name = tree.names.name(entry);
        const node = this.statIfThere(entry);
        if (node === undefined) vanished.push(name);
        else entries.push({ name, type: tree.nodes.type(node), node });
      }
    }
    return { entries: entries.sort(byName), whiteouts: whiteouts.sort(), vanished };
  }

  private statIfThere(entry: EntryIndex): NodeNumber | undefined {
    try {
      return this.union.statEntry(entry);
    } catch (error) {
      if (errnoOf(error) !== errno.ENOENT) throw error;
      return undefined;
    }
  }

  /** Whether it lies in the upper; a directory also where lower layers show through. */
  isUpper(node: NodeNumber): boolean {
    return this.union.tree.nodes.has(node, nodeFlag.isUpper);
  }

  /** How an upper directory stands to lower layers: nothing of them shows (`alone`), what lies at the same path (`merged`), or what lies
   *  elsewhere (`moved`). PRE: an upper directory. */
  standing(directory: NodeNumber): 'alone' | 'merged' | 'moved' {
    const { branches, isRedirected } = this.union.withUpperNames(directory);
    if (branches.count === 1) return 'alone';
    return isRedirected ? 'moved' : 'merged';
  }

  /** A directory as ViewEntry list, or PlyfsError ENOTDIR. */
  listAt(path: Name): ViewEntry[] {
    const node = this.get(path);
    if (this.type(node) !== dirType.dir) {
      throw new PlyfsError('ENOTDIR', `${textFromName(path)} in ${this.label} is ${kindWords(this.type(node))}, not a directory`);
    }
    return this.list(node);
  }

  attributes(node: NodeNumber): Attributes {
    const attributes = new Attributes();
    if (!this.union.tree.nodes.has(node, nodeFlag.hasAttributes)) this.union.statNode(node);
    this.union.tree.nodes.load(node, attributes);
    return attributes;
  }

  /** PRE: a symlink. */
  readlink(node: NodeNumber): Name {
    const { layer, dir, name, ref } = this.union.locate(node);
    return layer.readlink(dir, name, ref);
  }

  /** Those whose key `isWanted`. */
  xattrs(node: NodeNumber, isWanted: (key: Name) => boolean = () => true): Map<Name, Buffer> {
    if (this.type(node) === dirType.dir) {
      const { layer, dir } = this.topOf(node);
      return valuesOf(layer.listxattrDirectory(dir).filter(isWanted), (key) => layer.getxattrDirectory(dir, key));
    }
    const { layer, dir, name, ref } = this.union.locate(node);
    return valuesOf(layer.listxattr(dir, name, ref).filter(isWanted), (key) => layer.getxattr(dir, name, ref, key));
  }

  /** The node at a path of which no part is followed as a symlink. */
  at(path: Name): NodeNumber | undefined {
    let node: NodeNumber | undefined = this.root;
    for (const name of partsOf(path)) {
      if (node === undefined || this.type(node) !== dirType.dir) return undefined;
      node = this.child(node, name);
    }
    return node;
  }

  /** The names from the root to a node that has one. */
  pathOf(node: NodeNumber): Name[] {
    const { tree } = this.union;
    if (this.type(node) === dirType.dir) return tree.pathOf(node)!; // every node of a view has a name
    const entry = tree.entriesOf(node)[0]!; // the same
    return [...tree.pathOf(tree.directoryOf(entry).node)!, tree.names.name(entry)];
  }

  /** Every name that the file has in its layer, as paths from its root. PRE: no directory. */
  linkedNames(node: NodeNumber): Name[] {
    const { layer, dir, name, ref } = this.union.locate(node);
    const stored = new Attributes();
    layer.stat(dir, name, ref, stored);
    return layer.namesOf(stored.ino);
  }

  /** The xattrs that a mount shows: those of overlays are not there. */
  shownXattrs(node: NodeNumber): Map<Name, Buffer> {
    const stored = this.xattrs(node, (key) => !isHiddenXattr(key));
    return stored.size === 0 ? stored : new Map([...stored].map(([key, value]) => [viewXattr(key), value]));
  }

  /** Where a directory's attributes come from (L-5). */
  private topOf(node: NodeNumber): { layer: Layer; dir: LayerDir } {
    const { position, dir } = this.union.spelledOut(this.union.tree.directory(node));
    return { layer: this.union.layers[position]!, dir }; // positions are those of the layers
  }

  /** Whether a directory is there for what is in it alone: no layer says anything of it (L-5). */
  isImplied(node: NodeNumber): boolean {
    const { layer, dir } = this.topOf(node);
    return layer.isImplied(dir);
  }

  /** The layer that the node's bytes, or a directory's attributes, come from. */
  protected sourceOf(node: NodeNumber): Layer {
    return this.type(node) === dirType.dir ? this.topOf(node).layer : this.union.locate(node).layer;
  }

  /** Whether two nodes, neither a directory, are one object of one layer. */
  isSamePlace(node: NodeNumber, other: TreeView, otherNode: NodeNumber): boolean {
    const { layer, ref } = this.union.locate(node);
    const label = layer.label;
    const place = other.union.locate(otherNode);
    // Only tars number what they hold.
    return ref !== 0 && ref === place.ref && label === place.layer.label;
  }

  /** The bytes [from, to) of a file, in order. PRE: `node` is a regular file. The caller may keep the chunks: each has memory of its own. */
  *read(node: NodeNumber, from = 0, to = Number.POSITIVE_INFINITY): Generator<Buffer> {
    const { layer, dir, name, ref } = this.union.locate(node);
    const content = layer.open(dir, name, ref);
    try {
      yield* chunksOf(content, from, to);
    } finally {
      content.close();
    }
  }

  /** A regular file for reading at will. The caller closes it. FsError ENOENT where it has vanished, EIO for a metacopy file. */
  open(node: NodeNumber): OpenedFile {
    const { layer, dir, name, ref } = this.union.locate(node);
    const { size, blocks } = this.attributes(node);
    return openContent(layer.open(dir, name, ref), size, blocks, this.readers);
  }

  /** The whole of a regular file. */
  readAll(node: NodeNumber): Buffer {
    return Buffer.concat([...this.read(node)]);
  }

  close(): void {
    this.union.close();
  }
}

/** Without those that were removed since they were listed. */
function valuesOf(keys: readonly Name[], get: (key: Name) => Buffer | undefined): Map<Name, Buffer> {
  const found = new Map<Name, Buffer>();
  for (const key of keys) {
    const value = get(key);
    if (value !== undefined) found.set(key, value);
  }
  return found;
}

function byName(a: ViewEntry, b: ViewEntry): number {
  return a.name < b.name ? -1 : 1;
}

/** The components of a path. One that ends in a slash, or in a dot, ends in `.`: what is before it must be a directory. */
function partsOf(path: Name): Name[] {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.length > 0 && /\/\.?$/.test(path)) parts.push('.');
  return parts as Name[]; // parts of a Name are Names
}

const whyUnresolved = {
  ENOENT: (label: string, path: string) => `${label} has no ${path}`,
  ENOTDIR: (label: string, path: string) => `${path} in ${label}: a part of the path is not a directory`,
  ELOOP: (label: string, path: string) => `${path} in ${label} leads through too many symlinks`,
} as const satisfies Partial<Record<ErrorCode, (label: string, path: string) => string>>;
