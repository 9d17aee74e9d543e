/** Commits of an upper that goes on changing: the image is the upper as it was while its writers were held. */

import assert from 'node:assert/strict';
import {
  appendFileSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Name } from '../../../../src/base/name.js';
import { newContainer } from '../../../../src/container/create.js';
import { openTreeOf } from '../../../../src/image/find/open-tree.js';
import { commitUpper } from '../../../../src/image/make/commit.js';
import type { WhileStill } from '../../../../src/image/make/still-layer.js';
import type { Container } from '../../../../src/store/containers.js';
import { Store } from '../../../../src/store/store.js';
import { clone } from '../../../../src/sys/file.js';
import { buildTree } from '../../../support/fixture.js';
import { assertSameTree } from '../../../support/same-tree.js';
import { needsRoot, openDescriptors } from '../../../support/scratch.js';
import { storeImage } from '../../../support/stored-image.js';

const scratch = mkdtempSync(join(tmpdir(), 'plyfs-still-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

let count = 0;
const large = 300_000;

async function newUpper(): Promise<[Store, Container]> {
  const store = new Store(join(scratch, `store${++count}`));
  await storeImage(store, 'app:1', [
    'dir etc mtime=5.0; file etc/a mtime=5.0 = a; file etc/gone mtime=5.0 = g; dir usr mtime=5.0; file usr/u mtime=5.0 = u',
  ]);
  const container = await newContainer(store, 'app:1', 'web');
  buildTree(
    container.upper,
    `dir etc mtime=6.0; file etc/a xattr:user.k=1 mtime=6.0 = A; whiteout etc/gone; symlink etc/l mtime=6.0 -> a; dir new mtime=6.0
    file new/large size=${large} at=100 mtime=6.0 = x; link new/also -> new/large; file new/s size=9000000 at=4000000 mtime=6.0 = middle; dir usr mtime=5.0
    file usr/u mtime=5.0 = u`,
  );
  return [store, container];
}

/** Whether the disk shares blocks: then a file is not read again. */
const clones = canClone();

function canClone(): boolean {
  const [a, b] = ['a', 'b'].map((name) => openSync(join(scratch, name), 'w+'));
  try {
    return clone(a!, b!); // two names were given
  } finally {
    for (const fd of [a!, b!]) closeSync(fd);
  }
}

/** After the hold with this number (from 1) `change` is made. */
function changing(
  changes: Readonly<Record<number, () => void>>,
  passes = false,
): { whileStill: WhileStill; holds: () => number } {
  let holds = 0;
  return {
    whileStill: async (read) => {
      const result = await read(passes);
      changes[++holds]?.();
      return result;
    },
    holds: () => holds,
  };
}

/** Long enough ago for a change to be seen. */
function rest(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 60));
}

test('metadata, names and small files are those of the hold, whatever happens after it', { skip: needsRoot }, async () => {
  const [store, { upper, image }] = await newUpper();
  await rest();
  const expected = await commitUpper(store, upper, image, 'web', { reference: 'app:expected' });
  const { whileStill, holds } = changing({
    1: () => {
      writeFileSync(join(upper, 'etc/a'), 'later');
      rmSync(join(upper, 'etc/l'));
      mkdirSync(join(upper, 'more'));
      renameSync(join(upper, 'etc'), join(upper, 'moved'));
    },
  });
  const before = openDescriptors();
  const committed = await commitUpper(store, upper, image, 'web', { reference: 'app:2', whileStill });
  assert.deepEqual([committed.warnings, committed.layer?.diffId, holds()], [[], expected.layer?.diffId, 1]);
  assert.equal(openDescriptors(), before);
  await assertSameTree(store, 'app:expected', 'app:2', 'the state of the hold');
});

