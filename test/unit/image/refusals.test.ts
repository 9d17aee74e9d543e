import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { loadPath } from '../../../src/image/load.js';
import { openImage } from '../../../src/image/open-image.js';
import { pruneStore } from '../../../src/store/images.js';
import { Store } from '../../../src/store/store.js';
import {
  archiveOf,
  digestOf,
  hexOf,
  layerWith,
  legacyArchive,
  type Members,
  ociArchive,
  type Parts,
  partsOf,
} from '../../support/archive-bytes.js';
import { rawTar } from '../../support/tar-bytes.js';

const scratch = mkdtempSync(join(tmpdir(), 'plyfs-refusals-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

const layer = layerWith('etc/motd', 'hello');
const parts = partsOf(layer);
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

/** A right archive, spoiled. */
function spoiled(make: (parts: Parts) => Members, edit: (members: Members) => void): Buffer {
  const members = make(parts);
  edit(members);
  return archiveOf(members);
}

const manifestOf = (members: Members): Record<string, unknown>[] => JSON.parse(String(members.get('manifest.json')));
function editManifest(edit: (image: Record<string, unknown>) => void): Buffer {
  return spoiled(legacyArchive, (members) => {
    const list = manifestOf(members);
    edit(list[0]!);
    members.set('manifest.json', json(list));
  });
}

function editIndex(edit: (index: { manifests: Record<string, unknown>[] }) => void): Buffer {
  return spoiled(ociArchive, (members) => {
    const index = JSON.parse(String(members.get('index.json')));
    edit(index);
    members.set('index.json', json(index));
  });
}

const blobOfLayer = `blobs/sha256/${hexOf(layer)}`;
const other = layerWith('etc/motd', 'hullo');

/** What is wrong, the archive, and what the sentence must say. */
const refused: [string, Buffer, RegExp][] = [
  ['an empty file', Buffer.alloc(0), /is empty/],
  ['no tar at all', Buffer.from('x'.repeat(2000)), /no tar header/],
  ['a text file', Buffer.from('hello'), /cut off|no tar header/],
  ['xz', Buffer.concat([Buffer.from('\xfd7zXZ\0', 'latin1'), Buffer.alloc(100)]), /xz/],
  ['a cut off archive', archiveOf(legacyArchive(parts)).subarray(0, 3000), /cut off/],
  ['a cut off gzip', gzipSync(archiveOf(legacyArchive(parts))).subarray(0, 200), /cut off/],
  ['damaged gzip', damage(gzipSync(archiveOf(legacyArchive(parts))), 60), /gzip data/],
  [
    'manifest.json that is no JSON',
    spoiled(legacyArchive, (m) => m.set('manifest.json', Buffer.from('[{'))),
    /manifest.json in .* is not JSON/,
  ],
  ['manifest.json of the wrong shape', spoiled(legacyArchive, (m) => m.set('manifest.json', json({}))), /not a list of images/],
  [
    'manifest.json of 5 MiB',
    spoiled(legacyArchive, (m) => m.set('manifest.json', Buffer.alloc(5 << 20, ' '))),
    /limit is 4194304/,
  ],
  [
    'a config with too many layers',
    archiveOf(legacyArchive(partsOf(...Array.from({ length: 1001 }, () => layer)))),
    /diff_ids lists 1001 layers; the limit is 1000/,
  ],
  ['no image', spoiled(legacyArchive, (m) => m.set('manifest.json', json([]))), /names no image/],
  [
    'a config that is missing',
    editManifest((image) => {
      image.Config = 'nothing.json';
    }),
    /names the config nothing.json .* missing/,
  ],
  [
    'a config that climbs out',
    editManifest((image) => {
      image.Config = '../../etc/passwd';
    }),
    /outside/,
  ],
  [
    'a layer that is missing',
    editManifest((image) => {
      image.Layers = ['x/layer.tar'];
    }),
    /names the layer x\/layer.tar, which is missing/,
  ],
  [
    'too few layers',
    editManifest((image) => {
      image.Layers = [];
    }),
    /lists 0 layers, but .* has 1 diff_ids/,
  ],
  [
    'a tag that is none',
    editManifest((image) => {
      image.RepoTags = ['A B:1'];
    }),
    /invalid reference/,
  ],
  ['a layer of other bytes', spoiled(legacyArchive, (m) => replaceLayer(m, other)), /tar hashes to .* the config says/],
  ['a layer that is no tar', archiveOf(legacyArchive(partsOf(Buffer.from('x'.repeat(1024))))), /no tar header/],
  ['a layer that climbs out', archiveOf(legacyArchive(partsOf(rawTar({ name: '../../evil', data: 'x' })))), /climbs/],
  [
    'a hard link out of the image',
    archiveOf(legacyArchive(partsOf(rawTar({ name: 'l', type: '1', link: '../../etc/passwd' })))),
    /not in the image/,
  ],
  [
    'a hard link to a file that no lower layer has',
    archiveOf(legacyArchive(partsOf(layer, rawTar({ name: 'l', type: '1', link: 'etc/none' })))),
    /layer .*: the target "etc\/none" of the hard link "l" is not in the layers below/,
  ],
  [
    'a hard link to a lower directory',
    archiveOf(legacyArchive(partsOf(layer, rawTar({ name: 'l', type: '1', link: 'etc' })))),
    /the target "etc" of the hard link "l" is a directory there/,
  ],
  ['links that loop', spoiled(legacyArchive, (m) => loop(m)), /loop of links/],
  ['a link out of the archive', spoiled(legacyArchive, (m) => replaceLayer(m, { link: '/../../etc/passwd' })), /outside/],
  ['a name of 70 kB', longName(), /pathBytes|bytes, 65536/],
  ['an archive from before docker 1.10', spoiled(legacyArchive, (m) => m.delete('manifest.json')), /no manifest.json/],
  [
    'an index that is a manifest',
    spoiled(ociArchive, (m) => m.set('index.json', json({ schemaVersion: 2, layers: [], config: {} }))),
    /index.json/,
  ],
  ['an index with both', editIndex((index) => Object.assign(index, { layers: [] })), /both layers and manifests/],
  [
    'a missing manifest',
    editIndex((index) => {
      index.manifests[0]!.digest = digestOf('nothing');
    }),
    /names the document .* missing/,
  ],
  [
    'a manifest of another size',
    editIndex((index) => {
      index.manifests[0]!.size = 1;
    }),
    /size or digest differ/,
  ],
  ['a missing layer blob', spoiled(ociArchive, (m) => m.delete(blobOfLayer)), /names the layer .* missing/],
  ['a layer blob of other bytes', spoiled(ociArchive, (m) => m.set(blobOfLayer, other)), /hash/],
  [
    'a layer blob of another size',
    spoiled(ociArchive, (m) => m.set(blobOfLayer, Buffer.alloc(512))),
    /has 512 bytes, its descriptor says/,
  ],
  [
    'a layout of version 2',
    spoiled(ociArchive, (m) => m.set('oci-layout', json({ imageLayoutVersion: '2.0.0' }))),
    /version 2.0.0/,
  ],
  ['a root tar', rawTar({ name: 'etc', type: '5' }, { name: 'etc/motd', data: 'x' }), /use plyfs import/],
];

function damage(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.fill(0xff, at, at + 20);
  return copy;
}

function layerName(members: Members): string {
  return (manifestOf(members)[0]!.Layers as string[])[0]!;
}

function replaceLayer(members: Members, value: Buffer | { link: string }): void {
  members.set(layerName(members), value);
}

function loop(members: Members): void {
  const name = layerName(members);
  members.set(name, { link: `/${name}x` });
  members.set(`${name}x`, { link: `/${name}` });
}

function longName(): Buffer {
  return rawTar({ name: 'x', type: 'L', data: 'n'.repeat(70_000) }, { name: 'n' });
}

test('what is wrong with an archive is refused with a sentence, and the store stays as it was', async () => {
  const store = new Store(join(scratch, 'store'));
  const good = join(scratch, 'good.tar');
  writeFileSync(good, archiveOf(legacyArchive(partsOf(layerWith('good', 'good')))));
  await loadPath(store, good, { platform: undefined });
  const before = JSON.stringify([...store.catalog().images.keys()]);
  for (const [name, bytes, sentence] of refused) {
    const path = join(scratch, 'bad.tar');
    writeFileSync(path, bytes);
    await assert.rejects(loadPath(store, path, { platform: undefined }), sentence, name);
    assert.equal(JSON.stringify([...store.catalog().images.keys()]), before, name);
    assert.deepEqual(readdirSync(store.path('tmp')), [], name);
  }
  assert.equal((await pruneStore(store, false)).deleted.length, 0);
});

test('opening refuses what loading refuses, where it reads that far', async () => {
  const path = join(scratch, 'bad.tar');
  for (const [name, bytes, sentence] of refused) {
    // Opening in place does not hash plain layers, and a root tar is what it may be.
    if (['a layer of other bytes', 'a layer blob of other bytes', 'no image', 'a root tar'].includes(name)) continue;
    writeFileSync(path, bytes);
    await assert.rejects(openImage(path, { root: join(scratch, 'opened') }), sentence, name);
  }
});

test('names in a refusal neither reach the terminal as control characters nor fill it', async () => {
  const path = join(scratch, 'names.tar');
  const archive = editManifest((image) => {
    image.Config = `\x1b[2J\0${'n'.repeat(70_000)}`;
  });
  writeFileSync(path, archive);
  await assert.rejects(openImage(path), (error: Error) => {
    assert.match(error.message, /names the config \?\[2J\?n+…n+ of image 0, which is missing$/);
    return error.message.length < 1000;
  });
});

test('a list that names one image many thousand times costs what one does', { timeout: 20_000 }, async () => {
  const big = { ...parts, config: { ...parts.config, x: 'x'.repeat(3 << 20) } };
  const members = legacyArchive(big);
  members.set('manifest.json', json(Array.from({ length: 10_000 }, () => manifestOf(members)[0])));
  const index = ociArchive(big);
  const [listed] = JSON.parse(String(index.get('index.json'))).manifests;
  index.set('index.json', json({ schemaVersion: 2, manifests: Array.from({ length: 10_000 }, () => listed) }));
  for (const archive of [members, index]) {
    const path = join(scratch, 'many.tar');
    writeFileSync(path, archiveOf(archive));
    const store = new Store(join(scratch, 'many-store'));
    assert.equal((await loadPath(store, path, { platform: undefined })).length, 10_000);
    assert.equal(store.catalog().images.size, 1);
    using image = await openImage(path);
    assert.equal(image.id, [...store.catalog().images.keys()][0]);
  }
});

test('nothing is written outside the store', async () => {
  const path = join(scratch, 'evil.tar');
  writeFileSync(path, archiveOf(legacyArchive(partsOf(rawTar({ name: '../../../../tmp/plyfs-evil', data: 'x' })))));
  await assert.rejects(loadPath(new Store(join(scratch, 'a', 'b', 'store')), path, { platform: undefined }));
  assert.equal(existsSync('/tmp/plyfs-evil'), false);
});

test('of several images in an archive none is added when one is wrong', async () => {
  const members = legacyArchive(parts);
  const second = legacyArchive(partsOf(layerWith('b', 'b')), 'b:1');
  const list = [...manifestOf(members), ...manifestOf(second)];
  (list[1]!.Layers as string[])[0] = layerName(members);
  const both: Members = new Map([...members, ...second]);
  both.set('manifest.json', json(list));
  const path = join(scratch, 'two.tar');
  writeFileSync(path, archiveOf(both));
  const store = new Store(join(scratch, 'two-store'));
  await assert.rejects(loadPath(store, path, { platform: undefined }), /the config says/);
  assert.equal(store.catalog().images.size, 0);
});

test('a compressed layer that grows without end leaves nothing and takes bounded memory', { timeout: 60_000 }, async () => {
  const zeros = gzipSync(Buffer.alloc(64 << 20), { level: 9 });
  const path = join(scratch, 'bomb.tar');
  writeFileSync(path, archiveOf(legacyArchive({ ...parts, stored: [zeros] })));
  const store = new Store(join(scratch, 'bomb-store'));
  const before = process.memoryUsage().rss;
  await assert.rejects(loadPath(store, path, { platform: undefined }), /hashes to/);
  assert.ok(process.memoryUsage().rss - before < 300 << 20);
  assert.deepEqual(readdirSync(store.path('blobs/sha256')), []);
});

test('a layout directory does not lead out of itself', async () => {
  const directory = join(scratch, 'layout');
  for (const [name, bytes] of ociArchive(parts)) {
    mkdirSync(join(directory, name, '..'), { recursive: true });
    if (Buffer.isBuffer(bytes)) writeFileSync(join(directory, name), bytes);
  }
  rmSync(join(directory, blobOfLayer));
  writeFileSync(join(scratch, 'outside'), layer);
  symlinkSync(join(scratch, 'outside'), join(directory, blobOfLayer));
  await assert.rejects(loadPath(new Store(join(scratch, 'layout-store')), directory, { platform: undefined }), /outside it/);
});
