/** What each layer of an image did to the ones below, and which bytes are shipped but hidden: one pass over the layers, bottom first. */

import { S_IFDIR, S_IFMT, S_IFREG } from '../base/mode.js';
import type { Name } from '../base/name.js';
import { flag, type TarIndex } from '../layers/tar-index.js';
import type { OpenedLayer } from './stack.js';

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

/** A name of the tree as merged so far. */
class Branch {
  children: Map<Name, Branch> | undefined = undefined;
  constructor(
    /** Bytes of a regular file, counted at one of its names. */
    public bytes: number,
    /** The layer that put it there. */
    public account: LayerAccount,
  ) {}
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
    this.root ??= new Branch(0, account);
    this.mergeDirectory(layer.layer.index, 0, this.root, '' as Name, account);
  }

  result(): Account {
    const waste = [...this.waste.values()].sort((a, b) => b.bytes - a.bytes || (a.path < b.path ? -1 : 1));
    return { layers: this.layers, waste, wastedBytes: this.wastedBytes, totalBytes: this.totalBytes };
  }

  /** Whiteouts and opaque marks act on lower layers only, so they go first, whatever their place in the tar (W-2, W-3). */
  private mergeDirectory(index: TarIndex, dir: number, branch: Branch, path: Name, account: LayerAccount): void {
    branch.children ??= new Map();
    if (index.has(dir, flag.opaque)) for (const [name, child] of branch.children) this.delete(branch, name, child, path, account);
    const { whiteoutDir, data, size } = index.columns;
    for (let at = index.firstWhiteout(dir); whiteoutDir[at] === dir; at++) {
      const name = index.whiteoutName(at);
      const child = branch.children.get(name);
      if (child !== undefined) this.delete(branch, name, child, path, account);
    }
    const end = data[dir]! + size[dir]!;
    for (let entry = data[dir]!; entry < end; entry++) this.mergeEntry(index, entry, branch.children, path, account);
  }

  private mergeEntry(index: TarIndex, entry: number, children: Map<Name, Branch>, path: Name, account: LayerAccount): void {
    const name = index.name(entry);
    const childPath = `${path}/${name}` as Name; // joined of Names
    const isDirectory = (index.columns.mode[entry]! & S_IFMT) === S_IFDIR;
    const existing = children.get(name);
    const merges = isDirectory && existing?.children !== undefined;
    if (!(isDirectory && index.has(entry, flag.implied))) {
      if (existing === undefined) account.added++;
      else account.replaced++;
    }
    if (existing !== undefined && !merges) this.hide(existing, childPath, account);
    let child = existing;
    if (child === undefined || !merges) {
      child = new Branch(this.bytesOf(index, entry), account);
      children.set(name, child);
    }
    if (isDirectory) this.mergeDirectory(index, entry, child, childPath, account);
  }

  private bytesOf(index: TarIndex, entry: number): number {
    const isFile = (index.columns.mode[entry]! & S_IFMT) === S_IFREG;
    const bytes = isFile && index.first(entry) === entry ? index.columns.size[entry]! : 0;
    this.totalBytes += bytes;
    return bytes;
  }

  private delete(parent: Branch, name: Name, child: Branch, path: Name, account: LayerAccount): void {
    account.deleted++;
    this.hide(child, `${path}/${name}` as Name, account); // joined of Names
    parent.children!.delete(name); // the caller found it there
  }

  /** The bytes at and below a path are hidden by `by`. */
  private hide(branch: Branch, path: Name, by: LayerAccount): void {
    if (branch.bytes > 0) {
      this.wastedBytes += branch.bytes;
      branch.account.hiddenBytes += branch.bytes;
      const waste = this.waste.get(path) ?? { path, bytes: 0, times: 0, shippedBy: [], hiddenBy: [] };
      waste.bytes += branch.bytes;
      waste.times++;
      waste.shippedBy.push(branch.account.layer.number);
      waste.hiddenBy.push(by.layer.number);
      this.waste.set(path, waste);
    }
    for (const [name, child] of branch.children ?? []) this.hide(child, `${path}/${name}` as Name, by); // joined of Names
  }
}
