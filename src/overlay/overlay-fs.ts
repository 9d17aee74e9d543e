/** OverlayFs: the copy-on-write file system over a stack of layers. Each operation is here in the kernel's words; the longer ones are in
 *  creation.ts, removal.ts, rename.ts, attribute-changes.ts, bytes.ts, copy-up.ts. What lookups and listings need is in memory once a directory was seen. */

import type { Attributes } from '../base/attributes.js';
import { errno } from '../base/errno.js';
import { FsError } from '../base/errors.js';
import type { FsStatistics } from '../base/fs-statistics.js';
import { dirType, S_IFLNK } from '../base/mode.js';
import { type Name, nameMax } from '../base/name.js';
import { DirectoryLayer } from '../layers/directory/directory-layer.js';
import { type NodeIndex, nodeFlag } from '../layers/union/node-table.js';
import { rootIndex } from '../layers/union/tree.js';
import type { Counters } from '../observe/counters.js';
import { readlinkAt } from '../sys/namespace.js';
import { statFs } from '../sys/stat.js';
import type { AttributeChange, Caller, DirectorySink, FileSystem, NodeId } from '../vfs/filesystem.js';
import { AccessTimes } from './access-times.js';
import { AttributeChanges } from './attribute-changes.js';
import { FileBytes } from './bytes.js';
import { CopyUp } from './copy-up.js';
import { Creation } from './creation.js';
import { ListAhead } from './list-ahead.js';
import { Protection } from './protection.js';
import { Removal } from './removal.js';
import { Rename } from './rename.js';
import type { OverlayState } from './state.js';
import { namesMaxDefault, Unloading } from './unload.js';
import { Xattrs } from './xattrs.js';

export class OverlayFs implements FileSystem {
  private readonly copyUp: CopyUp;
  private readonly creation: Creation;
  private readonly removal: Removal;
  private readonly renaming: Rename;
  private readonly xattrs: Xattrs;
  private readonly changes: AttributeChanges;
  private readonly bytes: FileBytes;
  private readonly ahead: ListAhead;
  private readonly accessTimes: AccessTimes;
  private readonly protection: Protection;
  private readonly unloading: Unloading;

  constructor(
    readonly state: OverlayState,
    private readonly onDestroy: () => void,
  ) {
    this.copyUp = new CopyUp(state, (node) => this.removal.forget(node, 1));
    this.creation = new Creation(state, this.copyUp);
    this.removal = new Removal(state, this.copyUp);
    this.renaming = new Rename(state, this.copyUp, this.creation, this.removal);
    this.xattrs = new Xattrs(state, this.copyUp);
    this.changes = new AttributeChanges(state, this.copyUp);
    this.bytes = new FileBytes(state, this.copyUp, this.changes);
    this.ahead = new ListAhead(state);
    this.accessTimes = new AccessTimes(state);
    this.protection = new Protection(state, this.copyUp);
    this.unloading = new Unloading(state, state.config.namesMax ?? namesMaxDefault);
  }

  get isReadOnly(): boolean {
    return this.state.isReadOnly;
  }

  // ---- names and attributes --------------------------------------------------------------------------------------------------------

  lookup(parent: NodeId, name: Name): NodeId | undefined {
    const { state } = this;
    const { tree, counters } = state;
    if (name.length > nameMax) throw new FsError(errno.ENAMETOOLONG);
    counters.add('lookups');
    const touchedBefore = layersTouched(counters);
    const entry = tree.shown(state.directory(parent), name);
    const node = entry === 0 ? 0 : state.union.statEntry(entry);
    const touched = layersTouched(counters) - touchedBefore;
    if (touched === 0) counters.add('lookupsFromMemory');
    else counters.add('layersTouched', touched);
    if (entry === 0) {
      counters.add('lookupMisses');
      return undefined;
    }
    tree.nodes.addReferences(node, 1);
    return node as NodeId; // a row of the tree is the node's identity
  }

