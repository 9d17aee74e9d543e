import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { dropContainer } from '../../../src/container/containers.js';
import { newContainer } from '../../../src/container/create.js';
import { locateContainerImage } from '../../../src/image/find/container-image.js';
import { findContainer, getContainer, listContainers, renameContainer } from '../../../src/store/containers.js';
import { removeImage } from '../../../src/store/images.js';
import { Store } from '../../../src/store/store.js';
import { dumpTree } from '../../support/dump.js';
import { needsRoot } from '../../support/scratch.js';
import { storeImage } from '../../support/stored-image.js';

const scratch = mkdtempSync(join(tmpdir(), 'plyfs-containers-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

let count = 0;
async function storeWithApp(...trees: string[]): Promise<Store> {
  const store = new Store(join(scratch, `store${++count}`));
  await storeImage(store, 'app:1', trees.length > 0 ? trees : ['file hosts = h']);
  return store;
}

test('a container is found by its name, its ID and the beginning of its ID, and listed newest first', async () => {
  const store = await storeWithApp();
  const web = await newContainer(store, 'app:1', 'web');
  const other = await newContainer(store, 'app:1', undefined);
  assert.equal(other.name, other.id.slice(0, 12));
  for (const text of ['web', web.id, web.id.slice(0, 8)]) assert.equal(findContainer(store, text)?.id, web.id, text);
  assert.equal(findContainer(store, 'we'), undefined);
  assert.deepEqual(new Set(listContainers(store).map(({ name }) => name)), new Set(['web', other.name]));
  assert.deepEqual(readdirSync(web.directory).sort(), ['container.json', 'upper', 'work']);
  assert.deepEqual(getContainer(store, 'web'), web);
});

test('the upper begins with the attributes and xattrs of the image root', { skip: needsRoot }, async () => {
  const store = await storeWithApp('dir . 0711 uid=7 gid=8 mtime=1000.5 xattr:user.k=v; file f = x');
  const web = await newContainer(store, 'app:1', 'web');
  const [root] = dumpTree(web.upper).lines;
  assert.deepEqual([root?.mode, root?.uid, root?.gid, root?.mtime], [0o711, 7, 8, '1000.500000000']);
  assert.equal(root?.xattrs.get('user.k')?.toString(), 'v');
});

test('an unknown image, a bad name and a taken name leave nothing behind', async () => {
  const store = await storeWithApp();
  await newContainer(store, 'app:1', 'web');
  await assert.rejects(newContainer(store, 'nowhere:1', 'a1'), /no such image: nowhere:1/);
  await assert.rejects(newContainer(store, 'app:1', '-x'), /"-x" cannot name a container/);
  await assert.rejects(newContainer(store, 'app:1', 'web'), /the name web is in use by container [0-9a-f]{12}/);
  assert.equal(listContainers(store).length, 1);
  assert.deepEqual(readdirSync(store.path('tmp')), []);
  assert.equal(readdirSync(store.path('uses')).length, 1);
});

test('an image with a container is not removed; by force it is, and the container keeps its layers', async () => {
  const store = await storeWithApp();
  const web = await newContainer(store, 'app:1', 'web');
  await assert.rejects(removeImage(store, 'app:1', false), /is used by container web/);
  await renameContainer(store, 'web', 'old');
  await assert.rejects(removeImage(store, 'app:1', false), /is used by container old/);
  await removeImage(store, 'app:1', true);
  const image = locateContainerImage(store, getContainer(store, 'old'));
  assert.equal(image.id, web.image.id);
  assert.ok(image.layers.every(({ location }) => existsSync(location.path)));
});

test('rename refuses a taken name, and rm removes the container and gives its image free', async () => {
  const store = await storeWithApp();
  const web = await newContainer(store, 'app:1', 'web');
  await newContainer(store, 'app:1', 'db');
  await assert.rejects(renameContainer(store, 'web', 'db'), /the name db is in use/);
  assert.match(readFileSync(join(web.directory, 'container.json'), 'utf8'), /"name": "web"/);
  for (const name of ['web', 'db']) await dropContainer(store, name, false);
  assert.deepEqual(listContainers(store), []);
  assert.equal(existsSync(web.directory), false);
  await removeImage(store, 'app:1', false);
  await assert.rejects(dropContainer(store, 'web', false), /no such container: web/);
});
