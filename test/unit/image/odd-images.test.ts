/** Images of the field that other tools read and the letter of the formats does not foresee: names, configs, members beside the image. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { loadPath } from '../../../src/image/load.js';
import { openImage } from '../../../src/image/open-image.js';
import { saveToFile } from '../../../src/image/save.js';
import { encodeDockerManifest, parseDockerManifest } from '../../../src/oci/docker-archive.js';
import { Store } from '../../../src/store/store.js';
import { archiveOf, digestOf, layerWith, type Members, ociArchive, partsOf } from '../../support/archive-bytes.js';

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
