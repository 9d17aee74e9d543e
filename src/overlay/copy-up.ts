/** Copy-up: an object of a lower layer becomes an object of the upper, in one step for everybody who looks: it is finished in the work
 *  directory, then renamed. Owner, mode, times to the nanosecond, xattrs, ACLs and holes stay. Names of one lower file stay one file. */

import { FsError, isRefusal } from '../base/errors.js';
import { dirType, S_IFMT } from '../base/mode.js';
import type { Name } from '../base/name.js';
import { DirectoryLayer } from '../layers/directory/directory-layer.js';
import { encodeOrigin, type Origin } from '../layers/directory/origin.js';
import type { Place } from '../layers/layer.js';
import { isHiddenXattr } from '../layers/markers.js';
import { type EntryIndex, entryFlag } from '../layers/union/name-table.js';
import { type NodeIndex, nodeFlag } from '../layers/union/node-table.js';
import type { Directory } from '../layers/union/tree.js';
import { log } from '../observe/log.js';
import { trace } from '../observe/trace.js';
import { O_CREAT, O_EXCL, O_RDWR } from '../sys/constants.js';
import { clone, copyData, ftruncate, startWriteback } from '../sys/file.js';
import { fileHandle, fsUuid } from '../sys/handle.js';
import { linkAt, mkdirAt, mknodAt, symlinkAt, unlinkAt } from '../sys/namespace.js';
import { openAt } from '../sys/open.js';
import { chmodAt, chownAt, utimensAt } from '../sys/stat.js';
import { capabilityKey, setxattrAt } from '../sys/xattr.js';
import { Deferred } from '../vfs/filesystem.js';
import { copyExtents } from './content.js';
import { crashPoint } from './crash-point.js';
import { findOtherNames } from './linked-names.js';
import { type OpenFile, ownFile } from './open-files.js';
import type { View } from './state.js';

const self = '' as Name;

/** Larger files are copied outside the serving thread, in bytes. */
const inlineCopyMax = 1 << 20;

export class CopyUp {
  private readonly underWay = new Map<NodeIndex, Deferred>();

  /** `onCopied` is told of a node that a copy under way had kept alive: one reference to take back. */
  constructor(
    private readonly view: View,
    private readonly onCopied: (node: NodeIndex) => void,
  ) {}

  /** Makes the node upper if it is not. Of a regular file only the first `keep` bytes are copied: the caller truncates it there.
   *  Throws Deferred while a large file is being copied. FsError EROFS, ENOSPC, EIO... : then nothing has changed. */
  ensure(node: NodeIndex, keep = Number.MAX_SAFE_INTEGER): void {
    const { view } = this;
    if (view.isUpper(node)) return;
    view.mustBeWritable();
    const { nodes } = view.tree;
    if (nodes.isDirectory(node)) {
      this.copyDirectory(node);
      return;
    }
    this.throwIfUnderWay(node);
    view.stat(node);
    // Without a name it may still be a file of several, of which nobody has asked for the others.
    const namesKnown = nodes.entry(node) === 0 ? 0 : 1;
    if (nodes.nlink(node) > namesKnown) findOtherNames(view, node, this.inodeInLayer(node));
    for (const entry of view.tree.entriesOf(node)) this.ensure(view.tree.names.directory(entry));
    if (nodes.type(node) === dirType.reg) this.copyFile(node, Math.min(keep, nodes.size(node)));
    else this.copySpecial(node);
  }

  private throwIfUnderWay(node: NodeIndex): void {
    const copying = this.underWay.get(node);
    if (copying !== undefined) throw copying;
  }

  // ---- directories -----------------------------------------------------------------------------------------------------------------

  private copyDirectory(node: NodeIndex): void {
    const { view } = this;
    const { tree, upper, union } = view;
    const directory = tree.directory(node);
    const entry = tree.nodes.entry(node);
    if (entry === 0) {
      this.copyRemovedDirectory(node);
      return;
    }
    const parent = tree.directoryOf(entry);
    this.ensure(parent.node);
    view.stat(node);
    view.stat(parent.node);
    const name = tree.names.name(entry);
    const layer = union.layers[directory.branches.position(0)]!;
    const dir = directory.branches.dir(0);
    const made = upper.temporaryName();
    mkdirAt(upper.workFd, made, 0o700);
    this.discardOnError(made, () => {
      this.putDirectory(made, node);
      this.putOrigin(
        made,
        layer instanceof DirectoryLayer ? layer.fd(dir) : undefined,
        self,
        layer.inodeSpace,
        this.inodeInLayer(node),
      );
      view.markImpure(parent);
      crashPoint('copy-up-directory');
      upper.moveIn(made, true, view.upperFd(parent), name, false);
    });
    directory.branches.addOnTop(0, upper.directory(view.upperDir(parent), name));
    this.becameUpper(node, parent);
    trace('copyup', () => `copyup directory node=${node}`);
  }

