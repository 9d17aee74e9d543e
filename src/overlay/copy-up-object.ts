/** The copy of an object in the work directory: it gets everything of the original but the bytes, then its names, in one step each. */

import { FsError, isRefusal } from '../base/errors.js';
import { dirType } from '../base/mode.js';
import type { Name } from '../base/name.js';
import { DirectoryLayer } from '../layers/directory/directory-layer.js';
import { encodeOrigin, type PlainOrigin } from '../layers/directory/origin.js';
import type { Layer, LayerDir, Place } from '../layers/layer.js';
import { type EntryIndex, entryFlag } from '../layers/union/name-table.js';
import { type NodeIndex, nodeFlag } from '../layers/union/node-table.js';
import type { Directory } from '../layers/union/tree.js';
import { log } from '../observe/log.js';
import { trace } from '../observe/trace.js';
import { fileHandle, fsUuid } from '../sys/handle.js';
import { unlinkAt } from '../sys/namespace.js';
import { utimensAt } from '../sys/stat.js';
import { capabilityKey, setxattrAt } from '../sys/xattr.js';
import type { OpenFile } from './open-files.js';
import type { OverlayState } from './state.js';

const self = '' as Name;

export class CopiedObjects {
  constructor(private readonly state: OverlayState) {}

  // ---- what every copy gets -----------------------------------------------------------------------------------------------------------

  putXattrs(made: Name, node: NodeIndex): void {
    const place: Place = { ...this.state.union.locate(node) };
    for (const key of place.layer.listxattr(place.dir, place.name, place.ref)) {
      const value = place.layer.getxattr(place.dir, place.name, place.ref, key);
      if (value !== undefined) this.putXattr(made, key, value);
    }
  }

  /** What the upper cannot hold (user.* on an odd file system, labels without rights) is left out, as cp -a does. */
  putXattr(made: Name, key: Name, value: Buffer): void {
    if (this.state.privateXattrs.hides(key)) return;
    try {
      setxattrAt(this.state.upper.workFd, made, key, value);
    } catch (error) {
      if (!isRefusal(error)) throw error;
    }
  }

  /** Owner, mode and times, in the order in which none undoes another; the mode after ACLs. */
  putAttributes(made: Name, node: NodeIndex): void {
    const { upper, tree } = this.state;
    const { nodes } = tree;
    try {
      upper.changeOwner(upper.workFd, made, nodes.uid(node), nodes.gid(node));
    } catch (error) {
      if (!isRefusal(error)) throw error;
    }
    if (nodes.type(node) !== dirType.lnk) {
      upper.changeMode(upper.workFd, made, nodes.mode(node) & 0o7777);
      this.putCapability(made, node);
    }
    this.putTimes(upper.workFd, made, node);
  }

  /** chown drops file capabilities: put them back. */
  private putCapability(made: Name, node: NodeIndex): void {
    if (this.state.tree.nodes.type(node) !== dirType.reg) return;
    const place = this.state.union.locate(node);
    const value = place.layer.getxattr(place.dir, place.name, place.ref, capabilityKey);
    if (value !== undefined) this.putXattr(made, capabilityKey, value);
  }

  private putTimes(dirFd: number, name: Name, node: NodeIndex): void {
    const times = this.state.attributesOf(node);
    utimensAt(dirFd, name, times.atimeSec, times.atimeNsec, times.mtimeSec, times.mtimeNsec);
  }

  /** Where the copy comes from: `name` in directory `dir` of `layer`. */
  putOrigin(made: Name, node: NodeIndex, layer: Layer, dir: LayerDir, name: Name): void {
    const { upper } = this.state;
    const ino = this.inodeInLayer(node);
    const hasHandle = layer instanceof DirectoryLayer && layer.inodes.hasLastingHandles;
    const handle = hasHandle ? fileHandle(layer.fd(dir), name) : undefined;
    const origin: Buffer | PlainOrigin =
      hasHandle && handle !== undefined ? encodeOrigin(handle, fsUuid(layer.fd(dir))) : { space: layer.inodeSpace, ino };
    upper.setOrigin(upper.workFd, made, origin);
    // A note beside the handle: all its names came along, where the kernel would have copied one alone.
    if (Buffer.isBuffer(origin) && this.hasNames(node, ino))
      upper.setOrigin(upper.workFd, made, { space: layer.inodeSpace, ino });
  }