  reference(node: NodeId): NodeId {
    const { tree, union } = this.state;
    const entry = tree.nodes.entry(node);
    const given = entry === 0 ? node : union.statEntry(entry);
    tree.nodes.addReferences(given, 1);
    return given as NodeId; // rows of the tree are identities
  }

  forget(node: NodeId, references: number): void {
    this.removal.forget(node, references);
    this.unloading.forgot();
  }

  hasAttributes(node: NodeId): boolean {
    const { nodes } = this.state.tree;
    if (!nodes.has(node, nodeFlag.hasAttributes)) return false;
    return !nodes.isDirectory(node) || this.state.tree.directory(node).isLoaded;
  }

  getattr(node: NodeId, out: Attributes, withBirthTime = false): void {
    if (this.bytes.isHeld(node)) this.state.invalidate(node); // what passes through changes it unseen
    this.state.getattr(node, out, withBirthTime);
  }

  setattr(node: NodeId, change: AttributeChange, _caller: Caller): void {
    this.protection.checkAttributes(node, change);
    this.changes.set(node, change);
  }

  readlink(node: NodeId): Name {
    const { state } = this;
    if (state.tree.nodes.type(node) !== dirType.lnk) throw new FsError(errno.EINVAL);
    const onDisk = state.placeOnDisk(node);
    if (onDisk !== undefined) return readlinkAt(onDisk.fd, onDisk.name);
    const place = state.union.locate(node);
    return place.layer.readlink(place.dir, place.name, place.ref);
  }

  statfs(): FsStatistics {
    const layer = this.state.union.layers[0];
    if (layer instanceof DirectoryLayer) return statFs(layer.fd(layer.root));
    return {
      blocks: 0,
      bfree: 0,
      bavail: 0,
      files: this.state.tree.names.count,
      ffree: 0,
      bsize: 4096,
      frsize: 4096,
      namelen: nameMax,
    };
  }

  // ---- changes of the namespace ------------------------------------------------------------------------------------------------------

  mknod(parent: NodeId, name: Name, mode: number, rdev: number, caller: Caller): NodeId {
    this.protection.checkAdding(parent);
    return this.creation.make(parent, name, mode, rdev, caller) as NodeId; // rows of the tree are identities, here and below
  }

  mkdir(parent: NodeId, name: Name, mode: number, caller: Caller): NodeId {
    this.protection.checkAdding(parent);
    return this.creation.make(parent, name, (mode & 0o7777) | (dirType.dir << 12), 0, caller) as NodeId;
  }

  symlink(parent: NodeId, name: Name, target: Name, caller: Caller): NodeId {
    this.protection.checkAdding(parent);
    return this.creation.make(parent, name, S_IFLNK | 0o777, 0, caller, target) as NodeId;
  }

  tmpfile(parent: NodeId, mode: number, caller: Caller): NodeId {
    this.protection.checkAdding(parent);
    return this.creation.makeNameless(parent, mode, caller) as NodeId;
  }

  link(node: NodeId, parent: NodeId, name: Name): void {
    this.protection.checkAdding(parent);
    this.protection.checkLinking(node);
    this.creation.link(node, parent, name);
  }

  unlink(parent: NodeId, name: Name): void {
    this.protection.checkRemoving(parent, name);
    this.removal.unlink(parent, name);
  }

  rmdir(parent: NodeId, name: Name): void {
    this.protection.checkRemoving(parent, name);
    this.removal.rmdir(parent, name);
  }

  rename(parent: NodeId, name: Name, newParent: NodeId, newName: Name, flags: number): void {
    this.protection.checkRemoving(parent, name);
    this.protection.checkReplacing(newParent, newName);
    this.renaming.rename(parent, name, newParent, newName, flags);
  }

  // ---- bytes -------------------------------------------------------------------------------------------------------------------------

