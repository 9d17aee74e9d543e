/** What stands in the way when layers move from one base to another: what they write, hide or link to, and the new base has otherwise than
 *  the old one had. */

import { dirType } from '../../base/mode.js';
import { type Name, textFromName } from '../../base/name.js';
import type { Layer } from '../../layers/layer.js';
import { isSameObject, isSameTree } from '../changes/same-object.js';
import { compareTrees, type WalkStep } from '../tree/compare.js';
import { StackedView } from '../tree/stacked-view.js';
import { type NodeNumber, TreeView } from '../tree/tree-view.js';

/** One row for each kind: what is said of the path, and whether the image would be broken. `forced` is made with --force, `never` is not. */
export const conflictKinds = {
  'both-changed': { breaks: 'no', says: 'is in the moved layers, and the new base changed it: the image keeps its own' },
  'deleted-in-base': { breaks: 'no', says: 'is in the moved layers, and the new base deleted it: it is there again' },
  'deleted-in-image': {
    breaks: 'no',
    says: 'is deleted or replaced by the moved layers, and the new base changed it: it stays so',
  },
  'new-in-base': { breaks: 'no', says: 'is new in the new base, and the moved layers hide it' },
  'hides-nothing': { breaks: 'no', says: 'is deleted by the moved layers, and the new base does not have it' },
  'link-changed': { breaks: 'no', says: 'is a hard link to a file that the new base changed: it shows the new one' },
  kind: { breaks: 'forced', says: 'is a directory on one side and none on the other: the new base would be hidden there' },
  'link-missing': { breaks: 'never', says: 'is a hard link to a file that the new base does not have' },
} as const satisfies Record<string, { breaks: 'no' | 'forced' | 'never'; says: string }>;

export interface Conflict {
  readonly kind: keyof typeof conflictKinds;
  /** From the root, without a leading slash. */
  readonly path: Name;
  /** Of links: what they lead to. */
  readonly target?: Name;
}

export function conflictText({ kind, path, target }: Conflict): string {
  const end = target === undefined ? '' : ` (/${textFromName(target)})`;
  return `/${textFromName(path)} ${conflictKinds[kind].says}${end}`;
}

/** The stacks of both bases and the layers that move, all top first, open, and the caller's. */
export interface RebaseStacks {
  readonly oldBase: readonly Layer[];
  readonly newBase: readonly Layer[];
  readonly moved: readonly Layer[];
}

/** Sorted by path. */
export function findConflicts({ oldBase, newBase, moved }: RebaseStacks): Conflict[] {
  const views = {
    former: new TreeView('the old base', oldBase),
    base: newBase.length === 0 ? undefined : new TreeView('the new base', newBase),
    image: new StackedView('the image', [...moved, ...oldBase], moved.length),
    result: new StackedView('the new image', [...moved, ...newBase], moved.length),
  };
  const finder = new Finder(views.former, views.base, views.result);
  for (const step of compareTrees(views.base, views.result, 'upper')) finder.take(step);
  for (const step of compareTrees(views.former, views.image, 'upper')) if (step.kind === 'gone') finder.takeGone(step.path);
  const links = moved.flatMap((layer, at) =>
    linkConflicts(layer, [...moved.slice(at + 1), ...oldBase], [...moved.slice(at + 1), ...newBase]),
  );
  return [...finder.conflicts, ...links].sort((a, b) => (a.path < b.path ? -1 : 1));
}

class Finder {
  readonly conflicts: Conflict[] = [];
  /** A directory of which nothing of the new base shows: what is in it is not told one by one. */
  private told: Name | undefined;

  constructor(
    private readonly former: TreeView,
    private readonly base: TreeView | undefined,
    private readonly result: TreeView,
  ) {}

