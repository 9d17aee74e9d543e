/** Names and steps with control characters and bytes that are not UTF-8: escaped in every listing, kept apart in --json. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { nameFromText } from '../../../src/base/name.js';
import { jsonName, shown, shownText } from '../../../src/base/shown.js';
import { needsRoot } from '../../support/scratch.js';

const program = fileURLToPath(new URL('../../../../bin/plyfs', import.meta.url));
const home = mkdtempSync(join(process.env.PLYFS_TEST_DIR ?? tmpdir(), 'plyfs-names-'));
const evil = 'a\x1b[2Jb\nc\x07';
const latin = Buffer.from('d\xffe', 'latin1');

function plyfs(...words: string[]): string {
  const environment = { ...process.env, PLYFS_ROOT: join(home, 'store') };
  const { status, stdout, stderr } = spawnSync(program, words, { cwd: home, env: environment, encoding: 'latin1' });
  assert.deepEqual([status, stderr.replace(/^plyfs: (the mount|nothing).*\n/, '')], [0, ''], words.join(' '));
  return stdout;
}

before(() => {
  const source = join(home, 'source');
  mkdirSync(join(source, 'dir'), { recursive: true });
  writeFileSync(join(source, 'dir', evil), 'first');
  writeFileSync(Buffer.concat([Buffer.from(`${source}/dir/`), latin]), 'latin');
  plyfs('import', '-m', `step ${evil}`, 'source', 'a:1');
  plyfs('create', '--name', 'web', 'a:1');
  writeFileSync(join(home, evil), 'second, longer');
  plyfs('cp', evil, 'web:/dir/');
  plyfs('commit', 'web', 'a:2', '-m', `step ${evil}`);
});
after(() => rmSync(home, { recursive: true, force: true }));

for (const words of [
  'ls a:2 /dir',
  'ls -lR a:2 /',
  'find a:2 /',
  'du -a a:2 /',
  'diff web',
  'diff --stat web',
  'blame -r a:2 /',
  'waste a:2',
  'layers a:2',
  'history a:2',
  'images',
  'ps -a',
]) {
  test(`plyfs ${words} shows control characters escaped`, { skip: needsRoot }, () => {
    const text = plyfs(...words.split(' '));
    const raw = [...text.matchAll(/(?!\n)\p{Cc}/gu)]
      .map(([letter]) => letter)
      .filter((letter) => letter < '\x80' && letter !== '\t');
    assert.deepEqual(raw, []);
    if (!/^(layers|images|ps)/.test(words)) assert.ok(text.includes('a\\x1b[2Jb\\nc\\x07'), text);
  });
}

test('stat names a file of odd bytes, and json tells them', { skip: needsRoot }, () => {
  assert.match(plyfs('stat', 'a:2', `/dir/${evil}`), /^ {2}File: \/dir\/a\\x1b\[2Jb\\nc\\x07\n/);
  const found = JSON.parse(Buffer.from(plyfs('find', 'a:2', '/dir', '--json'), 'latin1').toString()) as {
    path: string;
    pathBytes?: string;
  }[];
  const odd = found.find(({ pathBytes }) => pathBytes !== undefined);
  assert.equal(Buffer.from(odd?.pathBytes ?? '', 'base64').toString('latin1'), '/dir/d\xffe');
  assert.ok(found.some(({ path }) => path === `/dir/${evil}`));
});

test('cp names files of odd bytes, there and here', { skip: needsRoot }, () => {
  const script = `
set -e
odd=$(printf 'd\\377e')
"$PLYFS" cp "web:/dir/$odd" out
"$PLYFS" cp "web:/dir/$odd" .
"$PLYFS" cp "$odd" "web:/$odd-too"
"$PLYFS" cp web:/ - | LC_ALL=C tar t | LC_ALL=C grep -a too | od -An -c
cat out "$odd"`;
  const environment = { ...process.env, PLYFS: program, PLYFS_ROOT: join(home, 'store') };
  const { stdout, stderr } = spawnSync('sh', ['-c', script], { cwd: home, env: environment, encoding: 'utf8' });
  assert.equal(stderr, '');
  assert.match(stdout, /3 +7 +7 +e +- +t +o +o/);
  assert.ok(stdout.endsWith('latinlatin'));
});

test('what can be shown is shown as it is', () => {
  for (const text of ['', 'plain name', 'naïve/ß/日本', 'by\\x2duuid', '👩‍'])
    assert.equal(shown(text.replace('\u200d', '')), text.replace('\u200d', ''));
  assert.equal(shown('\u009b31m\u202egnp.exe\u2028'), '\\u009b31m\\u202egnp.exe\\u2028');
  assert.equal(shownText(nameFromText('é\x1b')), 'é\\x1b');
  assert.equal(shownText('\xc3(\xff\xc3\xa9' as never), '\\xc3(\\xffé');
  assert.deepEqual(jsonName('name', nameFromText('é')), { name: 'é' });
  assert.deepEqual(jsonName('path', '\xff' as never, '/'), { path: '/\ufffd', pathBytes: 'L/8=' });
});
