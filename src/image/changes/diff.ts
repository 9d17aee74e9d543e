/** What changed between two trees, as docker diff tells it (C-1 to C-5): `A` added, `C` changed, `D` deleted, parents of a change `C`. */

import type { Attributes } from '../../base/attributes.js';
import { errno } from '../../base/errno.js';
import { errnoOf } from '../../base/errors.js';
import { dirType } from '../../base/mode.js';
import type { Name } from '../../base/name.js';
import { capabilityKey } from '../../sys/xattr.js';
import { compareTrees, unreadable, type WalkStep } from '../tree/compare.js';
import type { OpenedFile } from '../tree/content.js';
import type { NodeNumber, TreeView } from '../tree/tree-view.js';

export type Aspect = 'type' | 'mode' | 'owner' | 'size' | 'mtime' | 'device' | 'target' | 'capability' | 'xattrs' | 'content';

export interface Change {
  readonly kind: 'A' | 'C' | 'D';
  /** From the root, without a leading slash; '' is the root. */
  readonly path: Name;
  /** d_type now; of a deleted object before. */
  readonly type: number;
  /** Bytes of a regular file on each side, 0 for everything else. */
  readonly sizeBefore: number;
  readonly sizeAfter: number;
  /** What is different; empty for the parent of a change, and for A and D. */
  readonly aspects: readonly Aspect[];
}

export interface DiffOptions {
  /** Files are compared by their bytes, and a time alone is no change. */
  readonly content?: boolean;
  /** All xattrs are compared, not security.capability alone. */
  readonly xattrs?: boolean;
  /** Files of the upper whose size and time are those below are compared by their bytes; others are taken to be the same. */
  readonly upperBytes?: boolean;
}

/** The changes from `before` to `after`, sorted by path. `extent` as of compareTrees. */
export function diffTrees(
  before: TreeView | undefined,
  after: TreeView,
  extent: 'upper' | 'whole',
  options: DiffOptions = {},
): Change[] {
  const diff = new Diff(before, after, options);
  for (const step of compareTrees(before, after, extent)) diff.take(step);
  return diff.changes.sort((a, b) => (a.path < b.path ? -1 : 1));
}

class Diff {
  readonly changes: Change[] = [];
  /** Directories on the way down that are not listed yet. */
  private readonly parents: (Change | undefined)[] = [];

  constructor(
    private readonly before: TreeView | undefined,
    private readonly after: TreeView,
    private readonly options: DiffOptions,
  ) {}

  take(step: WalkStep): void {
    switch (step.kind) {
      case 'enter':
        this.enter(step.path, step.before, step.after);
        return;
      case 'leave':
        this.parents.pop();
        return;
      case 'object':
        this.object(step.path, step.before, step.after);
        return;
      case 'gone':
        this.add(this.changeOf('D', step.path, step.before, undefined, []));
        return;
      case 'vanished':
        return;
      default:
        step satisfies never;
    }
  }

  private enter(path: Name, before: NodeNumber | undefined, after: NodeNumber): void {
    const aspects = before === undefined ? [] : this.aspectsOf(path, before, after);
    const change = this.changeOf(before === undefined ? 'A' : 'C', path, before, after, aspects);
    if (before === undefined || aspects.length > 0) {
      this.add(change);
      this.parents.push(undefined);
    } else {
      this.parents.push(path === '' ? undefined : change);
    }
  }

  private object(path: Name, before: NodeNumber | undefined, after: NodeNumber): void {
    if (before === undefined) {
      this.add(this.changeOf('A', path, before, after, []));
      return;
    }
    const aspects = this.aspectsOf(path, before, after);
    if (aspects.length > 0) this.add(this.changeOf('C', path, before, after, aspects));
  }

  private add(change: Change): void {
    for (const [at, parent] of this.parents.entries()) {
      if (parent === undefined) continue;
      this.changes.push(parent);
      this.parents[at] = undefined;
    }
    this.changes.push(change);
  }

  private changeOf(
    kind: Change['kind'],
    path: Name,
    before: NodeNumber | undefined,
    after: NodeNumber | undefined,
    aspects: readonly Aspect[],
  ): Change {
    const type = after === undefined ? this.before!.type(before!) : this.after.type(after); // one of the two is there
    return { kind, path, type, sizeBefore: sizeOf(this.before, before), sizeAfter: sizeOf(this.after, after), aspects };
  }

  /** PRE: both are there, hence both trees. */
  private aspectsOf(path: Name, before: NodeNumber, after: NodeNumber): Aspect[] {
    const old = this.before!;
    try {
      const aspects = attributeAspects(
        old.attributes(before),
        this.after.attributes(after),
        old.type(before),
        this.after.type(after),
      );
      if (aspects.includes('type')) return aspects;
      const type = this.after.type(after);
      if (type === dirType.lnk && old.readlink(before) !== this.after.readlink(after)) aspects.push('target');
      aspects.push(...this.xattrAspects(before, after));
      if (type !== dirType.reg) return aspects;
      if (this.options.content === true) return this.byContent(aspects, before, after);
      return aspects.length === 0 && this.isRewritten(before, after) ? ['content'] : aspects;
    } catch (error) {
      // It vanished while it was looked at: somebody writes to the tree.
      if (errnoOf(error) === errno.ENOENT) return [];
      throw unreadable(this.after, path, error);
    }
  }

