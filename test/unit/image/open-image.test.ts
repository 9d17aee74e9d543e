import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { PlyfsError } from '../../../src/base/errors.js';
import { openTreeOf } from '../../../src/image/find/open-tree.js';
import { exportTree } from '../../../src/image/make/export.js';
import { importPath } from '../../../src/image/make/import.js';
import { squashImage } from '../../../src/image/make/squash.js';
import { type Image, openImage } from '../../../src/image/open-image.js';
import { getImage } from '../../../src/store/resolve.js';
import { Store } from '../../../src/store/store.js';
import { rawTar } from '../../support/tar-bytes.js';

const scratch = mkdtempSync(join(tmpdir(), 'plyfs-open-image-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

/** A root tar: etc/os-release, a file, symlinks of every kind. */
function opened(): Promise<Image> {
  const path = join(scratch, 'root.tar');
  const links = {
    link: 'etc',
    'file-link': 'file',
    loop: 'loop',
    round: 'round2',
    round2: 'round',
    nowhere: 'none',
    slashed: 'file/',
  };
  writeFileSync(
    path,
    rawTar(
      { name: 'etc/', type: '5' },
      { name: 'etc/os-release', data: 'ID=test\n' },
      { name: 'file', data: 'x'.repeat(3 * 1024 * 1024) },
      ...Object.entries(links).map(([name, link]) => ({ name, type: '2', link })),
    ),
  );
  return openImage(path, { root: join(scratch, 'store') });
}

const is = (code: string) => (error: unknown) => error instanceof PlyfsError && error.code === code;

test('a closed image gives nothing any more, and its numbers are those of whoever opened files since', async () => {
  const image = await opened();
  const stream = image.createReadStream('/file');
  const chunks = stream[Symbol.asyncIterator]();
  await chunks.next();
  image.close();
  const own = Array.from({ length: 20 }, () => openSync('/etc/passwd', 'r'));
  try {
    for (const ask of [
      () => image.readFile('/etc/os-release'),
      () => image.stat('/etc'),
      () => image.exists('/etc'),
      () => image.readdir('/'),
      () => [...image.walk('/')],
      () => image.versions('/etc'),
    ]) {
      assert.throws(ask, is('closed'));
    }
    await assert.rejects(async () => {
      for (;;) if ((await chunks.next()).done === true) return;
    }, is('closed'));
    image.close();
    image[Symbol.dispose]();
    for (const fd of own) closeSync(fd); // EBADF here: the image closed what is ours
  } finally {
    stream.destroy();
  }
});

/** path_resolution(7). */
const walks: readonly [path: string, code: 'ok' | 'ENOENT' | 'ENOTDIR' | 'ELOOP'][] = [
  ['/etc/os-release', 'ok'],
  ['/etc/os-release/', 'ENOTDIR'],
  ['/etc/os-release/.', 'ENOTDIR'],
  ['/etc/os-release/..', 'ENOTDIR'],
  ['/etc/os-release/x', 'ENOTDIR'],
  ['/link/os-release', 'ok'],
  ['/link/', 'ok'],
  ['/file-link/', 'ENOTDIR'],
  ['/file-link', 'ok'],
  ['/slashed', 'ENOTDIR'],
  ['/nowhere', 'ENOENT'],
  ['/none/x', 'ENOENT'],
  ['/loop', 'ELOOP'],
  ['/loop/x', 'ELOOP'],
  ['/round', 'ELOOP'],
  ['/../../etc/', 'ok'],
];

test('paths are walked as path_resolution(7) says', async () => {
  using image = await opened();
  for (const [path, code] of walks) {
    assert.equal(image.exists(path), code === 'ok', path);
    if (code === 'ok') image.stat(path);
    else assert.throws(() => image.stat(path), is(code), path);
  }
  assert.equal(image.lstat('/link').kind, 'symlink');
  assert.equal(image.lstat('/link/').kind, 'dir');
  assert.throws(() => image.lstat('/loop/'), is('ELOOP'));
});

/** PAX, one record each: before 1901, after 2446, and the last and first that a row of the node table holds. */
const times: readonly [name: string, mtime: string, sec: number, nsec: number][] = [
  ['y1754', '-6811223999.25', -6811224000, 750_000_000],
  ['y1901', '-2147483649', -2147483649, 0],
  ['y1901b', '-2147483648', -2147483648, 0],
  ['y2446', '15032385535', 15032385535, 0],
  ['y2446b', '15032385536', 15032385536, 0],
  ['y9999', '253402300799.5', 253402300799, 500_000_000],
];

async function exported(store: Store, name: string): Promise<string> {
  const path = join(scratch, 'exported.tar');
  const opened = await openTreeOf(store, name);
  writeFileSync(path, Buffer.concat([...exportTree(opened.tree, { nanoseconds: true })].map((chunk) => Buffer.from(chunk))));
  opened.close();
  return path;
}

test('times before 1901 and after 2446 are the same in an image, its export and its squash', async () => {
  const path = join(scratch, 'times.tar');
  writeFileSync(path, rawTar(...times.map(([name, mtime]) => ({ name, data: name, pax: [['mtime', mtime]] as const }))));
  const store = new Store(join(scratch, 'times-store'));
  await importPath(store, path, { reference: 'times:1' });
  const { image: stored } = getImage(store.catalog(), 'times:1');
  await importPath(store, await exported(store, 'times:1'), { reference: 'times:3' });
  await squashImage(store, stored, 'times:1', { reference: 'times:2', keep: 0 });
  for (const image of [path, 'times:1', 'times:2', 'times:3']) {
    using opened = await openImage(image, { root: store.root });
    for (const [name, , sec, nsec] of times) {
      for (const again of [1, 2])
        assert.deepEqual([opened.stat(name).mtimeSec, opened.stat(name).mtimeNsec], [sec, nsec], `${image} ${name} ${again}`);
    }
  }
});
