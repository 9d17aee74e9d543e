/** Copy-up: an object of a lower layer becomes an object of the upper, in one step for everybody who looks: it is finished in the work
 *  directory, then renamed. Owner, mode, times to the nanosecond, xattrs, ACLs and holes stay. Names of one lower file stay one file. */

import { dirType, S_IFMT } from '../base/mode.js';
import type { Name } from '../base/name.js';
import { type NodeIndex, nodeFlag } from '../layers/union/node-table.js';
import { trace } from '../observe/trace.js';
import { mkdirAt, mknodAt, symlinkAt } from '../sys/namespace.js';
import { FileCopies } from './copy-up-file.js';
import { CopiedObjects } from './copy-up-object.js';
import { crashPoint } from './crash-point.js';
import { findOtherNames } from './linked-names.js';
import type { OverlayState } from './state.js';

const self = '' as Name;

export class CopyUp {
  private readonly objects: CopiedObjects;
  private readonly files: FileCopies;

  /** `onCopied` is told of a node that a copy under way had kept alive: one reference to take back. */
  constructor(
    private readonly state: OverlayState,
    onCopied: (node: NodeIndex) => void,
  ) {
    this.objects = new CopiedObjects(state);
    this.files = new FileCopies(state, this.objects, onCopied);
  }

  /** Makes the node upper if it is not. Of a regular file only the first `keep` bytes are copied: the caller truncates it there.
   *  Throws Deferred while a large file is being copied. FsError EROFS, ENOSPC, EIO... : then nothing has changed. */
  ensure(node: NodeIndex, keep = Number.MAX_SAFE_INTEGER): void {
    const { state } = this;
    if (state.isUpper(node)) return;
    state.mustBeWritable();
    const { nodes } = state.tree;
    if (nodes.isDirectory(node)) {
      this.copyDirectory(node);
      return;
    }
    this.files.throwIfUnderWay(node);
    state.stat(node);
    // Without a name it may still be a file of several, of which nobody has asked for the others.
    const namesKnown = nodes.entry(node) === 0 ? 0 : 1;
    if (nodes.nlink(node) > namesKnown) findOtherNames(state, node, this.objects.inodeInLayer(node));
    for (const entry of state.tree.entriesOf(node)) this.ensure(state.tree.names.directory(entry));
    if (nodes.type(node) === dirType.reg) this.files.copy(node, Math.min(keep, nodes.size(node)));
    else this.copySpecial(node);
  }

  private copyDirectory(node: NodeIndex): void {
    const { state, objects } = this;
    const { tree, upper, union } = state;
    const directory = tree.directory(node);
    const entry = tree.nodes.entry(node);
    if (entry === 0) {
      this.copyRemovedDirectory(node);
      return;
    }
    const parent = tree.directoryOf(entry);
    this.ensure(parent.node);
    state.stat(node);
    state.stat(parent.node);
    const name = tree.names.name(entry);
    const layer = union.layers[directory.branches.position(0)]!;
    const dir = directory.branches.dir(0);
    const made = upper.temporaryName();
    mkdirAt(upper.workFd, made, 0o700);
    objects.discardOnError(made, () => {
      this.putDirectory(made, node);
      objects.putOrigin(made, node, layer, dir, self);
      state.markImpure(parent);
      crashPoint('copy-up-directory');
      upper.moveIn(made, true, state.upperFd(parent), name, false);
    });
    directory.branches.addOnTop(0, upper.directory(state.upperDir(parent), name));
    objects.becameUpper(node, parent);
    trace('copyup', () => `copyup directory node=${node}`);
  }

  /** What somebody still holds of a lower directory that was removed can be changed without appearing anywhere. */
  private copyRemovedDirectory(node: NodeIndex): void {
    const { state } = this;
    const { upper } = state;
    state.stat(node);
    const made = upper.temporaryName();
    mkdirAt(upper.workFd, made, 0o700);
    this.objects.discardOnError(made, () => {
      this.putDirectory(made, node);
      state.files.pinObject(node, upper.workFd, made);
    });
    upper.discard(made);
    state.tree.nodes.setFlag(node, nodeFlag.isUpper);
    state.tree.nodes.setLayer(node, 0);
  }

  private putDirectory(made: Name, node: NodeIndex): void {
    const { branches } = this.state.tree.directory(node);
    const layer = this.state.union.layers[branches.position(0)]!;
    const dir = branches.dir(0);
    for (const key of layer.listxattrDirectory(dir)) {
      const value = layer.getxattrDirectory(dir, key);
      if (value !== undefined) this.objects.putXattr(made, key, value);
    }
    this.objects.putAttributes(made, node);
  }

  private copySpecial(node: NodeIndex): void {
    const { objects } = this;
    const { upper, union, tree } = this.state;
    const made = upper.temporaryName();
    const place = union.locate(node);
    if (tree.nodes.type(node) === dirType.lnk) {
      symlinkAt(place.layer.readlink(place.dir, place.name, place.ref), upper.workFd, made);
    } else {
      mknodAt(upper.workFd, made, (tree.nodes.mode(node) & S_IFMT) | 0o600, this.state.attributesOf(node).rdev);
    }
    objects.discardOnError(made, () => {
      objects.putXattrs(made, node);
      objects.putAttributes(made, node);
      objects.publish(node, made, undefined);
    });
  }
}
