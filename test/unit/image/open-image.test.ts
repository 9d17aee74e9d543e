import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { PlyfsError } from '../../../src/base/errors.js';
import { type Image, openImage } from '../../../src/image/open-image.js';
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