  /** What somebody still holds of a lower directory that was removed can be changed without appearing anywhere. */
  private copyRemovedDirectory(node: NodeIndex): void {
    const { view } = this;
    const { upper } = view;
    view.stat(node);
    const made = upper.temporaryName();
    mkdirAt(upper.workFd, made, 0o700);
    this.discardOnError(made, () => {
      this.putDirectory(made, node);
      view.files.pinObject(node, upper.workFd, made);
    });
    upper.discard(made);
    view.tree.nodes.setFlag(node, nodeFlag.isUpper);
    view.tree.nodes.setLayer(node, 0);
  }

  private putDirectory(made: Name, node: NodeIndex): void {
    const { branches } = this.view.tree.directory(node);
    const layer = this.view.union.layers[branches.position(0)]!;
    const dir = branches.dir(0);
    for (const key of layer.listxattrDirectory(dir)) {
      const value = layer.getxattrDirectory(dir, key);
      if (value !== undefined) this.putXattr(made, key, value);
    }
    this.putAttributes(made, node);
  }

  // ---- files and the rest ------------------------------------------------------------------------------------------------------------

  private copyFile(node: NodeIndex, length: number): void {
    const { view } = this;
    const { upper } = view;
    const source = view.files.reading(node);
    const made = upper.temporaryName();
    const file = ownFile(openAt(upper.workFd, made, O_CREAT | O_EXCL | O_RDWR, 0o600), true);
    let isHandedOver = false;
    try {
      crashPoint('copy-up-data');
      const isWhole = length === view.tree.nodes.size(node);
      if (length > 0 && !(isWhole && source.start === 0 && source.extents === undefined && clone(source.fd, file.fd))) {
        if (length > inlineCopyMax && source.extents === undefined) {
          isHandedOver = true;
          throw this.copyElsewhere(node, source, made, file, length);
        }
        if (source.extents !== undefined) copyExtents(source, file.fd, length);
        else copyData(source.fd, source.start, file.fd, length);
      }
      ftruncate(file.fd, length);
      this.finishFile(node, made, file);
      isHandedOver = true;
    } finally {
      if (!isHandedOver) {
        file.close();
        upper.discard(made);
      }
    }
    view.counters.add('copyUpBytes', length);
  }

  private copyElsewhere(node: NodeIndex, source: OpenFile, made: Name, file: OpenFile, length: number): Deferred {
    const { view } = this;
    view.files.pin(node);
    // Whatever happens to its names and users meanwhile, the number stays this file's.
    view.tree.nodes.addReferences(node, 1);
    const job = { kind: 'copy', source: source.fd, sourceStart: source.start, target: file.fd, length } as const;
    const deferred = new Deferred(job, 'retry', (failure) => {
      this.underWay.delete(node);
      view.files.unpin(node);
      try {
        if (failure !== 0) throw new FsError(failure, 'copy-up');
        ftruncate(file.fd, length);
        this.finishFile(node, made, file);
        view.counters.add('copyUpBytes', length);
      } catch (error) {
        file.close();
        view.upper.discard(made);
        throw error;
      } finally {
        this.onCopied(node);
      }
    });
    this.underWay.set(node, deferred);
    return deferred;
  }

  /** The data is there: the rest of the object, then its place. `file` belongs to the open files afterwards. */
  private finishFile(node: NodeIndex, made: Name, file: OpenFile): void {
    this.putXattrs(made, node);
    this.putAttributes(made, node);
    // With delayed allocation a power failure could leave the new name without the data: have the disk told before the name.
    if (!this.view.config.isVolatile) startWriteback(file.fd);
    crashPoint('copy-up-publish');
    this.publish(node, made, file);
  }

  private copySpecial(node: NodeIndex): void {
    const { upper, union, tree } = this.view;
    const made = upper.temporaryName();
    const place = union.locate(node);
    if (tree.nodes.type(node) === dirType.lnk) {
      symlinkAt(place.layer.readlink(place.dir, place.name, place.ref), upper.workFd, made);
    } else {
      mknodAt(upper.workFd, made, (tree.nodes.mode(node) & S_IFMT) | 0o600, this.view.attributesOf(node).rdev);
    }
    this.discardOnError(made, () => {
      this.putXattrs(made, node);
      this.putAttributes(made, node);
      this.publish(node, made, undefined);
    });
  }

  /** Gives the finished object of the work directory the node's names. After an FsError it has none of them. */
  private publish(node: NodeIndex, made: Name, file: OpenFile | undefined): void {
    const { view } = this;
    const { tree, upper, union } = view;
    const entries = tree.entriesOf(node);
    const place = union.locate(node);
    const layer = place.layer;
    if (entries.length > 0) {
      const sourceFd = layer instanceof DirectoryLayer ? layer.fd(place.dir) : undefined;
      this.putOrigin(made, sourceFd, place.name, layer.inodeSpace, this.inodeInLayer(node));
    }
    if (entries.length > 0) {
      this.placeNames(made, entries);
    } else {
      if (file !== undefined) view.files.pin(node);
      else view.files.pinObject(node, upper.workFd, made);
      unlinkAt(upper.workFd, made);
    }
    if (file !== undefined) view.files.adopt(node, file);
    union.forgetPlace(node);
    tree.nodes.setFlag(node, nodeFlag.isUpper | nodeFlag.hasOrigin);
    tree.nodes.setLayer(node, 0);
    view.invalidate(node);
    view.counters.add('copyUps');
    trace('copyup', () => `copyup node=${node} names=${entries.length}`);
  }

