import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { newContainer } from '../../../../src/container/create.js';
import { openTreeOf } from '../../../../src/image/find/open-tree.js';
import { exportTree } from '../../../../src/image/make/export.js';
import { importPath, importStream } from '../../../../src/image/make/import.js';
import { readStoredConfig } from '../../../../src/image/stack/stored-config.js';
import { Store } from '../../../../src/store/store.js';
import { TarParser } from '../../../../src/tar/parser.js';
import { buildTree } from '../../../support/fixture.js';
import { assertSameTree } from '../../../support/same-tree.js';
import { needsRoot } from '../../../support/scratch.js';
import { storeImage } from '../../../support/stored-image.js';

const scratch = mkdtempSync(join(tmpdir(), 'plyfs-export-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

let count = 0;
const newStore = (): Store => new Store(join(scratch, `store${++count}`));

/** exportTree's chunks are good until the next: here each is copied as it comes. */
async function exportedTar(store: Store, name: string): Promise<Buffer> {
  const opened = await openTreeOf(store, name);
  const parts: Buffer[] = [];
  for (const chunk of exportTree(opened.tree)) parts.push(Buffer.from(chunk));
  opened.close();
  return Buffer.concat(parts);
}

function linesOf(tar: Buffer): string[] {
  const lines: string[] = [];
  const parser = new TarParser((entry) => {
    lines.push(`${entry.type} ${entry.path}${entry.link === '' ? '' : ` -> ${entry.link}`}`);
  });
  parser.push(tar);
  return lines;
}

const layers = [
  `dir etc mtime=1000.0; file etc/a mtime=1000.0 = a; file etc/b mtime=1000.0 = b; dir usr mtime=1000.0; file usr/x mtime=1.0 = x
   link usr/y -> usr/x; file big size=3145728 at=1048576 mtime=1.0 = middle`,
  'whiteout etc/a; opaque usr; dir usr 0700 mtime=2.0; file usr/n mtime=2.0 xattr:user.k=v = n; link usr/m -> usr/n',
];

test('export gives what shows, without markers, names of one file as links', async () => {
  const store = newStore();
  await storeImage(store, 'app:1', layers);
  assert.deepEqual(linesOf(await exportedTar(store, 'app:1')), [
    ...['dir ./', 'file big', 'dir etc/', 'file etc/b', 'dir usr/', 'file usr/m', 'hardlink usr/n -> usr/m'],
  ]);
});

test('a hard link to a lower layer is a link in the export', async () => {
  const store = newStore();
  await storeImage(store, 'app:1', ['file a mtime=1.0 = a', 'link b -> a']);
  assert.deepEqual(linesOf(await exportedTar(store, 'app:1')), ['dir ./', 'file a', 'hardlink b -> a']);
});

test('exported and imported again it is the same tree: image, container, gzip, directory', { skip: needsRoot }, async () => {
  const store = newStore();
  await storeImage(store, 'app:1', layers);
  const container = await newContainer(store, 'app:1', 'web');
  buildTree(
    container.upper,
    'dir etc mtime=9.0; whiteout etc/b; file etc/c mtime=9.0 = c; chr null 1:3 mtime=9.0; dir . mtime=10.0',
  );
  const image = await exportedTar(store, 'app:1');
  await importStream(store, Readable.from([image]), 'here', { reference: 'flat:1' });
  await assertSameTree(store, 'app:1', 'flat:1', 'image');
  const view = await exportedTar(store, 'web');
  writeFileSync(join(scratch, 'web.tar.gz'), gzipSync(view));
  await importPath(store, join(scratch, 'web.tar.gz'), { reference: 'flat:2' });
  await assertSameTree(store, 'web', 'flat:2', 'container, gzip');
  const directory = join(scratch, 'directory');
  mkdirSync(directory);
  buildTree(directory, 'dir d mtime=3.0; file d/f mtime=3.0 xattr:user.k=v = f; link d/g -> d/f; dir . mtime=4.0');
  const { layer } = await importPath(store, directory, { reference: 'flat:3' });
  await assertSameTree(store, `${directory}/`, 'flat:3', 'directory');
  assert.equal((await importPath(store, directory, {})).layer.diffId, layer.diffId, 'imported again');
});

test('import writes config and history as asked', async () => {
  const store = newStore();
  await storeImage(store, 'app:1', layers);
  const tar = await exportedTar(store, 'app:1');
  const options = { reference: 'flat', message: 'mine', changes: ['CMD ["x"]'], platform: 'linux/arm64' };
  const { id } = await importStream(store, Readable.from([tar]), '-', options);
  const config = readStoredConfig(store, id);
  assert.deepEqual([config.platform, config.document.config], [{ os: 'linux', architecture: 'arm64' }, { Cmd: ['x'] }]);
  assert.deepEqual([config.history.length, config.history[0]?.comment], [1, 'mine']);
  const plain = await importStream(store, Readable.from([tar]), '-', {});
  assert.equal(readStoredConfig(store, plain.id).history[0]?.comment, 'Imported from -');
});

test('what is no tar, and an unfinished one, leave nothing behind', async () => {
  const store = newStore();
  await storeImage(store, 'app:1', layers);
  const tar = await exportedTar(store, 'app:1');
  const importBytes = (parts: Buffer[], from: string, changes: string[] = []) =>
    importStream(store, Readable.from(parts), from, { reference: 'bad:1', changes });
  await assert.rejects(importBytes([Buffer.from('x'.repeat(2000))], '-'), /^PlyfsError: standard input: tar at byte 0/);
  await assert.rejects(importBytes([tar.subarray(0, 1_500_000)], 'cut.tar'), /^PlyfsError: cut\.tar: .*cut off/);
  await assert.rejects(importBytes([], '-'), /^PlyfsError: standard input: there is not a byte in it/);
  await assert.rejects(importBytes([tar], '-', ['ADD x y']), /ADD is not allowed in a change/);
  await assert.rejects(importPath(store, '/nowhere.tar', {}), /there is no file \/nowhere.tar/);
  assert.equal(store.catalog().images.size, 1);
});

test('a directory with a socket is imported without it, and told so', { skip: needsRoot }, async () => {
  const directory = join(scratch, 'with-socket');
  mkdirSync(directory);
  buildTree(directory, 'dir run; sock run/s; file f = f');
  const store = newStore();
  const { warnings } = await importPath(store, directory, { reference: 'flat:1' });
  assert.deepEqual(warnings, [`/run/s of ${directory} is a socket, which a tar cannot hold: left out`]);
});

test('what vanishes while a tree is exported is left out and told, and the tar is whole', { skip: needsRoot }, async () => {
  const store = newStore();
  await storeImage(store, 'app:1', ['file lower = l']);
  const { upper } = await newContainer(store, 'app:1', 'web');
  buildTree(upper, 'file a size=2000000; file b = b; file c = c; dir d; file d/x = x; file e = e');
  const { tree, close } = await openTreeOf(store, 'web');
  const warnings: string[] = [];
  const names: string[] = [];
  const parser = new TarParser((entry) => {
    names.push(entry.path);
  });
  for (const chunk of exportTree(tree, { onWarning: (sentence) => warnings.push(sentence) })) {
    parser.push(Buffer.from(chunk));
    for (const name of ['b', 'd']) rmSync(join(upper, name), { recursive: true, force: true });
  }
  parser.end();
  close();
  assert.deepEqual(names, ['./', 'a', 'c', 'e', 'lower']);
  assert.deepEqual(
    warnings,
    ['b', 'd'].map((name) => `/${name} of container web vanished while it was read: left out`),
  );
});
