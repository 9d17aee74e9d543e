/** Whether an object of one tree is what it is in another: kind, owner, mode, xattrs and content, but not its times. */

import { dirType } from '../../base/mode.js';
import type { Name } from '../../base/name.js';
import { storedXattrs } from '../tree/tree-entry.js';
import type { NodeNumber, TreeView } from '../tree/tree-view.js';
import { hasSameContent } from './diff.js';

/** One object; a directory without what is in it. */
export function isSameObject(a: TreeView, nodeA: NodeNumber, b: TreeView, nodeB: NodeNumber): boolean {
  const type = a.type(nodeA);
  if (type !== b.type(nodeB)) return false;
  if (type !== dirType.dir && a.isSamePlace(nodeA, b, nodeB)) return true;
  const one = a.attributes(nodeA);
  const other = b.attributes(nodeB);
  if ((one.mode & 0o7777) !== (other.mode & 0o7777) || one.uid !== other.uid || one.gid !== other.gid) return false;
  if (!isSameMap(storedXattrs(a, nodeA), storedXattrs(b, nodeB))) return false;
  if (type === dirType.lnk) return a.readlink(nodeA) === b.readlink(nodeB);
  if (type === dirType.chr || type === dirType.blk) return one.rdev === other.rdev;
  return type !== dirType.reg || (one.size === other.size && hasSameContent(a, nodeA, b, nodeB));
}

/** The same for whole trees. */
export function isSameTree(a: TreeView, nodeA: NodeNumber, b: TreeView, nodeB: NodeNumber): boolean {
  const waiting: [NodeNumber, NodeNumber][] = [[nodeA, nodeB]];
  for (let pair = waiting.pop(); pair !== undefined; pair = waiting.pop()) {
    const [one, other] = pair;
    if (!isSameObject(a, one, b, other)) return false;
    if (a.type(one) !== dirType.dir) continue;
    const children = a.list(one);
    const others = b.list(other);
    if (children.length !== others.length) return false;
    for (const [at, child] of children.entries()) {
      if (child.name !== others[at]?.name) return false;
      waiting.push([child.node, others[at].node]);
    }
  }
  return true;
}

export function isSameMap(a: ReadonlyMap<Name, Buffer>, b: ReadonlyMap<Name, Buffer>): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key)?.equals(value) === true);
}
