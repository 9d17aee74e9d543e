/** plyfs dump: what it prints builds the same tree again. No mount, no root. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Store } from '../../../src/store/store.js';
import { buildTree } from '../../support/fixture.js';
import { storeImage } from '../../support/stored-image.js';
import { digestOf } from '../../support/tree.js';

const program = fileURLToPath(new URL('../../../../bin/plyfs', import.meta.url));
const home = mkdtempSync(join(tmpdir(), 'plyfs-dump-'));
after(() => rmSync(home, { recursive: true }));

function plyfs(...words: string[]): string {
  const env = { ...process.env, PLYFS_ROOT: home };
  const ended = spawnSync(program, words, { encoding: 'utf8', env, timeout: 60_000 });
  assert.deepEqual([ended.status, ended.stderr], [0, ''], `plyfs ${words.join(' ')}`);
  return ended.stdout;
}

const base = `dir d 0700 uid=5 gid=6 mtime=7.000000008
dir old mtime=2.000000000
file d/a 0640 mtime=1.500000000 xattr:user.k=v\\x20w = some text
file d/long size=101 mtime=3.000000000 = 1
file gone mtime=1.000000000 = x
file old/f mtime=1.000000000
link d/b -> d/a
symlink l\\x20\\xff mtime=4.000000000 -> d/a
chr null 0600 1:3 mtime=5.000000000
fifo p mtime=6.000000000`;
const app = `file new mtime=9.000000000 = N
whiteout gone
dir old mtime=2.000000000
opaque old
link d/c -> d/a`;

const merged = `dir d 0700 uid=5 gid=6 mtime=7.000000008
file d/a 0640 mtime=1.500000000 xattr:user.k=v\\x20w = some text
link d/b -> d/a
link d/c -> d/a
file d/long mtime=3.000000000 size=101 sha=${digestOf(Buffer.concat([Buffer.from('1'), Buffer.alloc(100)]))}
symlink l\\x20\\xff mtime=4.000000000 -> d/a
file new mtime=9.000000000 = N
chr null 0600 1:3 mtime=5.000000000
dir old mtime=2.000000000
fifo p mtime=6.000000000
`;

test('dump prints a merged tree and single layers, one object a line', async () => {
  await storeImage(new Store(home), 'app:1', [base, app]);
  // The root has no entry: 1970.
  const shown = (text: string) => text.replaceAll(/^dir \. mtime=0\.0+\n/gm, '');
  assert.equal(shown(plyfs('dump', 'app:1')), merged);
  const [top = '', bottom = ''] = shown(plyfs('dump', '--layers', 'app:1'))
    .split(/^# sha256:[0-9a-f]{64}\n/m)
    .slice(1);
  assert.equal(
    top,
    `dir d mtime=0.000000000
link d/c -> /d/a
whiteout gone
file new mtime=9.000000000 = N
dir old mtime=2.000000000
opaque old
`,
  );
  assert.match(bottom, /^file gone mtime=1\.000000000 = x$/m);

  const again = bottom.replaceAll(/^.* sha=.*$/gm, '').trim();
  await storeImage(new Store(home), 'again:1', [again]);
  assert.equal(shown(plyfs('dump', 'again:1')).trim(), again.replaceAll(/\n+/g, '\n'));
});

test('dump reads a directory as a layer, whatever its markers look like', {
  skip: process.geteuid?.() === 0 ? false : 'needs root',
}, () => {
  const tree = `dir d mtime=1.000000000
opaque d
file d/a mtime=1.000000000 = A
file long mtime=1.000000000 size=5000 sha=${digestOf(Buffer.alloc(5000))}
whiteout w
`;
  const layer = join(home, 'layer');
  mkdirSync(layer);
  buildTree(layer, tree.replace(/sha=.*/, ''));
  assert.equal(plyfs('dump', '--layers', layer).replace(/^# .*\ndir \. .*\n/, ''), tree);
});

test('dump is for bug reports: it is not in the help, but has one', () => {
  assert.doesNotMatch(plyfs('--help'), /\bdump\b/);
  assert.match(plyfs('dump', '--help'), /^Usage: plyfs dump/);
});