for (const { name, change } of [
  { name: 'written to', change: (file: string) => writeFileSync(file, Buffer.alloc(large, 'y')) },
  { name: 'appended to', change: (file: string) => appendFileSync(file, 'more') },
  { name: 'cut', change: (file: string) => truncateSync(file, 10) },
  { name: 'replaced and removed', change: (file: string) => renameSync(file, `${file}.new`) },
]) {
  test(`a large file that is ${name} before it is read: everything is taken again, as one state`, {
    skip: needsRoot,
  }, async () => {
    const [store, { upper, image }] = await newUpper();
    await rest();
    await commitUpper(store, upper, image, 'web', { reference: 'app:first' });
    const file = join(upper, 'new/large');
    const { whileStill, holds } = changing({
      1: () => {
        writeFileSync(join(upper, 'etc/a'), 'with it');
        change(file);
      },
    });
    await commitUpper(store, upper, image, 'web', { reference: 'app:2', whileStill });
    assert.equal(holds(), clones ? 1 : 2);
    await assertSameTree(store, clones ? 'app:first' : 'web', 'app:2', 'the state of the last hold');
    assert.deepEqual(readdirSync(store.path('tmp')), []);
  });
}

test('what was quiet before the hold is read after it, and taken again where it has changed since, vanished or become something else', {
  skip: needsRoot,
}, async () => {
  const [store, { upper, image }] = await newUpper();
  await new Promise((resolve) => setTimeout(resolve, 2_200));
  const still = changing({});
  const { layer } = await commitUpper(store, upper, image, 'web', { reference: 'app:2', whileStill: still.whileStill });
  assert.equal(still.holds(), 1);
  assert.equal(layer?.diffId, (await commitUpper(store, upper, image, 'web')).layer?.diffId);
  await assertSameTree(store, 'web', 'app:2', 'nothing has changed');
  const { whileStill, holds } = changing({
    1: () => writeFileSync(join(upper, 'etc/a'), 'B'),
    2: () => {
      rmSync(join(upper, 'new/s'));
      mkdirSync(join(upper, 'new/s'));
      rmSync(join(upper, 'etc/l'));
    },
  });
  const { warnings } = await commitUpper(store, upper, image, 'web', { reference: 'app:3', whileStill });
  assert.deepEqual([holds(), warnings], [3, []]);
  await assertSameTree(store, 'web', 'app:3', 'the last state');
});

test('files that are written to after every hold are copied in the end, and the image is one state', {
  skip: needsRoot,
}, async () => {
  const [store, { upper, image }] = await newUpper();
  const state = (n: number) => () => {
    for (const file of ['new/large', 'new/second']) writeFileSync(join(upper, file), Buffer.alloc(large, `${n}`));
  };
  state(0)();
  await rest();
  const { whileStill, holds } = changing({ 1: state(1), 2: state(2), 3: state(3), 4: state(4), 5: state(5) });
  await commitUpper(store, upper, image, 'web', { reference: 'app:2', whileStill });
  assert.ok(holds() <= 4);
  const { tree, close } = await openTreeOf(store, 'app:2');
  const [one, other] = ['new/large', 'new/second'].map((path) => tree.readAll(tree.get(path as Name)).toString('latin1'));
  close();
  assert.equal(one, Buffer.alloc(large, `${holds() - 1}`).toString('latin1'));
  assert.equal(other, one);
});

test('files that are written to past the daemon during the hold are taken again in it, or the commit says that they never rest', {
  skip: needsRoot,
}, async () => {
  const [store, { upper, image }] = await newUpper();
  const write = (text: string) => writeFileSync(join(upper, 'etc/a'), text);
  let written = 0;
  const timer = setInterval(() => write(`${++written}`), 5);
  try {
    const always = changing({}, true);
    await assert.rejects(
      commitUpper(store, upper, image, 'web', { reference: 'app:2', whileStill: always.whileStill }),
      /web is mounted with io=passthrough, and \/etc\/a is written to all the time.*--pause=false/,
    );
  } finally {
    clearInterval(timer);
  }
  assert.equal(store.catalog().images.size, 1);
  assert.deepEqual(readdirSync(store.path('tmp')), []);
  write('before');
  const whileStill: WhileStill = (read) => {
    const result = read(true);
    write('during');
    return result;
  };
  await commitUpper(store, upper, image, 'web', { reference: 'app:2', whileStill });
  await assertSameTree(store, 'web', 'app:2', 'the state in which nobody wrote');
});
