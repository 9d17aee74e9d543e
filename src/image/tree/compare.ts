/** Two trees walked together: what diff and commit are made of. Where one of them is the other with an upper on it, only what the upper
 *  touches is visited, so that the cost follows the changes. */

import { errno } from '../../base/errno.js';
import { errnoOf, FsError, PlyfsError } from '../../base/errors.js';
import { dirType } from '../../base/mode.js';
import { type Name, textFromName } from '../../base/name.js';
import { systemWords } from '../../base/system-words.js';
import type { NodeNumber, TreeView, ViewEntry } from './tree-view.js';

/** One thing met on the way. Directories are entered and left; in between come the names that are gone, then those that are there, each
 *  sorted by their bytes (T-1). Paths are without a leading slash; the root's is ''. */
export type WalkStep =
  | {
      readonly kind: 'enter';
      readonly path: Name;
      readonly before: NodeNumber | undefined;
      readonly after: NodeNumber;
      /** Nothing of the directory that was here before shows any more, and this is the topmost place where that is so. */
      readonly isCover: boolean;
    }
  | { readonly kind: 'leave'; readonly path: Name }
  | { readonly kind: 'object'; readonly path: Name; readonly before: NodeNumber | undefined; readonly after: NodeNumber }
  | { readonly kind: 'gone'; readonly path: Name; readonly before: NodeNumber }
  /** It was listed and is no longer there: somebody writes to the tree. */
  | { readonly kind: 'vanished'; readonly path: Name };

interface Child {
  readonly name: Name;
  readonly before: NodeNumber | undefined;
  readonly after: NodeNumber | undefined;
  readonly type: number;
}

interface Frame {
  readonly path: Name;
  readonly children: readonly Child[];
  next: number;
  /** What shows here of lower layers lies at another path there: everything has to be looked at. */
  readonly isMoved: boolean;
  readonly isCovered: boolean;
}

/** `upper`: `after` is `before` with an upper on it, and only the upper's part is visited. `whole`: any two trees. Without `before`
 *  everything is new. PlyfsError `unreadable` with the path of what cannot be read. */
export function* compareTrees(before: TreeView | undefined, after: TreeView, extent: 'upper' | 'whole'): Generator<WalkStep> {
  const walk = new Walk(before, after, extent);
  const stack: Frame[] = [];
  yield walk.enter(stack, '' as Name, before?.root, after.root);
  for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
    const child = frame.children[frame.next++];
    if (child === undefined) {
      stack.pop();
      yield { kind: 'leave', path: frame.path };
      continue;
    }
    const path = (frame.path === '' ? child.name : `${frame.path}/${child.name}`) as Name; // two Names and a slash
    if (child.after !== undefined) {
      if (child.type === dirType.dir) yield walk.enter(stack, path, child.before, child.after);
      else yield { kind: 'object', path, before: child.before, after: child.after };
    } else {
      yield child.before === undefined ? { kind: 'vanished', path } : { kind: 'gone', path, before: child.before };
    }
  }
}

class Walk {
  constructor(
    private readonly before: TreeView | undefined,
    private readonly after: TreeView,
    private readonly extent: 'upper' | 'whole',
  ) {}

  /** Puts the directory on the stack. */
  enter(stack: Frame[], path: Name, before: NodeNumber | undefined, after: NodeNumber): WalkStep {
    const parent = stack.at(-1);
    const former = before !== undefined && this.before?.type(before) === dirType.dir ? before : undefined;
    try {
      const standing = this.standingOf(after, parent);
      const isMoved = standing === 'moved';
      const isCover = former !== undefined && standing !== 'merged' && parent?.isCovered !== true;
      const children = standing === 'merged' ? this.touched(former, after) : this.all(former, after);
      stack.push({ path, children, next: 0, isMoved, isCovered: isCover || parent?.isCovered === true });
      return { kind: 'enter', path, before, after, isCover: isCover && this.extent === 'upper' };
    } catch (error) {
      if (errnoOf(error) === errno.ENOENT && parent !== undefined) return { kind: 'vanished', path };
      throw unreadable(this.after, path, error);
    }
  }

  private standingOf(after: NodeNumber, parent: Frame | undefined): 'alone' | 'merged' | 'moved' {
    if (this.extent === 'whole') return 'alone';
    return parent?.isMoved === true ? 'moved' : this.after.standing(after);
  }

  /** The changes of a directory through which lower layers show. */
  private touched(former: NodeNumber | undefined, after: NodeNumber): Child[] {
    const { entries, whiteouts, vanished } = this.after.listUpper(after);
    const find = (name: Name) => (former === undefined ? undefined : this.before?.child(former, name));
    const gone = whiteouts.map((name): Child => ({ name, before: find(name), after: undefined, type: 0 }));
    return [
      ...gone.filter((child) => child.before !== undefined),
      ...vanished.map((name): Child => ({ name, before: undefined, after: undefined, type: 0 })),
      ...entries.map(({ name, node, type, isRelinked }): Child => {
        return { name, before: isRelinked === true ? undefined : find(name), after: node, type };
      }),
    ];
  }

  /** Everything of a directory, on both sides. */
  private all(former: NodeNumber | undefined, after: NodeNumber): Child[] {
    const entries = this.after.list(after);
    const old = new Map<Name, ViewEntry>();
    if (former !== undefined) for (const entry of this.before?.list(former) ?? []) old.set(entry.name, entry);
    const present = entries.map(({ name, node, type }): Child => ({ name, before: old.get(name)?.node, after: node, type }));
    for (const { name } of entries) old.delete(name);
    const gone = [...old.values()].map(({ name, node }): Child => ({ name, before: node, after: undefined, type: 0 }));
    return [...gone, ...present];
  }
}

/** The error with the path that it is about; what is no error of the disk stays as it is. */
export function unreadable(tree: TreeView, path: Name, error: unknown): unknown {
  if (!(error instanceof FsError)) return error;
  const shown = `/${textFromName(path)} of ${tree.label}`;
  if (errnoOf(error) === errno.EBADMSG) {
    return new PlyfsError('marker', `${shown} holds a name that begins with .wh. and hides nothing: rename or remove it`, {
      cause: error,
    });
  }
  return new PlyfsError('unreadable', `${shown} cannot be read: ${systemWords(error)}`, { cause: error });
}