  /** All names or none. */
  private placeNames(made: Name, entries: readonly EntryIndex[]): void {
    const { view } = this;
    const { upper, tree } = view;
    const parents = entries.map((entry) => tree.directoryOf(entry));
    for (const parent of parents) {
      view.stat(parent.node);
      view.markImpure(parent);
    }
    let placed = 0;
    try {
      for (const [i, entry] of entries.entries()) {
        const fd = view.upperFd(parents[i]!); // one of each entry
        if (i < entries.length - 1) linkAt(upper.workFd, made, fd, tree.names.name(entry));
        else upper.moveIn(made, false, fd, tree.names.name(entry), false);
        placed++;
      }
    } catch (error) {
      for (let i = 0; i < placed; i++) upper.discardAt(view.upperFd(parents[i]!), tree.names.name(entries[i]!)); // as above
      throw error;
    }
    for (const entry of entries) tree.names.setFlag(entry, hasLowerFlag);
    for (const parent of parents) this.keepTimes(parent);
  }

  // ---- what every copied object gets ---------------------------------------------------------------------------------------------------

  private becameUpper(node: NodeIndex, parent: Directory): void {
    const { view } = this;
    const entry = view.tree.nodes.entry(node);
    view.tree.names.setFlag(entry, hasLowerFlag);
    view.tree.nodes.setFlag(node, nodeFlag.isUpper | nodeFlag.hasOrigin);
    view.tree.nodes.setLayer(node, 0);
    view.invalidate(node);
    this.keepTimes(parent);
    view.counters.add('copyUps');
  }

  /** A copy-up is no change of the directory: its times stay. The copy-up has happened: nobody is refused any more. */
  private keepTimes(parent: Directory): void {
    try {
      this.putTimes(this.view.upperFd(parent), self, parent.node);
    } catch (error) {
      if (!(error instanceof FsError)) throw error;
      log('warn', `a directory's times are those of a copy-up in it: ${error.message}`);
    }
  }

  private putXattrs(made: Name, node: NodeIndex): void {
    const place: Place = { ...this.view.union.locate(node) };
    for (const key of place.layer.listxattr(place.dir, place.name, place.ref)) {
      const value = place.layer.getxattr(place.dir, place.name, place.ref, key);
      if (value !== undefined) this.putXattr(made, key, value);
    }
  }

  /** What the upper cannot hold (user.* on an odd file system, labels without rights) is left out, as cp -a does. */
  private putXattr(made: Name, key: Name, value: Buffer): void {
    if (isHiddenXattr(key)) return;
    try {
      setxattrAt(this.view.upper.workFd, made, key, value);
    } catch (error) {
      if (!isRefusal(error)) throw error;
    }
  }

  /** Owner, mode and times, in the order in which none undoes another; the mode after ACLs. */
  private putAttributes(made: Name, node: NodeIndex): void {
    const { upper, tree } = this.view;
    const { nodes } = tree;
    try {
      chownAt(upper.workFd, made, nodes.uid(node), nodes.gid(node));
    } catch (error) {
      if (!isRefusal(error)) throw error;
    }
    if (nodes.type(node) !== dirType.lnk) {
      chmodAt(upper.workFd, made, nodes.mode(node) & 0o7777);
      this.putCapability(made, node);
    }
    this.putTimes(upper.workFd, made, node);
  }

  /** chown drops file capabilities: put them back. */
  private putCapability(made: Name, node: NodeIndex): void {
    if (this.view.tree.nodes.type(node) !== dirType.reg) return;
    const place = this.view.union.locate(node);
    const value = place.layer.getxattr(place.dir, place.name, place.ref, capabilityKey);
    if (value !== undefined) this.putXattr(made, capabilityKey, value);
  }

  private putTimes(dirFd: number, name: Name, node: NodeIndex): void {
    const times = this.view.attributesOf(node);
    utimensAt(dirFd, name, times.atimeSec, times.atimeNsec, times.mtimeSec, times.mtimeNsec);
  }

  private putOrigin(made: Name, sourceFd: number | undefined, name: Name, space: string, ino: number): void {
    const { upper } = this.view;
    const handle = sourceFd === undefined ? undefined : fileHandle(sourceFd, name);
    const origin: Buffer | Origin = handle === undefined ? { space, ino } : encodeOrigin(handle, fsUuid(sourceFd!)); // a handle has a source
    upper.setOrigin(upper.workFd, made, origin);
  }

  /** The node's inode number as its layer tells it. PRE: not upper. */
  private inodeInLayer(node: NodeIndex): number {
    this.view.union.statNode(node);
    return this.view.union.lastAttributes.ino;
  }

  private discardOnError(made: Name, work: () => void): void {
    try {
      work();
    } catch (error) {
      this.view.upper.discard(made);
      throw error;
    }
  }
}

const hasLowerFlag = entryFlag.hasLower;
