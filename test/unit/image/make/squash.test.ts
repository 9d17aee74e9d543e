import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { squashImage } from '../../../../src/image/make/squash.js';
import { readStoredConfig } from '../../../../src/image/stack/stored-config.js';
import { getImage } from '../../../../src/store/resolve.js';
import { Store } from '../../../../src/store/store.js';
import { TarParser } from '../../../../src/tar/parser.js';
import { assertSameTree } from '../../../support/same-tree.js';
import { storeImage } from '../../../support/stored-image.js';

const scratch = mkdtempSync(join(tmpdir(), 'plyfs-squash-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

let count = 0;

function newStore(): Store {
  return new Store(join(scratch, `store${++count}`));
}

const base = `dir . 0755 mtime=100.5; dir etc 0750 mtime=1000.25; file etc/hosts mtime=1000.0 = hosts; file etc/motd mtime=1000.0 = motd
dir usr mtime=1000.0; dir usr/bin mtime=1000.0; file usr/bin/a mtime=1000.0 = a; link usr/bin/a2 -> usr/bin/a; file usr/bin/one mtime=3.0 = one
dir deep mtime=1000.0; dir deep/er mtime=1000.0; file deep/er/f 04755 mtime=1000.5 xattr:user.k=v = f; symlink lib mtime=3.0 -> usr/lib`;
const above = [
  'dir etc 0755 mtime=5.0; file etc/new mtime=7.123456789 = n; whiteout etc/motd; dir tmp mtime=2.0; file tmp/x mtime=2.0 = x',
  'opaque deep; dir deep mtime=9.0; file deep/g mtime=9.0 = g; whiteout tmp; whiteout lib; chr null 1:3 mtime=4.0',
  'file etc/hosts mtime=8.0 = H; dir lib mtime=8.0; file lib/l mtime=8.0 = l; dir tmp mtime=3.0; file etc/motd mtime=1000.0 = motd',
];

/** Layers above, and the entries of the layer that they become on one kept layer. */
const cases: readonly { name: string; layers: readonly string[]; entries?: readonly string[] }[] = [
  { name: 'changes, whiteouts and opaque directories of several layers', layers: above },
  {
    name: 'what was deleted and came back the same is no change',
    layers: ['dir etc 0750 mtime=1000.25; whiteout etc/motd', 'dir etc 0750 mtime=1000.25; file etc/motd mtime=1000.0 = motd'],
    entries: [],
  },
  {
    name: 'what one layer adds and the next deletes is gone',
    layers: ['file n = n; dir d; file d/x = x', 'whiteout n; whiteout d'],
    entries: [],
  },
  {
    name: 'a whiteout hides what the kept layers have',
    layers: ['file deep/n = n', 'whiteout deep'],
    entries: ['file .wh.deep'],
  },
  {
    name: 'a directory that was deleted and made anew is opaque',
    layers: ['whiteout deep', 'dir deep mtime=6.0; file deep/z mtime=6.0 = z'],
    entries: ['dir deep/', 'file deep/.wh..wh..opq', 'file deep/z'],
  },
  {
    name: 'a hard link to a file of the kept layers is written with all its names',
    layers: ['link etc/b -> usr/bin/one', 'file other = o'],
    entries: ['dir etc/', 'file etc/b', 'file other', 'dir usr/', 'dir usr/bin/', 'hardlink usr/bin/one -> etc/b'],
  },
  {
    name: 'a hard link to one of several names takes the others along',
    layers: ['link b -> usr/bin/a'],
    entries: ['file b', 'dir usr/', 'dir usr/bin/', 'hardlink usr/bin/a -> b', 'hardlink usr/bin/a2 -> b'],
  },
  {
    name: 'a directory that is only implied keeps its attributes',
    layers: ['file etc/x mtime=3.0 = x'],
    entries: ['dir etc/', 'file etc/x'],
  },
  {
    name: 'kinds that change',
    layers: ['whiteout lib', 'dir lib; file lib/x = x; file usr mtime=3.0 = u', 'symlink deep -> etc'],
  },
];

for (const { name, layers, entries } of cases) {
  test(`squash: ${name}: the same tree, as one layer and on each number of kept layers`, async () => {
    const store = newStore();
    await storeImage(store, 'app:1', [base, ...layers]);
    const { image } = getImage(store.catalog(), 'app:1');
    for (let keep = 0; keep <= layers.length; keep++) {
      const { id, layer } = await squashImage(store, image, 'app:1', { reference: `app:keep${keep}`, keep });
      await assertSameTree(store, 'app:1', `app:keep${keep}`, `${keep} kept`);
      const squashed = getImage(store.catalog(), id).image;
      assert.deepEqual(squashed.layers.slice(0, keep), image.layers.slice(0, keep));
      assert.equal(squashed.layers.length, keep + (layer === undefined ? 0 : 1));
      if (keep === 1 && entries !== undefined)
        assert.deepEqual(layer === undefined ? [] : await entriesOf(store, layer.diffId), entries);
    }
    assert.deepEqual(readdirSync(store.path('tmp')), []);
  });
}

async function entriesOf(store: Store, diffId: Parameters<Store['blobs']['read']>[0]): Promise<string[]> {
  const lines: string[] = [];
  const parser = new TarParser((entry) => {
    lines.push(`${entry.type} ${entry.path}${entry.link === '' ? '' : ` -> ${entry.link}`}`);
  });
  for await (const chunk of store.blobs.read(diffId)) parser.push(Buffer.from(chunk));
  return lines;
}

test('squash: every step stays in the history, those whose layers went are empty ones, and the config stays', async () => {
  const store = newStore();
  await storeImage(store, 'app:1', [base, ...above]);
  process.env.SOURCE_DATE_EPOCH = '1700000000';
  try {
    const { image } = getImage(store.catalog(), 'app:1');
    const options = { keep: 1, changes: ['CMD ["x"]'] };
    const { id, layer } = await squashImage(store, image, 'app:1', options);
    const config = readStoredConfig(store, id);
    assert.deepEqual(config.diffIds, [image.layers[0]?.diffId, layer?.diffId]);
    const steps = config.history.map(({ createdBy, comment, isEmptyLayer }) => `${createdBy}|${comment}|${isEmptyLayer}`);
    assert.deepEqual(steps, [
      'step 1||false',
      'step 2||true',
      'step 3||true',
      'step 4||true',
      'plyfs squash|3 layers squashed|false',
    ]);
    assert.deepEqual(config.document.config, { Env: ['PATH=/bin'], Cmd: ['x'] });
    assert.equal((await squashImage(store, image, 'app:1', options)).id, id, 'squashed again');
  } finally {
    delete process.env.SOURCE_DATE_EPOCH;
  }
});

test('squash: a wrong name, change or layer is refused before anything is read', async () => {
  const store = newStore();
  await storeImage(store, 'app:1', [base]);
  const { image } = getImage(store.catalog(), 'app:1');
  await assert.rejects(squashImage(store, image, 'app:1', { keep: 0, reference: 'App' }), /App/);
  await assert.rejects(squashImage(store, image, 'app:1', { keep: 0, changes: ['RUN x'] }), /RUN is not allowed/);
  await assert.rejects(squashImage(store, image, 'app:1', { keep: 1 }), /app:1 has 1 layers: none lies above layer 1/);
  assert.equal(store.catalog().images.size, 1);
});
