import assert from 'node:assert/strict';
import { createReadStream, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { sha256Of } from '../../../src/base/digest.js';
import { loadPath, loadStream } from '../../../src/image/load.js';
import { openImage } from '../../../src/image/open-image.js';
import { saveToFile, saveToLayout } from '../../../src/image/save.js';
import { checkStore } from '../../../src/store/check.js';
import { pruneStore, tagImage } from '../../../src/store/images.js';
import { Store } from '../../../src/store/store.js';
import { type BuiltImages, buildImages, needsTools, run, treeOfDirectory, treeOfImage } from '../../support/image-fixture.js';

let images: BuiltImages;
let scratch: string;
let count = 0;
const newStore = (): Store => new Store(join(scratch, `store${++count}`));

before(() => {
  if (needsTools !== false) return;
  scratch = mkdtempSync(join(tmpdir(), 'plyfs-formats-'));
  images = buildImages();
});
after(() => {
  if (needsTools !== false) return;
  images.remove();
  rmSync(scratch, { recursive: true, force: true });
});

test('an image in every format that skopeo writes shows what umoci unpacks', { skip: needsTools }, async () => {
  const expected = treeOfDirectory(images.unpacked);
  for (const [format, path] of Object.entries(images.paths)) {
    const store = newStore();
    for (const time of ['first', 'second']) {
      using image = await openImage(path, { root: store.root });
      assert.equal(treeOfImage(image), expected, `${format}, opened the ${time} time`);
    }
  }
});

test('every format loads as the same image, and the stored image shows the same', { skip: needsTools }, async () => {
  const store = newStore();
  const ids = new Set<string>();
  for (const [format, path] of Object.entries(images.paths)) {
    const loaded = await loadPath(store, path, { platform: undefined });
    assert.equal(loaded.length, 1, format);
    ids.add(loaded[0]!.id);
  }
  assert.equal(ids.size, 1);
  const [id] = [...ids];
  assert.deepEqual((await checkStore(store, false)).findings, []);
  using image = await openImage(id!, { root: store.root });
  assert.equal(treeOfImage(image), treeOfDirectory(images.unpacked));
  assert.deepEqual(
    image.history.filter((entry) => !entry.isEmptyLayer).map((entry) => entry.createdBy),
    ['RUN step 1', 'RUN step 2', 'RUN step 3', 'RUN step 4'],
  );
});

test('a stream loads as the file does', { skip: needsTools }, async () => {
  for (const path of [images.paths['docker-archive by skopeo']!, images.paths['docker-archive, gzip']!]) {
    const store = newStore();
    const [loaded] = await loadStream(store, createReadStream(path), { platform: undefined });
    assert.deepEqual(loaded?.names, ['docker.io/demo/app:1']);
    const { collected } = await pruneStore(store, false);
    assert.deepEqual(collected.blobs, [], 'nothing is left over');
  }
});

test('what is saved is the same bytes again, and skopeo, umoci and podman read it', { skip: needsTools }, async () => {
  const store = newStore();
  const { id } = (await loadPath(store, images.paths['OCI archive, zstd layers']!, { platform: undefined }))[0]!;
  await loadPath(store, images.paths['docker-archive by skopeo']!, { platform: undefined });
  const [one, two] = [join(scratch, 'one.tar'), join(scratch, 'two.tar')];
  await saveToFile(store, ['demo/app'], one);
  await saveToFile(store, ['demo/app:1'], two);
  assert.deepEqual(readFileSync(one), readFileSync(two));

  const config = run('skopeo', 'inspect', '--config', '--raw', `docker-archive:${one}:demo/app:1`);
  assert.equal(sha256Of(config), id);
  run('skopeo', 'copy', '-q', `oci-archive:${one}:1`, `oci:${join(scratch, 'again')}:v1`);
  run('umoci', 'unpack', '--image', `${join(scratch, 'again')}:v1`, join(scratch, 'bundle'));
  assert.equal(treeOfDirectory(join(scratch, 'bundle', 'rootfs')), treeOfDirectory(images.unpacked));

  const other = newStore();
  assert.equal((await loadPath(other, one, { platform: undefined }))[0]?.id, id);
  await saveToFile(other, ['demo/app'], two);
  assert.deepEqual(readFileSync(two), readFileSync(one), 'saved, loaded and saved again');
  podmanReads(one, id);
});

test('layers saved compressed are read by skopeo, and give the same image and the same bytes again', {
  skip: needsTools,
}, async () => {
  const store = newStore();
  const { id } = (await loadPath(store, images.paths['docker-archive by skopeo']!, { platform: undefined }))[0]!;
  for (const compression of ['gzip', 'zstd'] as const) {
    const [one, two] = [join(scratch, `${compression}1.tar`), join(scratch, `${compression}2.tar`)];
    await saveToFile(store, ['demo/app'], one, { compression });
    await saveToFile(store, ['demo/app'], two, { compression });
    assert.deepEqual(readFileSync(one), readFileSync(two));
    assert.match(run('skopeo', 'inspect', '--raw', `oci-archive:${one}:1`), new RegExp(`tar\\+${compression}`));
    run('skopeo', 'copy', '-q', `oci-archive:${one}:1`, `dir:${join(scratch, compression)}`);
    assert.equal((await loadPath(newStore(), one, { platform: undefined }))[0]?.id, id);
  }
  assert.deepEqual(readdirSync(store.path('tmp')), []);
});

test('a layout directory that is saved into is read by umoci and skopeo, and takes a second image', {
  skip: needsTools,
}, async () => {
  const store = newStore();
  const { id } = (await loadPath(store, images.paths['docker-archive by skopeo']!, { platform: undefined }))[0]!;
  const layout = join(scratch, 'saved-layout');
  await saveToLayout(store, ['demo/app'], layout);
  await saveToLayout(store, ['demo/app'], layout);
  assert.equal(run('umoci', 'ls', '--layout', layout), '1\n');
  await tagImage(store, 'demo/app:1', 'demo/app:2');
  await saveToLayout(store, ['demo/app:2'], layout, { compression: 'gzip' });
  assert.deepEqual(run('umoci', 'ls', '--layout', layout).trim().split('\n').sort(), ['1', '2']);
  run('umoci', 'unpack', '--image', `${layout}:2`, join(scratch, 'bundle-2'));
  assert.equal(treeOfDirectory(join(scratch, 'bundle-2', 'rootfs')), treeOfDirectory(images.unpacked));
  assert.equal(sha256Of(run('skopeo', 'inspect', '--config', '--raw', `oci:${layout}:1`)), id);
  assert.deepEqual(
    new Set((await loadPath(newStore(), layout, { platform: undefined })).map((image) => image.id)),
    new Set([id]),
  );
});

function podmanReads(archive: string, id: string): void {
  const podman = (...words: string[]): string =>
    run(
      'podman',
      '--root',
      join(scratch, 'podman'),
      '--runroot',
      join(scratch, 'podman-run'),
      '--storage-driver',
      'vfs',
      ...words,
    );
  assert.match(podman('load', '-q', '-i', archive), /demo\/app:1/);
  assert.match(podman('images', '--no-trunc', '-q'), new RegExp(id));
}