  private xattrAspects(before: NodeNumber, after: NodeNumber): Aspect[] {
    const was = this.before!.shownXattrs(before);
    const is = this.after.shownXattrs(after);
    if (was.size === 0 && is.size === 0) return [];
    const aspects: Aspect[] = [];
    if (!isSame(was.get(capabilityKey), is.get(capabilityKey))) aspects.push('capability');
    const differ = was.size !== is.size || [...was].some(([key, value]) => !isSame(value, is.get(key)));
    if (this.options.xattrs === true && differ) aspects.push('xattrs');
    return this.after.type(after) === dirType.dir ? aspects.filter((aspect) => aspect === 'xattrs') : aspects;
  }

  /** Who keeps size and time (cp -p, touch -r, a quick build) may have written all the same. */
  private isRewritten(before: NodeNumber, after: NodeNumber): boolean {
    if (this.options.upperBytes !== true || !this.after.isUpper(after)) return false;
    try {
      this.after.open(after).close();
    } catch (error) {
      // A metacopy file has no bytes of its own: its attributes alone were copied up.
      if (errnoOf(error) === errno.EIO) return false;
      throw error;
    }
    return !hasSameContent(this.before!, before, this.after, after);
  }

  private byContent(aspects: readonly Aspect[], before: NodeNumber, after: NodeNumber): Aspect[] {
    const others = aspects.filter((aspect) => aspect !== 'mtime');
    if (others.includes('size') || !hasSameContent(this.before!, before, this.after, after)) others.push('content');
    return others;
  }
}

function sizeOf(tree: TreeView | undefined, node: NodeNumber | undefined): number {
  if (tree === undefined || node === undefined || tree.type(node) !== dirType.reg) return 0;
  return tree.attributes(node).size;
}

/** C-2 and C-3: of directories only mode and owner count. */
function attributeAspects(was: Attributes, is: Attributes, oldType: number, type: number): Aspect[] {
  if (oldType !== type) return ['type'];
  const aspects: Aspect[] = [];
  if ((was.mode & 0o7777) !== (is.mode & 0o7777)) aspects.push('mode');
  if (was.uid !== is.uid || was.gid !== is.gid) aspects.push('owner');
  if (type === dirType.dir) return aspects;
  if ((type === dirType.chr || type === dirType.blk) && was.rdev !== is.rdev) aspects.push('device');
  if (type === dirType.reg && was.size !== is.size) aspects.push('size');
  if (!isSameTime(was, is)) aspects.push('mtime');
  return aspects;
}

/** Nanoseconds count only where both sides have some: tars often have none. */
function isSameTime(was: Attributes, is: Attributes): boolean {
  if (was.mtimeSec !== is.mtimeSec) return false;
  return was.mtimeNsec === is.mtimeNsec || was.mtimeNsec === 0 || is.mtimeNsec === 0;
}

function isSame(a: Buffer | undefined, b: Buffer | undefined): boolean {
  return a === undefined || b === undefined ? a === b : a.equals(b);
}

/** Whether two regular files of one size hold the same bytes. */
export function hasSameContent(a: TreeView, nodeA: NodeNumber, b: TreeView, nodeB: NodeNumber): boolean {
  const fileA = a.open(nodeA);
  try {
    const fileB = b.open(nodeB);
    try {
      return isSameFile(fileA, fileB);
    } finally {
      fileB.close();
    }
  } finally {
    fileA.close();
  }
}

const blockBytes = 256 * 1024;

function isSameFile(a: OpenedFile, b: OpenedFile): boolean {
  if (a.size !== b.size) return false;
  const left = Buffer.allocUnsafe(Math.min(blockBytes, a.size));
  const right = Buffer.allocUnsafe(left.length);
  for (let at = 0; at < a.size; at += left.length) {
    const length = Math.min(left.length, a.size - at);
    fillFrom(a, left, length, at);
    fillFrom(b, right, length, at);
    if (left.compare(right, 0, length, 0, length) !== 0) return false;
  }
  return true;
}

/** Bytes of the file from `offset`, zeros in holes and behind its end. */
function fillFrom(file: OpenedFile, into: Buffer, length: number, offset: number): void {
  into.fill(0, 0, length);
  for (const extent of file.extents ?? [{ offset: 0, length: file.size }]) {
    const from = Math.max(offset, extent.offset);
    const to = Math.min(offset + length, extent.offset + extent.length);
    for (let at = from; at < to; ) {
      const count = file.read(into, at - offset, to - at, at);
      if (count === 0) break;
      at += count;
    }
  }
}
