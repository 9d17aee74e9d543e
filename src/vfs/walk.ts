/** From a path to a node, over FileSystem.lookup. Callers: the fuse-native driver, which is told paths, and tests.
 *  Symlinks are not followed: who speaks to a driver has done so already. */

import type { Name } from '../base/name.js';
import { type FileSystem, type NodeId, rootNode } from './filesystem.js';

/** The names of a path in the file system, from its root; of `/` there are none. */
export function namesOf(path: Name): Name[] {
  return path.split('/').filter((part) => part !== '') as Name[]; // parts of a Name are Names
}

/** The node at the end of `names` plus one reference, which `leave` takes back; undefined where one is missing. What `lookup` refuses it
 *  refuses. The directories on the way are left again. */
export function findNode(fs: FileSystem, names: readonly Name[]): NodeId | undefined {
  let node: NodeId | undefined = rootNode;
  for (const name of names) {
    const parent: NodeId = node;
    try {
      node = fs.lookup(parent, name);
    } finally {
      leave(fs, parent);
    }
    if (node === undefined) return undefined;
  }
  return node;
}

/** Takes back one reference. The root has none. */
export function leave(fs: FileSystem, node: NodeId): void {
  if (node !== rootNode) fs.forget(node, 1);
}
