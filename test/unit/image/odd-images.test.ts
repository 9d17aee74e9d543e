/** Images of the field that other tools read and the letter of the formats does not foresee: names, configs, members beside the image. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import type { Digest } from '../../../src/base/digest.js';
import { newContainer } from '../../../src/container/create.js';
import { listImages } from '../../../src/image/listing.js';
import { loadPath } from '../../../src/image/load.js';
import { commitUpper } from '../../../src/image/make/commit.js';
import { squashImage } from '../../../src/image/make/squash.js';
import { openImage } from '../../../src/image/open-image.js';
import { saveToFile } from '../../../src/image/save.js';
import { encodeDockerManifest, parseDockerManifest } from '../../../src/oci/docker-archive.js';
import { mediaTypes } from '../../../src/oci/media-types.js';
import { checkStore } from '../../../src/store/check.js';
import { getContainer } from '../../../src/store/containers.js';
import { collectGarbage } from '../../../src/store/gc.js';
import { getImage } from '../../../src/store/resolve.js';
import { Store } from '../../../src/store/store.js';
import {
  archiveOf,
  descriptor,
  digestOf,
  layerWith,
  legacyArchive,
  type Members,
  ociArchive,
  partsOf,
} from '../../support/archive-bytes.js';
import { rawTar } from '../../support/tar-bytes.js';

const scratch = mkdtempSync(join(tmpdir(), 'plyfs-odd-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

let count = 0;
const newStore = (): Store => new Store(join(scratch, `store${++count}`));
function write(members: Members): string {
  const path = join(scratch, `archive${++count}.tar`);
  writeFileSync(path, archiveOf(members));
  return path;
}
const everything = { platform: undefined };
const namesOf = async (store: Store, path: string) => (await loadPath(store, path, everything)).map(({ names }) => [...names]);

const base = layerWith('base', 'base');

/** The archive of one image whose index.json lists it once for each of these annotations. */
function listedAs(...annotations: Record<string, string>[]): Members {
  const members = ociArchive(partsOf(base));
  const index = JSON.parse(String(members.get('index.json')));
  const manifests = annotations.map((each) => ({ ...index.manifests[0], annotations: each }));
  return members.set('index.json', Buffer.from(JSON.stringify({ ...index, manifests })));
}

test('a name that is no reference is a name as it is written, and one image under two names is one', async () => {
  const odd = write(listedAs({ 'io.containerd.image.name': 'Odd Name!' }));
  assert.deepEqual(await namesOf(newStore(), odd), [[]]);
  using named = await openImage(`${odd}#Odd Name!`, { root: join(scratch, 'opened') });
  assert.equal(named.readFile('/base').toString(), 'base');
  const names = ['docker.io/library/a:1', 'docker.io/library/b:2', 'docker.io/team/c'];
  const two = write(listedAs(...names.map((name) => ({ 'io.containerd.image.name': name }))));
  using image = await openImage(two, { root: join(scratch, 'opened') });
  assert.equal(image.readFile('/base').toString(), 'base');
  assert.deepEqual(await namesOf(newStore(), two), [[names[0]], [names[1]], ['docker.io/team/c:latest']]);
});

test('an archive tells tags only: an image that is called by its digest has none, and is loaded again', async () => {
  const manifest = digestOf(base);
  const byDigest = write(listedAs({ 'io.containerd.image.name': `docker.io/library/hello@${manifest}` }));
  const both = write(listedAs({ 'io.containerd.image.name': `docker.io/library/hello:1@${manifest}` }));
  for (const [path, tags, name] of [
    [byDigest, null, `docker.io/library/hello@${manifest}`],
    [both, ['hello:1'], 'docker.io/library/hello:1'],
  ] as const) {
    const store = newStore();
    const [loaded] = await loadPath(store, path, everything);
    const saved = join(scratch, `saved${++count}.tar`);
    await saveToFile(store, [...loaded!.names], saved); // one image was written
    using image = await openImage(saved, { root: join(scratch, 'opened') });
    assert.equal(image.readFile('/base').toString(), 'base');
    const list = encodeDockerManifest([{ config: 'c', names: [...loaded!.names], layers: [] }]); // as above
    assert.deepEqual(JSON.parse(String(list))[0].RepoTags, tags, name);
  }
  const old = Buffer.from(JSON.stringify([{ Config: 'c', RepoTags: [`hello@${manifest}`], Layers: [] }]));
  assert.deepEqual(parseDockerManifest(old, 'm')[0]?.names, [`docker.io/library/hello@${manifest}`]);
});

