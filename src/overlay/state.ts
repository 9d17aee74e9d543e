/** What all operations of an OverlayFs share: the merged tree, the upper, the open files, and the small questions about them. */

import type { Attributes } from '../base/attributes.js';
import { errno } from '../base/errno.js';
import { FsError } from '../base/errors.js';
import { dirType } from '../base/mode.js';
import type { Name } from '../base/name.js';
import type { Upper } from '../layers/directory/upper.js';
import type { LayerDir } from '../layers/layer.js';
import type { PrivateXattrs } from '../layers/markers.js';
import { type EntryIndex, entryFlag } from '../layers/union/name-table.js';
import { type NodeIndex, nodeFlag } from '../layers/union/node-table.js';
import { type Directory, rootIndex, type Tree } from '../layers/union/tree.js';
import type { Union } from '../layers/union/union.js';
import type { Counters } from '../observe/counters.js';
import { O_NOATIME } from '../sys/constants.js';
import type { OverlayConfig } from './config.js';
import { Ids } from './ids.js';
import type { OpenFiles } from './open-files.js';

const self = '' as Name;

export class OverlayState {
  readonly tree: Tree;
  readonly ids: Ids;
  /** Somebody asked for a whiteout and was refused: an overlay whose upper lies in the view, which will make `.wh.` files instead. */
  hostsOverlay = false;

  constructor(
    readonly union: Union,
    private readonly writable: Upper | undefined,
    readonly files: OpenFiles,
    readonly config: OverlayConfig,
    readonly counters: Counters,
    readonly privateXattrs: PrivateXattrs,
  ) {
    this.tree = union.tree;
    this.ids = new Ids(config);
  }

  /** More flags for files that are made here: with noatime the descriptor that stays moves no access time. */
  get creationFlags(): number {
    return this.config.accessTimes.files === 'never' ? O_NOATIME : 0;
  }

  get isReadOnly(): boolean {
    return this.writable === undefined;
  }

  /** EROFS where there is none. */
  get upper(): Upper {
    if (this.writable === undefined) throw new FsError(errno.EROFS);
    return this.writable;
  }

  /** EROFS where there is no upper, before anything else is found wrong. */
  mustBeWritable(): void {
    if (this.isReadOnly) throw new FsError(errno.EROFS);
  }

  /** The directory with its names; ENOTDIR. */
  directory(node: NodeIndex): Directory {
    if (!this.tree.nodes.isDirectory(node)) throw new FsError(errno.ENOTDIR);
    return this.union.loaded(node);
  }

  /** A directory that can take a new name: ENOENT once it has been removed. */
  livingDirectory(node: NodeIndex): Directory {
    if (this.isRemoved(node)) throw new FsError(errno.ENOENT);
    return this.directory(node);
  }

  isRemoved(node: NodeIndex): boolean {
    return node !== rootIndex && this.tree.nodes.entry(node) === 0;
  }

  /** The entry of a name that shows; ENOENT. */
  entry(directory: Directory, name: Name): EntryIndex {
    const entry = this.tree.shown(directory, name);
    if (entry === 0) throw new FsError(errno.ENOENT);
    return entry;
  }

  isUpper(node: NodeIndex): boolean {
    return this.tree.nodes.has(node, nodeFlag.isUpper);
  }

  /** The upper's descriptor of a directory. PRE: the directory is upper. */
  upperFd(directory: Directory): number {
    return this.upper.fd(this.upperDir(directory));
  }

  upperDir(directory: Directory): LayerDir {
    const dir = directory.branches.dirIn(0);
    if (dir === undefined || !this.isUpper(directory.node)) throw new Error(`directory ${directory.node} is not upper`);
    return dir;
  }

  /** Whether lower layers have a part in what the directory shows. */
  isMerged(directory: Directory): boolean {
    return directory.branches.count > (this.isUpper(directory.node) ? 1 : 0);
  }

  /** Whether deleting the entry's name must leave a whiteout. */
  hidesLower(entry: EntryIndex): boolean {
    const { names, nodes } = this.tree;
    return names.has(entry, entryFlag.hasLower) || (names.node(entry) !== 0 && !nodes.has(names.node(entry), nodeFlag.isUpper));
  }

  /** The attributes on disk have changed: they are read again when asked for. */
  invalidate(node: NodeIndex): void {
    this.tree.nodes.clearFlag(node, nodeFlag.hasAttributes);
  }