  /** Whether the layer has several names of a lower file. PRE: its attributes were read last. */
  private hasNames(node: NodeIndex, ino: number): boolean {
    const { union, tree } = this.state;
    if (tree.nodes.isDirectory(node)) return false;
    return union.lastAttributes.nlink + union.links.lost(tree.nodes.layer(node), ino) > 1;
  }

  /** The node's inode number as its layer tells it. PRE: not upper. */
  inodeInLayer(node: NodeIndex): number {
    this.state.union.statNode(node);
    return this.state.union.lastAttributes.ino;
  }

  // ---- its names ---------------------------------------------------------------------------------------------------------------------

  /** Gives the finished object of the work directory the node's names. After an FsError it has none of them. */
  publish(node: NodeIndex, made: Name, file: OpenFile | undefined): void {
    const { state } = this;
    const { tree, upper, union } = state;
    const entries = tree.entriesOf(node);
    if (entries.length > 0) {
      const { layer, dir, name } = union.locate(node);
      this.putOrigin(made, node, layer, dir, name);
      this.placeNames(made, entries);
    } else {
      if (file !== undefined) state.files.pin(node);
      else state.files.pinObject(node, upper.workFd, made);
      unlinkAt(upper.workFd, made);
    }
    if (file !== undefined) state.files.adopt(node, file);
    union.forgetPlace(node);
    tree.nodes.setFlag(node, nodeFlag.isUpper | nodeFlag.hasOrigin | nodeFlag.isUnprotected);
    tree.nodes.setLayer(node, 0);
    state.invalidate(node);
    state.counters.add('copyUps');
    trace('copyup', () => `copyup node=${node} names=${entries.length}`);
  }

  /** All names or none. */
  private placeNames(made: Name, entries: readonly EntryIndex[]): void {
    const { state } = this;
    const { upper, tree } = state;
    const parents = entries.map((entry) => tree.directoryOf(entry));
    for (const parent of parents) {
      state.stat(parent.node);
      state.markImpure(parent);
    }
    let placed = 0;
    try {
      for (const [i, entry] of entries.entries()) {
        const fd = state.upperFd(parents[i]!); // one of each entry
        if (i < entries.length - 1) upper.link(upper.workFd, made, fd, tree.names.name(entry));
        else upper.moveIn(made, false, fd, tree.names.name(entry), false);
        placed++;
      }
    } catch (error) {
      for (let i = 0; i < placed; i++) upper.discardAt(state.upperFd(parents[i]!), tree.names.name(entries[i]!)); // as above
      throw error;
    }
    for (const entry of entries) tree.names.setFlag(entry, entryFlag.hasLower);
    for (const parent of parents) this.keepTimes(parent);
  }

  /** A directory's copy has its name. */
  becameUpper(node: NodeIndex, parent: Directory): void {
    const { state } = this;
    const entry = state.tree.nodes.entry(node);
    state.tree.names.setFlag(entry, entryFlag.hasLower);
    state.tree.nodes.setFlag(node, nodeFlag.isUpper | nodeFlag.hasOrigin | nodeFlag.isUnprotected);
    state.tree.nodes.setLayer(node, 0);
    state.invalidate(node);
    this.keepTimes(parent);
    state.counters.add('copyUps');
  }

  /** A copy-up is no change of the directory: its times stay. The copy-up has happened: nobody is refused any more. */
  private keepTimes(parent: Directory): void {
    try {
      this.putTimes(this.state.upperFd(parent), self, parent.node);
    } catch (error) {
      if (!(error instanceof FsError)) throw error;
      log('warn', `a directory's times are those of a copy-up in it: ${error.message}`);
    }
  }

  /** `work` finishes the copy; when it fails there is none. */
  discardOnError(made: Name, work: () => void): void {
    try {
      work();
    } catch (error) {
      this.state.upper.discard(made);
      throw error;
    }
  }
}