/** An archive whose documents are in the order of `files`: names to text. */
function rootTar(...files: [name: string, data: string][]): string {
  const path = join(scratch, `root${++count}.tar`);
  writeFileSync(path, rawTar(...files.map(([name, data]) => ({ name, data }))));
  return path;
}

test('a root tar may have documents of its own, and an image archive a member called etc: what they say decides', async () => {
  for (const document of ['manifest.json', 'index.json', 'repositories', 'oci-layout']) {
    for (const text of ['{"name":"my site"}', '[]x', '{}', '[{"src":"icon.png"}]']) {
      using site = await openImage(rootTar([document, text], ['app.js', 'x']), { root: join(scratch, 'opened') });
      assert.equal(site.readFile(`/${document}`).toString(), text, `${document} ${text}`);
    }
  }
  const members = ociArchive(partsOf(base));
  const withEtc: Members = new Map([['etc/notes', Buffer.from('x')], ['usr', Buffer.from('y')], ...members]);
  using image = await openImage(write(withEtc), { root: join(scratch, 'opened') });
  assert.equal(image.readFile('/base').toString(), 'base');
  const broken = new Map(members).set('oci-layout', Buffer.from('?')).set('index.json', Buffer.from('?'));
  await assert.rejects(openImage(write(broken), { root: join(scratch, 'opened') }), /not JSON/);
});

test('a platform is asked for of every archive, and an image by a sha512 digest is verified', async () => {
  const arm = partsOf(base);
  Object.assign(arm.config, { architecture: 'arm64' });
  const path = write(legacyArchive(arm, 'app:1'));
  await assert.rejects(loadPath(newStore(), path, { platform: 'linux/s390x' }), /no image for linux\/s390x; it has linux\/arm64/);
  assert.equal((await loadPath(newStore(), path, { platform: 'linux/arm64' })).length, 1);

  const members = sha512Archive();
  const store = newStore();
  const [loaded] = await loadPath(store, layoutOf(members), everything);
  assert.match(loaded!.id, /^sha512:[0-9a-f]{128}$/);
  assert.deepEqual((await checkStore(store, false)).findings, []);
  using image = await openImage(loaded!.id, { root: store.root });
  assert.equal(image.readFile('/base').toString(), 'base');
  const [name, config] = [...members].find(([member]) => member.startsWith('blobs/sha512/'))!;
  const damaged = new Map(members).set(name, Buffer.from(String(config).replace('amd64', 'amd46')));
  await assert.rejects(loadPath(newStore(), layoutOf(damaged), everything), /not what its descriptor says/);
});

/** As a directory: names of 128 hex characters are too long for a plain tar. */
function layoutOf(members: Members): string {
  const directory = join(scratch, `layout${++count}`);
  for (const [name, data] of members) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), data as Buffer); // no links in it
  }
  return directory;
}

/** A layout whose config has a sha512 digest. */
function sha512Archive(): Members {
  const members = ociArchive(partsOf(base));
  const index = JSON.parse(String(members.get('index.json')));
  const manifestName = `blobs/sha256/${index.manifests[0].digest.slice(7)}`;
  const manifest = JSON.parse(String(members.get(manifestName)));
  const config = members.get(`blobs/sha256/${manifest.config.digest.slice(7)}`) as Buffer; // a file
  const hex = createHash('sha512').update(config).digest('hex');
  manifest.config.digest = `sha512:${hex}`;
  const bytes = Buffer.from(JSON.stringify(manifest));
  Object.assign(index.manifests[0], { digest: digestOf(bytes), size: bytes.length });
  members.delete(manifestName);
  return members
    .set(`blobs/sha512/${hex}`, config)
    .set(`blobs/sha256/${digestOf(bytes).slice(7)}`, bytes)
    .set('index.json', Buffer.from(JSON.stringify(index)));
}

