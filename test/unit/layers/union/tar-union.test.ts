/** Stacks of tar layers: the same trees as stacks of directories, and as the model says; and what only tars can hold. */

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Descriptors } from '../../../../src/layers/directory/descriptors.js';
import { DirectoryLayer } from '../../../../src/layers/directory/directory-layer.js';
import { buildTree } from '../../../support/fixture.js';
import { Model } from '../../../support/model.js';
import { Random, randomLayer } from '../../../support/random.js';
import { firstSeed as seed } from '../../../support/seed.js';
import { type RawEntry, rawTar } from '../../../support/tar-bytes.js';
import { layerOf, tempDirectory } from '../../../support/tar-fixture.js';
import { assertTree, formatTree } from '../../../support/tree.js';
import { tarOfTree } from '../../../support/tree-tar.js';
import { dumpStack } from '../../../support/view-dump.js';

const asRoot = process.getuid?.() === 0 ? false : 'only root may chown';

test('random stacks of tars are the trees that directories and the model give', { skip: asRoot }, (t) => {
  t.diagnostic(`PLYFS_SEED=${seed}`);
  for (let round = 0; round < 40; round++) {
    const random = new Random(seed + round);
    const layers = Array.from({ length: 1 + random.below(4) }, () =>
      randomLayer(random, { hasMarkers: true, hasDeepWhiteouts: true, hasLinks: true }),
    );
    const expected = new Model(layers).dump();
    const tars = formatTree(
      dumpStack(
        layers.map((layer, at) => layerOf(t, tarOfTree(layer), undefined, `layer ${at}`)),
        true,
      ),
    );
    assert.equal(tars, expected, `PLYFS_SEED=${seed + round}: tars`);
    const root = tempDirectory(t);
    const descriptors = new Descriptors(200);
    const directories = layers.map((layer, i) => {
      const path = join(root, String(i));
      mkdirSync(path);
      buildTree(path, layer, 'wh');
      return new DirectoryLayer(path, path, descriptors);
    });
    assert.equal(formatTree(dumpStack(directories)), tars, `PLYFS_SEED=${seed + round}: directories`);
  }
});

test('names that are asked for one by one are those that the whole directory shows', { skip: asRoot }, (t) => {
  t.diagnostic(`PLYFS_SEED=${seed}`);
  for (let round = 0; round < 40; round++) {
    const random = new Random(seed + round);
    const layers = Array.from({ length: 1 + random.below(5) }, () =>
      randomLayer(random, { hasMarkers: true, hasDeepWhiteouts: true, hasLinks: true }),
    );
    const expected = new Model(layers).dump();
    const paths = [...layers.join('; ').matchAll(/(?<=^|; )\w+ ([^\s;]+)/g)].map(([, path = '']) =>
      path.replaceAll('\\xff', '\xff'),
    );
    const names = new Set(['missing', ...paths.map((path) => path.slice(path.lastIndexOf('/') + 1))]);
    const tars = layers.map((layer) => layerOf(t, tarOfTree(layer)));
    assert.equal(formatTree(dumpStack(tars, false, [...names])), expected, `PLYFS_SEED=${seed + round}: tars`);
    const root = tempDirectory(t);
    const descriptors = new Descriptors(200);
    const directories = layers.map((layer, i) => {
      mkdirSync(join(root, String(i)));
      buildTree(join(root, String(i)), layer, 'wh');
      return new DirectoryLayer(String(i), join(root, String(i)), descriptors);
    });
    assert.equal(formatTree(dumpStack(directories, false, [...names])), expected, `PLYFS_SEED=${seed + round}: directories`);
  }
});

const lower: RawEntry[] = [
  { name: 'usr/', type: '5', mode: 0o711, uid: 7, pax: [['SCHILY.xattr.user.k', 'v']] },
  { name: 'usr/bin', data: 'program', mode: 0o755 },
  { name: 'lib', type: '2', link: 'usr', mode: 0o777 },
];

