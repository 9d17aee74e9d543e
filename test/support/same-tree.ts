/** Whether two things named in a store are the same tree, read through the library without a mount. */

import assert from 'node:assert/strict';
import { type Name, textFromName } from '../../src/base/name.js';
import { diffTrees } from '../../src/image/changes/diff.js';
import { openTreeOf } from '../../src/image/find/open-tree.js';
import { compareTrees } from '../../src/image/tree/compare.js';
import type { TreeView } from '../../src/image/tree/tree-view.js';
import type { Store } from '../../src/store/store.js';

/** Names, attributes, times to the second, xattrs, content, and which names are one file. */
export async function assertSameTree(store: Store, a: string, b: string, note: string): Promise<void> {
  const one = await openTreeOf(store, a);
  const other = await openTreeOf(store, b);
  try {
    for (const content of [false, true]) {
      const changes = diffTrees(one.tree, other.tree, 'whole', { content, xattrs: true });
      const lines = changes.map(({ kind, path, aspects }) => `${kind} /${textFromName(path)} ${aspects}`);
      assert.deepEqual(lines, [], note);
    }
    assert.deepEqual(linksOf(other.tree), linksOf(one.tree), note);
    assert.deepEqual(timesOf(other.tree), timesOf(one.tree), note);
  } finally {
    one.close();
    other.close();
  }
}

/** The names of each file that has several. */
export function linksOf(tree: TreeView): string[] {
  const names = new Map<number, Name[]>();
  for (const step of compareTrees(undefined, tree, 'whole')) {
    if (step.kind !== 'object') continue;
    const { ino } = tree.attributes(step.after);
    names.set(ino, [...(names.get(ino) ?? []), step.path]);
  }
  const several = [...names.values()].filter((paths) => paths.length > 1);
  return several.map((paths) => paths.join(' ')).sort();
}

/** Times of directories, which diff does not look at. */
function timesOf(tree: TreeView): string[] {
  const times: string[] = [];
  for (const step of compareTrees(undefined, tree, 'whole')) {
    if (step.kind === 'enter') times.push(`${step.path} ${tree.attributes(step.after).mtimeSec}`);
  }
  return times;
}
