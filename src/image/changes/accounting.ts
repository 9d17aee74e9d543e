/** What each layer of an image did to the ones below, and which bytes are shipped but hidden: one pass over the layers, bottom first. */

import { S_IFDIR, S_IFMT, S_IFREG } from '../../base/mode.js';
import type { Name } from '../../base/name.js';
import type { TarIndex } from '../../layers/tar/tar-index.js';
import { flag } from '../../layers/tar/tar-index-format.js';
import type { OpenedLayer } from '../stack/stack.js';

export interface LayerAccount {
  readonly layer: OpenedLayer;
  /** Names, directories included; of directories only those that the layer spells out. */
  added: number;
  replaced: number;
  deleted: number;
  /** Bytes of its files that layers above hide. */
  hiddenBytes: number;
}

/** Bytes of one path that a lower layer ships and an upper one hides. */
export interface Waste {
  readonly path: Name;
  bytes: number;
  /** How often: a file replaced in three layers is shipped and hidden three times. */
  times: number;
  /** Numbers of the layers that ship them, and of those that hide them. */
  readonly shippedBy: number[];
  readonly hiddenBy: number[];
}

export interface Account {
  /** Bottom first. */
  readonly layers: readonly LayerAccount[];
  /** Most bytes first. */
  readonly waste: readonly Waste[];
  readonly wastedBytes: number;
  /** Bytes of all files of all layers. */
  readonly totalBytes: number;
}

/** A regular file that some layer ships, and how many names of the tree as merged so far show it: with the last one its bytes are hidden. */
interface Shipped {
  readonly bytes: number;
  readonly account: LayerAccount;
  names: number;
}

/** A name of the tree as merged so far. */
class Branch {
  children: Map<Name, Branch> | undefined = undefined;
  /** `file` is undefined for what has no bytes. */
  constructor(readonly file: Shipped | undefined) {}
}

/** A layer while it is merged. */
interface Merging {
  readonly index: TarIndex;
  readonly account: LayerAccount;
  /** Files with several names by the first of them, and those of lower layers by the entry that links to them (L-8). */
  readonly shared: Map<number, Shipped | undefined>;
}

/** `stack` is top first, as openStackOf gives it. Memory goes by the number of names. */
export function accountOf(stack: readonly OpenedLayer[]): Account {
  const accounting = new Accounting();
  for (const layer of [...stack].reverse()) accounting.add(layer);
  return accounting.result();
}

class Accounting {
  private readonly layers: LayerAccount[] = [];
  private readonly waste = new Map<Name, Waste>();
  private root: Branch | undefined;
  private wastedBytes = 0;
  private totalBytes = 0;

  add(layer: OpenedLayer): void {
    const account: LayerAccount = { layer, added: 0, replaced: 0, deleted: 0, hiddenBytes: 0 };
    this.layers.push(account);
    this.root ??= new Branch(undefined);
    const { index } = layer.layer;
    // What links lead to is looked up before this layer hides anything (W-2).
    const shared = new Map(index.lowerLinks().map((entry) => [entry, this.keptBy(index.target(entry))]));
    this.mergeDirectory({ index, account, shared }, 0, this.root, '' as Name);
  }

  /** The file of the tree so far that a link leads to, with the link as one more name. */
  private keptBy(path: Name): Shipped | undefined {
    let branch = this.root;
    for (const name of path.split('/') as Name[]) branch = branch?.children?.get(name); // parts of a Name are Names
    if (branch?.file !== undefined) branch.file.names++;
    return branch?.file;
  }

  result(): Account {
    const waste = [...this.waste.values()].sort((a, b) => b.bytes - a.bytes || (a.path < b.path ? -1 : 1));
    return { layers: this.layers, waste, wastedBytes: this.wastedBytes, totalBytes: this.totalBytes };
  }

  /** Whiteouts and opaque marks act on lower layers only, so they go first, whatever their place in the tar (W-2, W-3). */
  private mergeDirectory(merging: Merging, dir: number, branch: Branch, path: Name): void {
    const { index, account } = merging;
    branch.children ??= new Map();
    if (index.has(dir, flag.opaque)) for (const [name, child] of branch.children) this.delete(branch, name, child, path, account);
    const { whiteoutDir, data, size } = index.columns;
    for (let at = index.firstWhiteout(dir); whiteoutDir[at] === dir; at++) {
      const name = index.whiteoutName(at);
      const child = branch.children.get(name);
      if (child !== undefined) this.delete(branch, name, child, path, account);
    }
    const end = data[dir]! + size[dir]!;
    for (let entry = data[dir]!; entry < end; entry++) this.mergeEntry(merging, entry, branch.children, path);
  }

  private mergeEntry(merging: Merging, entry: number, children: Map<Name, Branch>, path: Name): void {
    const { index, account } = merging;
    const name = index.name(entry);
    const childPath = `${path}/${name}` as Name; // joined of Names
    const isDirectory = (index.columns.mode[entry]! & S_IFMT) === S_IFDIR;
    const existing = children.get(name);
    const merges = isDirectory && existing?.children !== undefined;
    if (index.has(entry, flag.markers) && !merges) return;
    if (!(isDirectory && index.has(entry, flag.implied))) {
      if (existing === undefined) account.added++;
      else account.replaced++;
    }
    if (existing !== undefined && !merges) this.hide(existing, childPath, account);
    let child = existing;
    if (child === undefined || !merges) {
      child = new Branch(this.fileOf(merging, entry));
      children.set(name, child);
    }
    if (isDirectory) this.mergeDirectory(merging, entry, child, childPath);
  }

  /** What the entry ships, or is one more name of. */
  private fileOf({ index, account, shared }: Merging, entry: number): Shipped | undefined {
    if (index.has(entry, flag.lowerLink)) return shared.get(entry);
    if ((index.columns.mode[entry]! & S_IFMT) !== S_IFREG) return undefined;
    const known = shared.get(index.first(entry));
    if (known !== undefined) {
      known.names++;
      return known;
    }
    const file = { bytes: index.columns.size[entry]!, account, names: 1 };
    this.totalBytes += file.bytes;
    if (index.has(entry, flag.multi)) shared.set(index.first(entry), file);
    return file;
  }

  private delete(parent: Branch, name: Name, child: Branch, path: Name, account: LayerAccount): void {
    account.deleted++;
    this.hide(child, `${path}/${name}` as Name, account); // joined of Names
    parent.children!.delete(name); // the caller found it there
  }

  /** A path, and all below it, does not show any more because of `by`. */
  private hide({ file, children }: Branch, path: Name, by: LayerAccount): void {
    if (file !== undefined && --file.names === 0 && file.bytes > 0) {
      this.wastedBytes += file.bytes;
      file.account.hiddenBytes += file.bytes;
      const waste = this.waste.get(path) ?? { path, bytes: 0, times: 0, shippedBy: [], hiddenBy: [] };
      waste.bytes += file.bytes;
      waste.times++;
      waste.shippedBy.push(file.account.layer.number);
      waste.hiddenBy.push(by.layer.number);
      this.waste.set(path, waste);
    }
    for (const [name, child] of children ?? []) this.hide(child, `${path}/${name}` as Name, by); // joined of Names
  }
}