/** Layers, top first, and the view. */
const stacks: [string, RawEntry[][], string][] = [
  [
    'an implied directory has the attributes of the lower one (L-5)',
    [[{ name: 'usr/new', data: '1' }], lower],
    'dir usr 0711 uid=7 xattr:user.k=v; file usr/new = 1; file usr/bin 0755 = program; symlink lib -> usr',
  ],
  [
    'an implied directory that no lower layer has is 0755 and 0:0',
    [[{ name: 'opt/x/y', data: '1' }], lower],
    'dir opt; dir opt/x; file opt/x/y = 1; dir usr 0711 uid=7 xattr:user.k=v; file usr/bin 0755 = program; symlink lib -> usr',
  ],
  [
    'an implied directory over one that was whited out is a new one',
    [[{ name: '.wh.usr' }, { name: 'usr/x', data: '1' }], lower],
    'dir usr; file usr/x = 1; symlink lib -> usr',
  ],
  [
    'an implied opaque directory keeps the attributes of the lower one (W-3)',
    [[{ name: 'usr/.wh..wh..opq' }], lower],
    'dir usr 0711 uid=7 xattr:user.k=v; symlink lib -> usr',
  ],
  [
    'a directory entry replaces the attributes of the lower one, xattrs too (L-6)',
    [[{ name: 'usr/', type: '5', mode: 0o700 }], lower],
    'dir usr 0700; file usr/bin 0755 = program; symlink lib -> usr',
  ],
  [
    'a directory in place of a lower symlink (L-7)',
    [[{ name: 'lib/x', data: '1' }], lower],
    'dir lib; file lib/x = 1; dir usr 0711 uid=7 xattr:user.k=v; file usr/bin 0755 = program',
  ],
  [
    'a hard link to a file of a lower layer is a name of that file (L-8)',
    [[{ name: 'tool', type: '1', link: 'usr/bin' }], [], lower],
    'dir usr 0711 uid=7 xattr:user.k=v; file tool 0755 = program; link usr/bin -> tool; symlink lib -> usr',
  ],
  [
    'a hard link to a lower file that the same layer removes keeps the file',
    [[{ name: 'tool', type: '1', link: 'usr/bin' }, { name: '.wh.usr' }], lower],
    'file tool 0755 = program; symlink lib -> usr',
  ],
  [
    'a hard link to what is itself a link to a lower layer',
    [[{ name: 'a', type: '1', link: 'b' }], [{ name: 'b', type: '1', link: 'usr/bin' }, { name: '.wh.usr' }], lower],
    'file a 0755 = program; link b -> a; symlink lib -> usr',
  ],
  [
    'a hard link keeps the file that a layer above its own replaces',
    [[{ name: 'usr/bin', data: 'new' }], [{ name: 'tool', type: '1', link: './usr/bin' }], lower],
    'dir usr 0711 uid=7 xattr:user.k=v; file usr/bin = new; file tool 0755 = program; symlink lib -> usr',
  ],
  [
    'a hard link to one name of a file with several is one more',
    [
      [{ name: '.wh.a' }],
      [{ name: 'd/c', type: '1', link: 'b' }],
      [
        { name: 'a', data: '1' },
        { name: 'b', type: '1', link: 'a' },
        { name: 'z', type: '1', link: 'a' },
      ],
    ],
    'file b = 1; dir d; link d/c -> b; link z -> b',
  ],
  [
    'the root of the top layer that spells it out counts (L-3)',
    [[{ name: 'x' }], [{ name: './', type: '5', mode: 0o750 }], [{ name: './', type: '5', mode: 0o700 }]],
    'dir . 0750; file x',
  ],
];

for (const [name, layers, tree] of stacks) {
  test(name, (t) => {
    const lines = dumpStack(
      layers.map((entries, at) => layerOf(t, rawTar(...entries), undefined, `layer ${at}`)),
      true,
    );
    assertTree(lines, tree, name);
  });
}
