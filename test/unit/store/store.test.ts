import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Digest, sha256Of } from '../../../src/base/digest.js';
import { listImages } from '../../../src/image/listing.js';
import { chainIds } from '../../../src/oci/config.js';
import { mediaTypes } from '../../../src/oci/media-types.js';
import type { StoredImage } from '../../../src/store/catalog.js';
import { checkStore } from '../../../src/store/check.js';
import { collectGarbage } from '../../../src/store/gc.js';
import { pruneStore, removeImage, sharedAndUnique, tagImage } from '../../../src/store/images.js';
import { FileLock } from '../../../src/store/lock.js';
import { findImage } from '../../../src/store/resolve.js';
import { Store } from '../../../src/store/store.js';
import { listUses, putUse, removeUse } from '../../../src/store/uses.js';

const scratch = mkdtempSync(join(tmpdir(), 'plyfs-store-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

let count = 0;
const newStore = (): Store => new Store(join(scratch, `store${++count}`));

/** Adds an image of layers with these texts as content, as a load does. */
async function addImage(store: Store, name: string | undefined, ...layers: string[]): Promise<StoredImage> {
  using _lock = await store.lockForAdding();
  const put = (text: string): Digest => store.blobs.putDocument(Buffer.from(text), store.temporary());
  const stored = layers.map((text) => {
    const diffId = put(text);
    writeFileSync(store.blobs.indexPath(diffId), 'index');
    return {
      diffId,
      blob: diffId,
      mediaType: mediaTypes.layer,
      blobBytes: text.length,
      tarBytes: text.length,
      contentBytes: text.length,
    };
  });
  const image: StoredImage = {
    id: put(`config ${layers.join()}`),
    manifest: put(`manifest ${layers.join()}`),
    platform: 'linux/amd64',
    created: '2020-01-01T00:00:00Z',
    added: '2020-01-01T00:00:00Z',
    layers: stored,
    parent: undefined,
  };
  await store.change((catalog) => {
    catalog.images.set(image.id, image);
    if (name !== undefined) catalog.name(name, catalog.images.get(image.id)!, undefined);
  });
  return image;
}

test('a store that does not exist reads as empty and is not made by reading', () => {
  const store = newStore();
  assert.equal(store.catalog().images.size, 0);
  assert.equal(findImage(store.catalog(), 'busybox'), undefined);
  assert.equal(existsSync(store.root), false);
});

test('a store of another format is refused', async () => {
  const store = newStore();
  store.ensure();
  writeFileSync(store.path('format'), 'plyfs store 99\n');
  assert.throws(() => new Store(store.root), /plyfs store 99/);
});

test('an image is found by name, ID, prefix, and digest', async () => {
  const store = newStore();
  const image = await addImage(store, 'docker.io/library/app:1', 'a');
  const other = await addImage(store, 'ghcr.io/x/y:latest', 'b');
  const find = (text: string): Digest | undefined => findImage(store.catalog(), text)?.image.id;
  for (const text of [
    'app:1',
    'library/app:1',
    'docker.io/app:1',
    image.id,
    image.id.slice(7),
    image.id.slice(7, 19),
    image.manifest,
    `app@${image.manifest}`,
  ]) {
    assert.equal(find(text), image.id, text);
  }
  assert.equal(find('ghcr.io/x/y'), other.id);
  for (const text of ['app', 'app:2', `other@${image.manifest}`, 'f'.repeat(64)]) assert.equal(find(text), undefined, text);
  assert.throws(() => find('App'), /lower-case/);
});

test('shared layers stay until their last image goes; rmi follows docker', async () => {
  const store = newStore();
  const first = await addImage(store, 'docker.io/library/one:1', 'base', 'one');
  const second = await addImage(store, 'docker.io/library/two:1', 'base', 'two');
  await tagImage(store, 'one:1', 'other:x');
  assert.deepEqual(sharedAndUnique(store.catalog(), first), { sharedBytes: 4, uniqueBytes: 3 });

  await assert.rejects(removeImage(store, first.id, false), /several names \(one:1, other:x\)/);
  assert.deepEqual(await removeImage(store, 'one:1', false), { untagged: ['one:1'], deleted: undefined, layers: [] });
  const [, one] = chainIds(first.layers.map(({ diffId }) => diffId));
  assert.deepEqual(await removeImage(store, 'other:x', false), { untagged: ['other:x'], deleted: first.id, layers: [one] });
  assert.equal(store.blobs.has(sha256Of('one')), false);
  assert.equal(existsSync(store.blobs.indexPath(sha256Of('one'))), false);
  assert.equal(store.blobs.has(sha256Of('base')), true);
  await assert.rejects(removeImage(store, 'one:1', false), /no such image: one:1/);

  const { layers } = await removeImage(store, second.id.slice(7, 19), false);
  assert.deepEqual(layers, chainIds(second.layers.map(({ diffId }) => diffId)).reverse(), 'top first');
  assert.deepEqual(readdirSync(store.path('blobs/sha256')), []);
  assert.deepEqual(readdirSync(store.path('indexes')), []);
});

test('an image in use is not removed, and its user is named', async () => {
  const store = newStore();
  const image = await addImage(store, 'docker.io/library/app:1', 'a');
  const keeps = [image.id, ...image.layers.map((layer) => layer.diffId)];
  putUse(store, 'm1', { label: 'mount /mnt', image: image.id, keeps, pid: process.pid });
  await assert.rejects(removeImage(store, 'app:1', true), /used by mount \/mnt: end it first/);
  removeUse(store, 'm1');
  putUse(store, 'c1', { label: 'container web', image: image.id, keeps, pid: undefined });
  await assert.rejects(removeImage(store, 'app:1', false), /used by container web: remove it first, or use -f/);
  const { deleted, layers } = await removeImage(store, 'app:1', true);
  assert.deepEqual([deleted, layers], [image.id, []], 'its layer stays with the container');
  assert.equal(store.blobs.has(sha256Of('a')), true);
  await collectGarbage(store);
  assert.equal(store.blobs.has(sha256Of('a')), true);
  removeUse(store, 'c1');
  await collectGarbage(store);
  assert.equal(store.blobs.has(sha256Of('a')), false);
});

test('a use ends with its process', async () => {
  const store = newStore();
  const child = spawn('sleep', ['60']);
  putUse(store, 'm', { label: 'mount /x', image: sha256Of('i'), keeps: [], pid: child.pid! });
  assert.equal(listUses(store).length, 1);
  child.kill('SIGKILL');
  await new Promise((resolve) => child.once('exit', resolve));
  assert.deepEqual(listUses(store), []);
});

test('a use ends with its process, though nobody reaps it: a zombie uses nothing', async () => {
  const store = newStore();
  const parent = spawn('sh', ['-c', 'sleep 60 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(line);
    putUse(store, 'm', { label: 'mount /x', image: sha256Of('i'), keeps: [], pid });
    assert.equal(listUses(store).length, 1);
    process.kill(pid, 'SIGKILL');
    while (!/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'))) await sleep(5);
    assert.deepEqual(listUses(store), []);
  } finally {
    parent.kill('SIGKILL');
  }
});

test('a use whose process was gone when it was noted lasts no longer', () => {
  const store = newStore();
  putUse(store, 'm', { label: 'mount /x', image: sha256Of('i'), keeps: [], pid: 2 ** 22 + 1 });
  assert.deepEqual(listUses(store), []);
});

test('prune removes what a killed load left, and images without a name', async () => {
  const store = newStore();
  const kept = await addImage(store, 'docker.io/library/app:1', 'a');
  const dangling = await addImage(store, undefined, 'b');
  writeFileSync(store.temporary(), 'half a blob');
  assert.deepEqual((await checkStore(store, false)).unfinished, { files: 1, bytes: 11 });
  store.blobs.putDocument(Buffer.from('nobody needs this'), store.temporary());
  const { deleted, collected } = await pruneStore(store, false);
  assert.deepEqual(
    deleted.map((one) => one.deleted),
    [dangling.id],
  );
  assert.equal(collected.blobs.length, 4);
  assert.deepEqual(readdirSync(store.path('tmp')), []);
  assert.deepEqual((await checkStore(store, false)).unfinished, { files: 0, bytes: 0 });
  assert.deepEqual([...store.catalog().images.keys()], [kept.id]);
  assert.deepEqual((await checkStore(store, false)).findings, []);
});

test('garbage collection waits for those who add; rmi does not', async () => {
  const store = newStore();
  await addImage(store, 'docker.io/library/app:1', 'a');
  const lock = await store.lockForAdding();
  assert.equal(FileLock.tryTake(store.path('adding'), 'exclusive'), undefined);
  assert.notEqual((await removeImage(store, 'app:1', false)).deleted, undefined);
  assert.equal(store.blobs.has(sha256Of('a')), true);
  lock[Symbol.dispose]();
  await collectGarbage(store);
  assert.equal(store.blobs.has(sha256Of('a')), false);
});

test('many changes at once are all kept', async () => {
  const store = newStore();
  await Promise.all(Array.from({ length: 12 }, (_, i) => addImage(store, `docker.io/library/app:${i}`, 'base', `layer ${i}`)));
  assert.equal(store.catalog().names.size, 12);
  assert.equal(store.catalog().images.size, 12);
});

test('a change that throws changes nothing', async () => {
  const store = newStore();
  await addImage(store, 'docker.io/library/app:1', 'a');
  await assert.rejects(
    store.change((catalog) => {
      catalog.images.clear();
      throw new Error('no');
    }),
  );
  assert.equal(store.catalog().images.size, 1);
});

test('check finds a damaged blob and an image that lacks one; repair removes both', async () => {
  const store = newStore();
  await addImage(store, 'docker.io/library/app:1', 'a');
  const whole = await addImage(store, 'docker.io/library/app:2', 'b');
  writeFileSync(store.blobs.path(sha256Of('a')), 'A');
  await store.change((catalog) => catalog.name('docker.io/library/lost:1', { ...whole, id: sha256Of('nothing') }, undefined));
  const kinds = (result: { findings: readonly { kind: string }[] }): string[] =>
    result.findings.map((finding) => finding.kind).sort();
  assert.deepEqual(kinds(await checkStore(store, false)), ['damaged-blob', 'lost-name', 'missing-blob']);
  assert.deepEqual(kinds(await checkStore(store, true)), ['damaged-blob', 'lost-name', 'missing-blob']);
  assert.deepEqual(kinds(await checkStore(store, false)), []);
  assert.deepEqual([...store.catalog().names.values()], [whole.id]);
});

test('a damaged document is not read', async () => {
  const store = newStore();
  const image = await addImage(store, undefined, 'a');
  writeFileSync(store.blobs.path(image.id), 'other');
  assert.throws(() => store.blobs.readDocument(image.id, 1000), /damaged/);
  assert.throws(() => store.blobs.readDocument(image.manifest, 3), /the limit is 3/);
});

test('a nameless image that another was committed from is listed with the others only when all are asked for', async () => {
  const store = newStore();
  const base = await addImage(store, undefined, 'a');
  const child = await addImage(store, 'docker.io/library/app:1', 'a', 'b');
  const ids = (all: boolean) => listImages(store, all).map(({ id }) => id);
  assert.deepEqual(ids(false).sort(), [base.id, child.id].sort());
  await store.change((catalog) => catalog.images.set(child.id, { ...child, parent: base.id }));
  assert.deepEqual(ids(false), [child.id]);
  assert.deepEqual(ids(true).sort(), [base.id, child.id].sort());
});

const canLeaveRoot = process.getuid?.() === 0 && spawnSync('setpriv', ['--reuid=65534', 'unshare', '-Ur', 'true']).status === 0;

test("root of an ordinary user's namespace has that user's store", {
  skip: canLeaveRoot ? false : 'needs root, setpriv and user namespaces',
}, () => {
  const module = new URL('../../../src/store/store.js', import.meta.url).href;
  const print = ['-e', `import('${module}').then(({ defaultRoot }) => console.log(defaultRoot()))`];
  const env = { PATH: process.env.PATH, HOME: '/home/somebody' };
  const rootAs = (...words: string[]) =>
    spawnSync(words[0]!, [...words.slice(1), ...print], { env, encoding: 'utf8', cwd: '/' }).stdout.trim();
  const asNobody = ['setpriv', '--reuid=65534', '--clear-groups'];
  assert.equal(rootAs(process.execPath), '/var/lib/plyfs');
  assert.equal(rootAs(...asNobody, process.execPath), '/home/somebody/.local/share/plyfs');
  assert.equal(rootAs(...asNobody, 'unshare', '-Ur', process.execPath), '/home/somebody/.local/share/plyfs');
});
