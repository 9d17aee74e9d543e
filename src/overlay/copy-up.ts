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
    private readonly view: OverlayState,
    onCopied: (node: NodeIndex) => void,
  ) {
    this.objects = new CopiedObjects(view);
    this.files = new FileCopies(view, this.objects, onCopied);
  }

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
    this.files.throwIfUnderWay(node);
    view.stat(node);
    // Without a name it may still be a file of several, of which nobody has asked for the others.
    const namesKnown = nodes.entry(node) === 0 ? 0 : 1;
    if (nodes.nlink(node) > namesKnown) findOtherNames(view, node, this.objects.inodeInLayer(node));
    for (const entry of view.tree.entriesOf(node)) this.ensure(view.tree.names.directory(entry));
    if (nodes.type(node) === dirType.reg) this.files.copy(node, Math.min(keep, nodes.size(node)));
    else this.copySpecial(node);
  }

  private copyDirectory(node: NodeIndex): void {
    const { view, objects } = this;
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
    objects.discardOnError(made, () => {
      this.putDirectory(made, node);
      objects.putOrigin(made, node, layer, dir, self);
      view.markImpure(parent);
      crashPoint('copy-up-directory');
      upper.moveIn(made, true, view.upperFd(parent), name, false);
    });
    directory.branches.addOnTop(0, upper.directory(view.upperDir(parent), name));
    objects.becameUpper(node, parent);
    trace('copyup', () => `copyup directory node=${node}`);
  }

  /** What somebody still holds of a lower directory that was removed can be changed without appearing anywhere. */
  private copyRemovedDirectory(node: NodeIndex): void {
    const { view } = this;
    const { upper } = view;
    view.stat(node);
    const made = upper.temporaryName();
    mkdirAt(upper.workFd, made, 0o700);
    this.objects.discardOnError(made, () => {
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
      if (value !== undefined) this.objects.putXattr(made, key, value);
    }
    this.objects.putAttributes(made, node);
  }

  private copySpecial(node: NodeIndex): void {
    const { objects } = this;
    const { upper, union, tree } = this.view;
    const made = upper.temporaryName();
    const place = union.locate(node);
    if (tree.nodes.type(node) === dirType.lnk) {
      symlinkAt(place.layer.readlink(place.dir, place.name, place.ref), upper.workFd, made);
    } else {
      mknodAt(upper.workFd, made, (tree.nodes.mode(node) & S_IFMT) | 0o600, this.view.attributesOf(node).rdev);
    }
    objects.discardOnError(made, () => {
      objects.putXattrs(made, node);
      objects.putAttributes(made, node);
      objects.publish(node, made, undefined);
    });
  }
}