test('a commit keeps what the base says to the digit, and a rootfs needs no type', async () => {
  const parts = partsOf(base);
  Object.assign(parts.config, { rootfs: { diff_ids: [digestOf(base)] }, 'x.build': 9007199254740993n, history: [{}, {}, {}] });
  const text = JSON.stringify(parts.config, (_key, value) => (typeof value === 'bigint' ? `#${value}#` : value)).replace(
    /"#(\d+)#"/,
    '$1',
  );
  const members = legacyArchive({ ...parts, config: JSON.parse(text) }, 'app:1');
  const rounded = [...members].find(([name]) => /^[0-9a-f]{64}\.json$/.test(name))!;
  members.set(rounded[0], Buffer.from(text));
  const store = newStore();
  await loadPath(store, write(members), everything);
  const { image } = getImage(store.catalog(), 'app:1');
  await squashImage(store, image, 'app:1', { reference: 'app:2', keep: 0, changes: ['CMD ["x"]'] });
  const id = getImage(store.catalog(), 'app:2').image.id;
  assert.match(store.blobs.readDocument(id, 1e6).toString(), /"x.build":9007199254740993[,}]/);
});

test('archives that were put together are refused, not read half; zeros after the end are no archive', async () => {
  const [one, two] = [archiveOf(legacyArchive(partsOf(base), 'one:1')), archiveOf(legacyArchive(partsOf(base), 'two:1'))];
  const path = join(scratch, 'together.tar');
  writeFileSync(path, Buffer.concat([one, Buffer.alloc(9 * 1024), two]));
  await assert.rejects(loadPath(newStore(), path, everything), /goes on after its end at byte \d+: load .* one by one/);
  writeFileSync(path, Buffer.concat([one, Buffer.alloc(300 * 1024)]));
  assert.deepEqual(await namesOf(newStore(), path), [['docker.io/library/one:1']]);
});

test('an image without layers is an empty tree, read and written', async () => {
  const store = newStore();
  await loadPath(store, write(legacyArchive(partsOf(), 'empty:1')), everything);
  using image = await openImage('empty:1', { root: store.root });
  assert.deepEqual([image.readdir('/'), [...image.walk()], image.stat('/').kind, image.layers.length], [[], [], 'dir', 0]);
  const { id } = await newContainer(store, image.id!, 'web');
  const { upper } = getContainer(store, id);
  writeFileSync(join(upper, 'f'), 'x');
  await commitUpper(store, upper, getImage(store.catalog(), 'empty:1').image, 'web', { reference: 'empty:2' });
  using committed = await openImage('empty:2', { root: store.root });
  assert.equal(committed.readFile('/f').toString(), 'x');
});

test('an image that is loaded by way of an index is known by the digest of the index', async () => {
  const members = ociArchive(partsOf(base));
  const outer = JSON.parse(String(members.get('index.json')));
  const inner = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: outer.manifests }));
  members.set(`blobs/sha256/${digestOf(inner).slice(7)}`, inner);
  const listed = {
    ...descriptor(mediaTypes.index, inner),
    annotations: { 'io.containerd.image.name': 'docker.io/library/by-index:1' },
  };
  members.set('index.json', Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [listed] })));
  const store = newStore();
  await loadPath(store, write(members), everything);
  assert.deepEqual(
    listImages(store).map(({ digest }) => digest),
    [digestOf(inner)],
  );
  await collectGarbage(store);
  assert.ok(store.blobs.has(digestOf(inner) as Digest)); // a digest's text
  assert.equal(
    getImage(store.catalog(), `by-index@${digestOf(inner)}`).image.id,
    store.catalog().names.get('docker.io/library/by-index:1'),
  );
});