  open(node: NodeId, flags: number): void {
    this.protection.checkOpening(node, flags);
    this.bytes.open(node, flags);
  }
  release(node: NodeId): void {
    this.bytes.release(node);
  }
  backing(node: NodeId, writable: boolean): number | undefined {
    return this.bytes.backing(node, writable);
  }
  read(node: NodeId, offset: number, buffer: Buffer, at: number, length: number): number {
    const count = this.bytes.read(node, offset, buffer, at, length);
    this.accessTimes.hasRead(node);
    return count;
  }
  write(
    node: NodeId,
    offset: number,
    from: Buffer,
    at: number,
    length: number,
    killPrivileges: boolean,
    keepTimes = false,
  ): number {
    const kept = keepTimes ? this.protection.keptOfPages(node, offset, length) : 0;
    this.protection.checkWriting(node, offset + kept);
    return kept + this.bytes.write(node, offset + kept, from, at + kept, length - kept, killPrivileges, keepTimes);
  }
  fsync(node: NodeId, dataOnly: boolean): void {
    this.bytes.fsync(node, dataOnly);
  }
  fallocate(node: NodeId, mode: number, offset: number, length: number): void {
    this.protection.checkAllocating(node, mode);
    this.bytes.fallocate(node, mode, offset, length);
  }
  seek(node: NodeId, offset: number, whence: number): number {
    return this.bytes.seek(node, offset, whence);
  }
  copyFileRange(source: NodeId, sourceOffset: number, target: NodeId, targetOffset: number, length: number): number {
    this.protection.checkWriting(target, targetOffset);
    return this.bytes.copyFileRange(source, sourceOffset, target, targetOffset, length);
  }

  // ---- listings and xattrs -----------------------------------------------------------------------------------------------------------

  readdir(node: NodeId, offset: number, sink: DirectorySink): void {
    const { state } = this;
    const { tree } = state;
    const directory = state.directory(node);
    if (offset === 0) {
      this.ahead.listed(directory);
      this.accessTimes.hasListed(directory);
    }
    if (offset < 1 && !sink('.' as Name, undefined, tree.nodes.ino(node), dirType.dir, 1)) return;
    if (offset < 2 && !sink('..' as Name, undefined, this.parentIno(node), dirType.dir, 2)) return;
    for (let place = directory.placeFrom(Math.max(0, offset - 2)); place < directory.used; place++) {
      const entry = directory.children[place]!;
      const child = tree.names.node(entry);
      if (child === 0) continue;
      const next = directory.positionAt(place) + 3;
      const taken = sink(tree.names.name(entry), child as NodeId, tree.nodes.ino(child), tree.nodes.type(child), next);
      if (!taken) return;
    }
  }

  /** Lists directories ahead of a walk that goes down the tree. */
  idle(): boolean {
    return this.ahead.step();
  }

  private parentIno(node: NodeIndex): number {
    const { nodes, names } = this.state.tree;
    const entry = node === rootIndex ? 0 : nodes.entry(node);
    return nodes.ino(entry === 0 ? rootIndex : names.directory(entry));
  }

  getxattr(node: NodeId, name: Name): Buffer | undefined {
    return this.xattrs.get(node, name);
  }
  setxattr(node: NodeId, name: Name, value: Buffer, flags: number): void {
    this.protection.checkXattrs(node);
    this.xattrs.set(node, name, value, flags);
  }
  listxattr(node: NodeId): Name[] {
    return this.xattrs.list(node);
  }
  removexattr(node: NodeId, name: Name): void {
    this.protection.checkXattrs(node);
    this.xattrs.remove(node, name);
  }

  inodeFlags(node: NodeId): number {
    return this.protection.flags(node);
  }
  setInodeFlags(node: NodeId, flags: number): void {
    this.protection.setFlags(node, flags);
  }

  destroy(): void {
    this.onDestroy();
  }
}

/** How often a layer was asked for anything but bytes. */
function layersTouched(counters: Counters): number {
  return counters.get('layerListings') + counters.get('layerStats');
}
