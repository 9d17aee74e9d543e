/** A disk that is full in the middle of making an image: a sentence, and a store as it was; with room again it is made. */

import assert from 'node:assert/strict';
import { readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { PlyfsError } from '../../../src/base/errors.js';
import { newContainer } from '../../../src/container/create.js';
import { commitUpper } from '../../../src/image/make/commit.js';
import { importPath } from '../../../src/image/make/import.js';
import { rebaseImage } from '../../../src/image/make/rebase.js';
import { squashImage } from '../../../src/image/make/squash.js';
import { type Container, getContainer } from '../../../src/store/containers.js';
import { getImage } from '../../../src/store/resolve.js';
import { Store } from '../../../src/store/store.js';
import { onDisk } from '../../support/engine-stage.js';
import { buildTree } from '../../support/fixture.js';
import { needsRoot } from '../../support/scratch.js';
import { storeImage } from '../../support/stored-image.js';

const makers: Readonly<Record<string, (store: Store, web: Container) => Promise<unknown>>> = {
  commit: (store, web) => commitUpper(store, web.upper, web.image, 'web', { reference: 'app:2' }),
  'commit of a held upper': (store, web) =>
    commitUpper(store, web.upper, web.image, 'web', { reference: 'app:2', whileStill: (read) => read(false) }),
  squash: (store, { image }) => squashImage(store, image, 'app:1', { keep: 0, reference: 'app:2' }),
  rebase: (store, { image }) =>
    rebaseImage(store, image, image, { imageName: 'app:1', baseName: 'app:1', from: '1', reference: 'app:2' }),
  import: (store, { upper }) => importPath(store, upper, { reference: 'app:2' }),
};

/** All that is in the store but its containers and locks. */
function filesOf(root: string): string[] {
  const names = readdirSync(root, { recursive: true, encoding: 'utf8' });
  return names.filter((name) => !name.startsWith('containers') && !['lock', 'adding'].includes(name)).sort();
}

for (const [name, make] of Object.entries(makers)) {
  test(`${name}: a full disk, whenever it is full, leaves the store as it was`, { skip: needsRoot }, () =>
    onDisk('tmpfs', 'size=8m', async (disk) => {
      const store = new Store(join(disk, 'store'));
      await storeImage(store, 'app:1', ['file a = a', 'file b size=200000 at=100 = b']);
      await newContainer(store, 'app:1', 'web');
      const web = getContainer(store, 'web');
      buildTree(web.upper, 'file c size=300000 at=7 = c; dir d; file d/e = e');
      const before = filesOf(store.root);
      let failures = 0;
      for (let roomBytes = 0; ; roomBytes = roomBytes < 40_960 ? roomBytes + 4096 : roomBytes * 2) {
        const { bavail, bsize } = statfsSync(disk);
        writeFileSync(join(disk, 'filler'), Buffer.alloc(Math.max(bavail * bsize - roomBytes, 0)));
        try {
          await make(store, web);
          break;
        } catch (error) {
          assert.ok(error instanceof PlyfsError && error.code === 'store', String(error));
          assert.match(error.message, /cannot be written \(its disk is full\): nothing has changed/);
          failures++;
        } finally {
          rmSync(join(disk, 'filler'));
        }
        assert.deepEqual(filesOf(store.root), before);
      }
      assert.ok(failures > 1);
      assert.equal(getImage(store.catalog(), 'app:2').image.layers.length > 0, true);
    }),
  );
}
