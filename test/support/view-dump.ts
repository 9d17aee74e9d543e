/** Reads a stack of layers into the tree language, through the union and the view, without a mount. */

import assert from 'node:assert/strict';
import { deviceMajor, deviceMinor } from '../../src/base/attributes.js';
import { dirType, kindName } from '../../src/base/mode.js';
import type { Name } from '../../src/base/name.js';
import type { OpenedLayer } from '../../src/image/stack/stack.js';
import { ImageView, type NodeNumber } from '../../src/image/tree/image-view.js';
import type { Layer } from '../../src/layers/layer.js';
import type { TreeKind, TreeLine } from './tree.js';

/** `layers`: top first. Closes them. `withCounts`: link counts too, which are exact for tars. With `names` each directory is asked for these names alone, one by one, and then for all it has, which
 *  must be the same. */
export function dumpStack(layers: readonly Layer[], withCounts = false, names?: readonly string[]): TreeLine[] {
  // Walking and reading go through the seam alone: nothing here asks which layer an object came from.
  const view = new ImageView(
    'test',
    layers.map((layer) => ({ layer }) as unknown as OpenedLayer),
  );
  const lines: TreeLine[] = [];
  const first = new Map<NodeNumber, string>();
  const visit = (node: NodeNumber, path: string) => {
    const line = lineOf(view, node, path, first);
    if (withCounts && line.kind === 'file') line.nlink = view.attributes(node).nlink;
    lines.push(line);
    if (view.type(node) !== dirType.dir) return;
    const single = names?.flatMap((name) => ({ name, node: view.child(node, name as Name) }));
    const all = view.list(node);
    const found = single?.filter((child) => child.node !== undefined);
    if (found !== undefined)
      assert.deepEqual(
        all.map(({ name, node }) => ({ name, node })),
        found.sort((a, b) => (a.name < b.name ? -1 : 1)),
      );
    for (const child of all) visit(child.node, path === '' ? child.name : `${path}/${child.name}`);
  };
  visit(view.root, '');
  view.close();
  return lines;
}

function lineOf(view: ImageView, node: NodeNumber, path: string, first: Map<NodeNumber, string>): TreeLine {
  const known = first.get(node);
  if (known !== undefined) return { kind: 'link', path, target: known, xattrs: new Map() };
  first.set(node, path);
  const kind = kindName(view.type(node)) as TreeKind; // the names of base/mode.ts are the kinds of the tree language
  const out = view.attributes(node);
  const line: TreeLine = { kind, path, mode: out.mode & 0o7777, uid: out.uid, gid: out.gid, xattrs: new Map<string, Buffer>() };
  for (const [key, value] of view.xattrs(node)) line.xattrs.set(key, value);
  if (kind === 'symlink') line.target = view.readlink(node);
  if (kind === 'chr' || kind === 'blk') line.rdev = `${deviceMajor(out.rdev)}:${deviceMinor(out.rdev)}`;
  if (kind === 'file') line.content = Buffer.concat([...view.read(node, 0, out.size)]);
  return line;
}