  /** Reads the attributes if they are not known. */
  stat(node: NodeIndex): void {
    if (!this.tree.nodes.has(node, nodeFlag.hasAttributes)) this.restat(node);
  }

  /** Reads the attributes from the disk; `union.lastAttributes` holds all of them. */
  restat(node: NodeIndex): void {
    const { nodes } = this.tree;
    if (this.isUpper(node) && nodes.entry(node) === 0 && node !== rootIndex && this.files.known(node) === undefined) {
      nodes.setFlag(node, nodeFlag.hasAttributes); // nameless and without a descriptor: what was known stays true
      nodes.load(node, this.union.lastAttributes);
      return;
    }
    const file = this.files.known(node);
    if (file === undefined || !this.isUpper(node)) {
      this.union.statNode(node);
      return;
    }
    this.upper.statObject(file.fd, self, this.union.lastAttributes);
    this.tree.nodes.store(node, this.union.lastAttributes);
  }

  /** What has been unlinked of a lower file is not on its layer's disk: the known link count stands. */
  private restatKeepingLinks(node: NodeIndex): void {
    const { nodes } = this.tree;
    const known = !this.isUpper(node) && nodes.has(node, nodeFlag.hasAttributes) ? nodes.nlink(node) : undefined;
    this.restat(node);
    if (known !== undefined) nodes.setNlink(node, known);
  }

  /** The attributes on disk, in a record that the next call of anything here reuses. */
  attributesOf(node: NodeIndex): Attributes {
    const { nodes } = this.tree;
    if (nodes.has(node, nodeFlag.hasAttributes)) nodes.load(node, this.union.lastAttributes);
    else this.restat(node);
    return this.union.lastAttributes;
  }

  /** Fills `out` with what the view shows of the node. */
  getattr(node: NodeIndex, out: Attributes, withBirthTime: boolean): void {
    const { nodes } = this.tree;
    if (!withBirthTime && nodes.has(node, nodeFlag.hasAttributes)) {
      nodes.load(node, out);
    } else {
      this.restatKeepingLinks(node);
      Object.assign(out, this.union.lastAttributes);
      out.ino = nodes.ino(node);
      out.nlink = nodes.nlink(node);
    }
    if (nodes.type(node) === dirType.dir) out.nlink = this.linksOfDirectory(node, out.nlink);
    this.ids.show(out);
  }

  /** 2 and one for each subdirectory; what the disk says where one layer alone has the directory. */
  private linksOfDirectory(node: NodeIndex, onDisk: number): number {
    if (this.config.staticNlink) return 1;
    const directory = this.tree.directory(node);
    if (this.isRemoved(node)) return 0;
    if (!directory.isLoaded && directory.branches.count === 1) return onDisk;
    if (!directory.isLoaded) this.union.loaded(node);
    return 2 + directory.subdirectories;
  }

  /** Where an upper object can be reached by a descriptor and a name ('' for the descriptor itself). ENOENT for a nameless one that nobody
   *  held when it lost its name. */
  upperPlace(node: NodeIndex): { fd: number; name: Name } {
    const { tree } = this;
    const isRemoved = this.isRemoved(node);
    if (!isRemoved && tree.nodes.isDirectory(node)) return { fd: this.upperFd(tree.directory(node)), name: self };
    const file = this.files.known(node);
    if (file !== undefined) return { fd: file.fd, name: self };
    if (isRemoved) throw new FsError(errno.ENOENT);
    const place = this.union.locate(node);
    return { fd: this.upper.fd(place.dir), name: place.name };
  }

  /** The same where the node is upper; undefined otherwise. */
  placeOnDisk(node: NodeIndex): { fd: number; name: Name } | undefined {
    return this.isUpper(node) ? this.upperPlace(node) : undefined;
  }

  /** A copied-up object comes into the directory: its d_ino must be looked up from now on (overlay.impure). */
  markOrigin(directory: Directory, node: NodeIndex): void {
    if (this.tree.nodes.has(node, nodeFlag.hasOrigin)) this.markImpure(directory);
  }

  markImpure(directory: Directory): void {
    if (!directory.isImpure) directory.isImpure = this.upper.setImpure(this.upperFd(directory));
  }

  /** Something in the directory has changed: its times are new. */
  touched(directory: Directory): void {
    this.invalidate(directory.node);
  }
}