  /** A step from the new base to the new image. */
  take(step: WalkStep): void {
    if (this.told !== undefined) {
      if (step.kind === 'leave' && step.path === this.told) this.told = undefined;
    } else if (step.kind === 'enter') {
      this.enter(step);
      if (step.isCover || !this.isBaseDirectory(step.path)) this.told = step.path;
    } else if (step.kind === 'object') {
      this.object(step);
    } else if (step.kind === 'gone') {
      this.hidden(step.path, step.before, 'new-in-base');
    }
  }

  /** A name that the layers delete from the old base. Where not even its directory is there, kernel overlayfs lists the whiteout as a file
   *  that it then does not find. */
  takeGone(path: Name): void {
    if (this.base?.at(path) === undefined) this.add('hides-nothing', path);
  }

  private isBaseDirectory(path: Name): boolean {
    const node = this.base?.at(path);
    return node !== undefined && this.base?.type(node) === dirType.dir;
  }

  private enter({ path, before, after, isCover }: Extract<WalkStep, { kind: 'enter' }>): void {
    const was = this.former.at(path);
    if (before === undefined) {
      if (was !== undefined) this.add('deleted-in-base', path);
      return;
    }
    if (this.base!.type(before) !== dirType.dir) {
      // What the image put a directory in place of already may be there as it was.
      if (was === undefined || !isSameObject(this.former, was, this.base!, before)) this.add('kind', path);
    } else if (was === undefined || this.former.type(was) !== dirType.dir) {
      if (isCover) this.add('new-in-base', path);
    } else {
      if (isCover && !isSameTree(this.former, was, this.base!, before)) this.add('deleted-in-image', path);
      else if (this.result.isUpper(after)) this.changed(path, was, before, after);
    }
  }

  private object({ path, after }: Extract<WalkStep, { kind: 'object' }>): void {
    const was = this.former.at(path);
    // The step of a name that got its file from another one has no `before`.
    const before = this.base?.at(path);
    if (before === undefined) {
      if (was !== undefined) this.add('deleted-in-base', path);
    } else if (was === undefined) {
      if (this.base!.type(before) === dirType.dir) this.add('kind', path);
      else if (!isSameObject(this.base!, before, this.result, after)) this.add('both-changed', path);
    } else if (this.base!.type(before) === dirType.dir) {
      if (this.former.type(was) !== dirType.dir) this.add('kind', path);
      else this.hidden(path, before, 'deleted-in-image');
    } else {
      this.changed(path, was, before, after);
    }
  }

  private changed(path: Name, was: NodeNumber, before: NodeNumber, after: NodeNumber): void {
    const isOld = isSameObject(this.former, was, this.base!, before);
    if (!isOld && !isSameObject(this.base!, before, this.result, after)) this.add('both-changed', path);
  }

  /** The new base's object does not show. */
  private hidden(path: Name, before: NodeNumber, kind: 'new-in-base' | 'deleted-in-image'): void {
    const was = this.former.at(path);
    if (was === undefined) this.add(kind, path);
    else if (!isSameTree(this.former, was, this.base!, before)) this.add('deleted-in-image', path);
  }

  private add(kind: Conflict['kind'], path: Name): void {
    this.conflicts.push({ kind, path });
  }
}

/** Hard links to files of lower layers, which no one else keeps together (L-8). */
function linkConflicts(layer: Layer, belowOld: readonly Layer[], belowNew: readonly Layer[]): Conflict[] {
  const conflicts: Conflict[] = [];
  let views: { former: TreeView; base: TreeView | undefined } | undefined;
  for (const { path, target } of layer.lowerLinks()) {
    views ??= {
      former: new TreeView('', belowOld),
      base: belowNew.length === 0 ? undefined : new TreeView('', belowNew),
    };
    const was = views.former.at(target);
    if (was === undefined) continue; // it was broken before
    const is = views.base?.at(target);
    if (is === undefined || views.base?.type(is) === dirType.dir) conflicts.push({ kind: 'link-missing', path, target });
    else if (!isSameObject(views.former, was, views.base!, is)) conflicts.push({ kind: 'link-changed', path, target }); // it has the node
  }
  return conflicts;
}
