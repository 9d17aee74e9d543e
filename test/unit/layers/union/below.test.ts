/** Where a redirect or a hard link leads is found by the same rule as what a mount shows: for each path of a view, Below walks to what the
 *  merged tree has there. */

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Attributes } from '../../../../src/base/attributes.js';
import type { Name } from '../../../../src/base/name.js';
import { Descriptors } from '../../../../src/layers/directory/descriptors.js';
import { DirectoryLayer } from '../../../../src/layers/directory/directory-layer.js';
import type { Layer } from '../../../../src/layers/layer.js';
import { Below } from '../../../../src/layers/union/below.js';
import type { Branches } from '../../../../src/layers/union/branches.js';
import type { NodeIndex } from '../../../../src/layers/union/node-table.js';
import { Union } from '../../../../src/layers/union/union.js';
import { Counters } from '../../../../src/observe/counters.js';
import { buildTree } from '../../../support/fixture.js';
import { Random, randomLayer } from '../../../support/random.js';
import { redirectCases } from '../../../support/redirect-cases.js';
import { needsRoot } from '../../../support/scratch.js';
import { firstSeed as seed } from '../../../support/seed.js';
import { layerOf, tempDirectory } from '../../../support/tar-fixture.js';
import { tarOfTree } from '../../../support/tree-tar.js';

/** Position and inode number of each branch: a directory layer numbers a directory anew each time it is asked for. */
function partsOf(layers: readonly Layer[], branches: Branches): string {
  const out = new Attributes();
  const part = (i: number): string => {
    layers[branches.position(i)]!.statDirectory(branches.dir(i), out);
    return `${branches.position(i)}:${out.ino}`;
  };
  return Array.from({ length: branches.count }, (_, i) => part(i)).join(' ');
}

/** Compares every path below `node`; how many there were. */
function compare(union: Union, below: Below, node: NodeIndex, prefix: string): number {
  const directory = union.loaded(node);
  const walked = below.walk(below.roots(-1), prefix as Name);
  assert.equal(partsOf(union.layers, walked.branches), partsOf(union.layers, directory.branches), `/${prefix}`);
  let paths = 1;
  for (const entry of directory.children) {
    const child = entry === undefined || entry === 0 ? 0 : union.tree.names.node(entry);
    if (entry === undefined || child === 0) continue;
    const path = `${prefix}${prefix === '' ? '' : '/'}${union.tree.names.name(entry)}`;
    if (union.tree.nodes.isDirectory(child)) {
      paths += compare(union, below, child, path);
      continue;
    }
    const { object } = below.walk(below.roots(-1), path as Name);
    const { layer, ref, name } = union.locate(child);
    assert.deepEqual([object?.place.layer.label, object?.place.ref, object?.place.name], [layer.label, ref, name], `/${path}`);
    paths++;
  }
  assert.deepEqual(below.walk(below.roots(-1), `${prefix}/missing` as Name), { branches: below.roots(union.layers.length) }); // nowhere
  return paths;
}

function compareAll(layers: readonly Layer[]): number {
  const union = new Union({ layers, hasUpper: false, counters: new Counters() });
  return compare(union, new Below(layers), union.root.node, '');
}

function directories(t: TestContext, layers: readonly string[]): Layer[] {
  const root = tempDirectory(t);
  const descriptors = new Descriptors(200);
  return layers.map((layer, i) => {
    mkdirSync(join(root, String(i)));
    buildTree(join(root, String(i)), layer);
    return new DirectoryLayer(String(i), join(root, String(i)), descriptors);
  });
}

test('a path of a random stack of tars leads where the merged tree has it', (t) => {
  t.diagnostic(`PLYFS_SEED=${seed}`);
  for (let round = 0; round < 40; round++) {
    const random = new Random(seed + round);
    const style = { hasMarkers: true, hasDeepWhiteouts: true, hasLinks: true };
    const layers = Array.from({ length: 1 + random.below(5) }, () => randomLayer(random, style));
    assert.ok(
      compareAll(layers.map((layer, at) => layerOf(t, tarOfTree(layer), undefined, `layer ${at}`))) > 0,
      `PLYFS_SEED=${seed + round}`,
    );
  }
});

test('a path through redirected, opaque and hidden directories leads where the merged tree has it', { skip: needsRoot }, (t) => {
  for (const { lower, upper, isForeign } of redirectCases) {
    if (isForeign === true) continue;
    assert.ok(compareAll(directories(t, upper === undefined ? lower : [upper, ...lower])) > 0);
  }
});
