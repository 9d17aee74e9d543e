import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { textFromName } from '../../../../src/base/name.js';
import { newContainer } from '../../../../src/container/create.js';
import { type Change, type DiffOptions, diffTrees } from '../../../../src/image/changes/diff.js';
import { openTreeOf } from '../../../../src/image/find/open-tree.js';
import { Store } from '../../../../src/store/store.js';
import { buildTree, type Spelling, spellings } from '../../../support/fixture.js';
import { needsRoot } from '../../../support/scratch.js';
import { storeImage } from '../../../support/stored-image.js';

const scratch = mkdtempSync(join(tmpdir(), 'plyfs-diff-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

let count = 0;

function linesOf(changes: readonly Change[]): string {
  return changes.map(({ kind, path }) => `${kind} /${textFromName(path)}`).join('; ');
}

/** The changes of an upper over layers (bottom first): found by the upper alone, and the same by comparing everything. */
async function diffOf(layers: readonly string[], upper: string, spelling: Spelling, more: DiffOptions = {}): Promise<string> {
  const options = { upperBytes: true, ...more };
  const store = new Store(join(scratch, `store${++count}`));
  await storeImage(store, 'app:1', layers);
  const container = await newContainer(store, 'app:1', 'web');
  buildTree(container.upper, upper, spelling);
  const opened = await openTreeOf(store, 'web');
  try {
    const found = linesOf(diffTrees(opened.base, opened.tree, 'upper', options));
    assert.equal(found, linesOf(diffTrees(opened.base, opened.tree, 'whole', options)), 'as by a full comparison');
    return found;
  } finally {
    opened.close();
  }
}

const base = `dir etc mtime=1000.0; file etc/hosts mtime=1000.0 = hosts; file etc/motd mtime=1000.0 = motd
dir usr mtime=1000.0; dir usr/bin mtime=1000.0; file usr/bin/a mtime=1000.0 = a; file usr/bin/b mtime=1000.0 = b
symlink lib mtime=1000.0 -> usr/lib; dir deep mtime=1000.0; dir deep/er mtime=1000.0; file deep/er/f mtime=1000.0 = f`;

interface Case {
  name: string;
  upper: string;
  expected: string;
  /** Where not every spelling can say it. */
  only?: readonly Spelling[];
}

const cases: readonly Case[] = [
  { name: 'nothing', upper: '', expected: '' },
  { name: 'an added file, and its parent', upper: 'dir etc; file etc/new = n', expected: 'C /etc; A /etc/new' },
  {
    name: 'a new file of another size',
    upper: 'dir etc; file etc/hosts mtime=1000.0 = longer',
    expected: 'C /etc; C /etc/hosts',
  },
  { name: 'a touched file', upper: 'dir etc; file etc/hosts mtime=1001.0 = hosts', expected: 'C /etc; C /etc/hosts' },
  {
    name: 'other bytes of the same size and time, as cp -p or a quick build leaves them',
    upper:
      'dir etc; file etc/hosts mtime=1000.0 = HOSTS; file etc/motd mtime=1000.5 = MOTD; dir usr; dir usr/bin; file usr/bin/a mtime=1000.0 = a',
    expected: 'C /etc; C /etc/hosts; C /etc/motd',
  },
  { name: 'a copied-up file that nobody wrote', upper: 'dir etc; file etc/hosts mtime=1000.0 = hosts', expected: '' },
  {
    name: 'nanoseconds of one side alone',
    upper: 'dir etc; file etc/hosts mtime=1000.5 = hosts',
    expected: '',
  },
  { name: 'a mode', upper: 'dir etc; file etc/hosts 0600 mtime=1000.0 = hosts', expected: 'C /etc; C /etc/hosts' },
  { name: "a directory's mode", upper: 'dir usr; dir usr/bin 0700', expected: 'C /usr; C /usr/bin' },
  { name: "a directory's time", upper: 'dir usr mtime=5.0', expected: '' },
  { name: 'a deleted file', upper: 'dir etc; whiteout etc/motd', expected: 'C /etc; D /etc/motd' },
  { name: 'a deleted directory is one line', upper: 'whiteout usr', expected: 'D /usr' },
  { name: 'a whiteout of nothing', upper: 'dir etc; whiteout etc/none', expected: '' },
  {
    name: 'a replaced directory',
    upper: 'dir usr/bin; opaque usr/bin; file usr/bin/c = c; file usr/bin/a mtime=1000.0 = a',
    expected: 'C /usr; C /usr/bin; D /usr/bin/b; A /usr/bin/c',
  },
  {
    name: 'a directory within a replaced one',
    upper: 'opaque deep; dir deep/er; file deep/er/g = g',
    expected: 'C /deep; C /deep/er; D /deep/er/f; A /deep/er/g',
  },
  {
    name: 'a directory in place of a file',
    upper: 'dir etc/hosts; file etc/hosts/x = x',
    expected: 'C /etc; C /etc/hosts; A /etc/hosts/x',
  },
  { name: 'a file in place of a directory', upper: 'file usr = u', expected: 'C /usr' },
  { name: 'another target of a symlink', upper: 'symlink lib mtime=1000.0 -> usr/LIB', expected: 'C /lib' },
  {
    name: 'a moved directory',
    upper: 'whiteout usr; redirect other -> /usr; file other/bin/a mtime=2000.0 = A',
    expected: 'A /other; A /other/bin; A /other/bin/a; A /other/bin/b; D /usr',
    only: ['trusted', 'user'],
  },
  {
    name: 'a directory moved onto one that was there',
    upper: 'whiteout usr; redirect deep -> /usr',
    expected: 'C /deep; A /deep/bin; A /deep/bin/a; A /deep/bin/b; D /deep/er; D /usr',
    only: ['trusted', 'user'],
  },
  {
    name: 'a file capability',
    upper:
      'dir usr; dir usr/bin; file usr/bin/a 0644 mtime=1000.0 xattr:security.capability=\\x01\\x00\\x00\\x02\\x00\\x04\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00 = a',
    expected: 'C /usr; C /usr/bin; C /usr/bin/a',
  },
];

for (const { name, upper, expected, only } of cases) {
  test(`diff: ${name}`, { skip: needsRoot }, async () => {
    for (const spelling of only ?? spellings) assert.equal(await diffOf([base], upper, spelling), expected, spelling);
  });
}

test('what a lower layer of the image removed is not deleted a second time', { skip: needsRoot }, async () => {
  assert.equal(await diffOf([base, 'whiteout etc/motd'], 'dir etc; whiteout etc/motd', 'trusted'), '');
});

test('by content a touched file is no change, and one written in the same second is', { skip: needsRoot }, async () => {
  const upper = 'dir etc; file etc/hosts mtime=2000.0 = hosts; file etc/motd mtime=1000.0 = MOTD';
  assert.equal(await diffOf([base], upper, 'trusted', { content: true }), 'C /etc; C /etc/motd');
  assert.equal(await diffOf([base], upper, 'trusted'), 'C /etc; C /etc/hosts; C /etc/motd');
});

test('all xattrs are compared when asked for', { skip: needsRoot }, async () => {
  const upper = 'dir etc xattr:user.d=1; file etc/hosts mtime=1000.0 xattr:user.k=v = hosts';
  assert.equal(await diffOf([base], upper, 'trusted'), '');
  assert.equal(await diffOf([base], upper, 'trusted', { xattrs: true }), 'C /etc; C /etc/hosts');
});
