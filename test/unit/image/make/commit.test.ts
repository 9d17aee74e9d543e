import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { errno } from '../../../../src/base/errno.js';
import { FsError } from '../../../../src/base/errors.js';
import { newContainer } from '../../../../src/container/create.js';
import { applyChanges } from '../../../../src/dockerfile/instructions.js';
import { diffTrees } from '../../../../src/image/changes/diff.js';
import { locateContainerImage } from '../../../../src/image/find/container-image.js';
import { openUpper } from '../../../../src/image/find/open-tree.js';
import { type CommitOptions, type Committed, commitUpper } from '../../../../src/image/make/commit.js';
import { LayerTar } from '../../../../src/image/make/layer-writer.js';
import { readStoredConfig } from '../../../../src/image/stack/stored-config.js';
import { type Container, getContainer } from '../../../../src/store/containers.js';
import { getImage } from '../../../../src/store/resolve.js';
import { Store } from '../../../../src/store/store.js';
import { TarParser } from '../../../../src/tar/parser.js';
import { buildTree, type Spelling, spellings } from '../../../support/fixture.js';
import { assertSameTree } from '../../../support/same-tree.js';
import { needsRoot } from '../../../support/scratch.js';
import { storeImage } from '../../../support/stored-image.js';

const scratch = mkdtempSync(join(tmpdir(), 'plyfs-commit-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

let count = 0;

async function containerOf(
  layers: readonly string[],
  upper: string,
  spelling: Spelling = 'trusted',
): Promise<[Store, Container]> {
  const store = new Store(join(scratch, `store${++count}`));
  await storeImage(store, 'app:1', layers);
  const container = await newContainer(store, 'app:1', 'web');
  buildTree(container.upper, upper, spelling);
  return [store, container];
}

function commit(store: Store, container: Container, options: CommitOptions = {}): Promise<Committed> {
  return commitUpper(store, container.upper, container.image, 'web', { reference: 'app:2', ...options });
}

async function entriesOf(store: Store, committed: Committed): Promise<string[]> {
  const lines: string[] = [];
  const parser = new TarParser((entry) => {
    lines.push(`${entry.type} ${entry.path}${entry.link === '' ? '' : ` -> ${entry.link}`}`);
  });
  for await (const chunk of store.blobs.read(committed.layer!.diffId)) parser.push(Buffer.from(chunk));
  return lines;
}

const base = `dir etc mtime=1000.0; file etc/hosts mtime=1000.0 = hosts; file etc/motd mtime=1000.0 = motd
dir usr mtime=1000.0; dir usr/bin mtime=1000.0; file usr/bin/a mtime=1000.0 = a; link usr/bin/a2 -> usr/bin/a
symlink lib mtime=1000.0 -> usr/lib; dir deep mtime=1000.0; dir deep/er mtime=1000.0; file deep/er/f mtime=1000.0 = f`;

const uppers: readonly { name: string; upper: string; only?: readonly Spelling[] }[] = [
  {
    name: 'added and changed files',
    upper: 'dir etc mtime=5.0; file etc/new mtime=7.0 = n; file etc/hosts 0600 uid=3 gid=4 mtime=8.0 = H',
  },
  { name: 'deletions', upper: 'dir etc mtime=5.0; whiteout etc/motd; whiteout usr; whiteout lib' },
  { name: 'a replaced directory', upper: 'dir deep mtime=9.0; opaque deep; dir deep/er mtime=9.0; file deep/er/g mtime=9.0 = g' },
  {
    name: 'a replaced directory in one that was replaced',
    upper: 'opaque deep; dir deep mtime=9.0; opaque deep/er; dir deep/er mtime=8.0; file deep/er/f mtime=9.0 = f',
  },
  {
    name: 'kinds that change',
    upper: 'dir lib mtime=5.0; file lib/x mtime=5.0 = x; file usr mtime=5.0 = u; symlink deep mtime=5.0 -> etc',
  },
  {
    name: 'every kind of object',
    upper: `dir d 01777 uid=1000 gid=70000000 mtime=-5.0; chr d/null 0666 1:3 mtime=6.0; blk d/disk 8:4097 mtime=6.0; fifo d/pipe mtime=6.0
      symlink d/l mtime=6.0 -> /a\\x20b\\xff; file d/s 04755 mtime=6.0 = s; file d/\\xe9\\x0a mtime=6.0 = n; file d/empty mtime=6.0`,
  },
  { name: 'hard links', upper: 'dir d mtime=5.0; file d/b mtime=6.0 = b; link d/a -> d/b; dir e mtime=5.0; link e/c -> d/b' },
  {
    name: 'a changed file with two names',
    upper: 'dir usr mtime=1000.0; dir usr/bin mtime=1000.0; file usr/bin/a mtime=9.0 = A; link usr/bin/a2 -> usr/bin/a',
  },
  { name: 'one of two names changed', upper: 'dir usr mtime=1000.0; dir usr/bin mtime=1000.0; file usr/bin/a mtime=9.0 = A' },
  { name: 'a sparse file', upper: 'file big size=33554432 at=16777216 mtime=6.0 = middle; file tail size=1048576 mtime=6.0' },
  {
    name: 'xattrs and ACLs',
    upper: `dir d mtime=5.0 xattr:user.d=1 default-acl=u::rwx,u:7:r-x,g::r-x,m::r-x,o::---
      file d/f mtime=6.0 xattr:user.k=v\\x00w xattr:trusted.t=1 acl=u::rw-,u:7:r--,g::r--,m::r--,o::--- = x`,
  },
  {
    name: 'a moved directory',
    upper: 'whiteout usr; redirect other -> /usr; dir other mtime=5.0; dir other/bin mtime=5.0; file other/bin/n mtime=6.0 = n',
    only: ['trusted', 'user'],
  },
  {
    name: 'a directory moved onto another',
    upper: 'whiteout usr; redirect deep -> /usr; dir deep mtime=5.0',
    only: ['trusted', 'user'],
  },
  { name: 'a changed root', upper: 'dir . 0700 uid=5 gid=6 mtime=5.0 xattr:user.r=1; file f mtime=5.0 = f' },
];

for (const { name, upper, only } of uppers) {
  test(`commit: ${name}: the image is the same tree, and the same layer for every spelling`, { skip: needsRoot }, async () => {
    const diffIds = new Set<string>();
    for (const spelling of only ?? spellings) {
      const [store, container] = await containerOf([base], upper, spelling);
      // Seconds, which a layer keeps.
      buildTree(
        container.upper,
        'dir . mtime=4000.0'.replace('dir .', upper.includes('dir .') ? 'dir . 0700 uid=5 gid=6' : 'dir .'),
      );
      const committed = await commit(store, container);
      assert.deepEqual(committed.warnings, []);
      await assertSameTree(store, 'web', 'app:2', spelling);
      diffIds.add(committed.layer!.diffId);
      if (diffIds.size > 1 || spelling !== (only ?? spellings)[0]) continue;
      const explicit = await commit(store, container, { explicitWhiteouts: true, reference: 'app:3' });
      await assertSameTree(store, 'web', 'app:3', `${spelling}, explicit`);
      assert.ok(!(await entriesOf(store, explicit)).some((line) => line.includes('.wh..wh..opq')));
      assert.equal((await commit(store, container)).layer?.diffId, committed.layer?.diffId, 'committed again');
    }
    assert.equal(diffIds.size, 1);
  });
}

test('the order in a layer: parents first, then the opaque mark, then whiteouts, then names by their bytes', {
  skip: needsRoot,
}, async () => {
  const [store, container] = await containerOf(
    [base],
    'dir etc; whiteout etc/motd; file etc/a.b = x; dir etc/a; file etc/a/z = z; opaque deep; file deep/n = n; file new = n',
  );
  assert.deepEqual(await entriesOf(store, await commit(store, container)), [
    ...['dir ./', 'dir deep/', 'file deep/.wh..wh..opq', 'file deep/n'],
    ...['dir etc/', 'file etc/.wh.motd', 'dir etc/a/', 'file etc/a/z', 'file etc/a.b', 'file new'],
  ]);
});

test('what was copied up and not changed stays out of the layer', { skip: needsRoot }, async () => {
  const upper = 'dir etc mtime=1000.0; file etc/hosts mtime=1000.0 = hosts; dir usr mtime=1000.0; file usr/n mtime=5.0 = n';
  const [store, container] = await containerOf([base], upper);
  const lines = await entriesOf(store, await commit(store, container));
  assert.deepEqual(
    lines.filter((line) => line !== 'dir ./'),
    ['dir usr/', 'file usr/n'],
  );
});

test('a file of the same size and second with other bytes is a change', { skip: needsRoot }, async () => {
  const [store, container] = await containerOf([base], 'dir etc mtime=1000.0; file etc/hosts mtime=1000.0 = HOSTS');
  assert.ok((await entriesOf(store, await commit(store, container))).includes('file etc/hosts'));
});

test('no change: no layer, an empty_layer step, and the parent as it was', { skip: needsRoot }, async () => {
  const [store, container] = await containerOf([base], '');
  const before = store.blobs.readDocument(container.image.id, 1e6);
  const committed = await commit(store, container, { message: 'nothing', author: 'xiao' });
  assert.equal(committed.layer, undefined);
  const config = readStoredConfig(store, committed.id);
  assert.equal(config.diffIds.length, 1);
  const last = config.history.at(-1);
  assert.deepEqual([config.history.length, last?.isEmptyLayer, last?.comment, last?.author], [2, true, 'nothing', 'xiao']);
  assert.equal(last?.createdBy, '/bin/sh');
  assert.deepEqual(store.blobs.readDocument(container.image.id, 1e6), before);
  assert.deepEqual(readdirSync(store.path('tmp')), []);
});

test('the config is the parent with the changes; with SOURCE_DATE_EPOCH the ID is always the same', {
  skip: needsRoot,
}, async () => {
  process.env.SOURCE_DATE_EPOCH = '1700000000';
  try {
    const ids = new Set<string>();
    for (let i = 0; i < 2; i++) {
      const [store, container] = await containerOf([base], 'dir etc mtime=1000.0; file etc/x = x');
      const { id } = await commit(store, container, { changes: ['CMD ["nginx"]', 'ENV A=b PATH=$PATH:/opt', 'WORKDIR srv'] });
      const { document } = readStoredConfig(store, id);
      assert.deepEqual(document.config, { Env: ['PATH=/bin:/opt', 'A=b'], Cmd: ['nginx'], WorkingDir: '/srv' });
      assert.equal(document.created, '2023-11-14T22:13:20.000Z');
      assert.equal(getImage(store.catalog(), 'app:2').image.parent, container.image.id);
      ids.add(id);
    }
    assert.equal(ids.size, 1);
  } finally {
    delete process.env.SOURCE_DATE_EPOCH;
  }
});

test('a socket is left out with a warning, and hides what it replaced', { skip: needsRoot }, async () => {
  const [store, container] = await containerOf([base], 'dir etc mtime=1000.0; sock etc/motd; sock etc/s');
  const committed = await commit(store, container);
  assert.equal(committed.warnings.length, 2);
  assert.match(committed.warnings[0]!, /etc\/motd of web is a socket/);
  assert.ok((await entriesOf(store, committed)).includes('file etc/.wh.motd'));
});

test('a refused commit leaves nothing: a bad name, a bad change, a metacopy file, a marker that names nothing', {
  skip: needsRoot,
}, async () => {
  const [store, container] = await containerOf([base], 'dir etc; file etc/m xattr:trusted.overlay.metacopy= = x');
  await assert.rejects(commit(store, container, { reference: 'App' }), /App/);
  await assert.rejects(commit(store, container), /etc\/m of web cannot be read: .*metacopy/);
  rmSync(join(container.upper, 'etc/m'));
  await assert.rejects(commit(store, container, { changes: ['RUN ls'] }), /RUN is not allowed in a change/);
  buildTree(container.upper, 'file etc/.wh.. = x');
  await assert.rejects(commit(store, container), /etc of web holds a name that begins with .wh. and hides nothing/);
  assert.equal(store.catalog().images.size, 1);
  assert.deepEqual(readdirSync(store.path('tmp')), []);
  assert.equal(getContainer(store, 'web').image.id, container.image.id);
});

for (const { name, mark } of [
  { name: 'of an upper that was mounted with wh_names=allow', mark: true },
  { name: 'that are more than the empty file of a whiteout', mark: false },
]) {
  test(`files whose names begin with .wh. ${name} are listed, and nothing is committed`, { skip: needsRoot }, async () => {
    const attribute = mark ? 'dir . xattr:trusted.overlay.plyfs.wh_names=y;' : '';
    const [store, container] = await containerOf(
      [base],
      `${attribute} dir etc; file etc/.wh.hosts = x; dir .wh.d; file other = o`,
    );
    await assert.rejects(
      commit(store, container),
      /web holds files whose names begin with \.wh\., which an image cannot keep: rename or remove \/\.wh\.d, \/etc\/\.wh\.hosts$/,
    );
    assert.equal(store.catalog().images.size, 1);
    assert.deepEqual(readdirSync(store.path('tmp')), []);
    const { tree, base: image, close } = await openUpper(store, container.upper, locateContainerImage(store, container), 'web');
    const listed = diffTrees(image, tree, 'upper').map(({ kind, path }) => `${kind} ${path}`);
    close();
    assert.equal(listed.includes('A etc/.wh.hosts'), mark);
    assert.equal(listed.includes('D etc/hosts'), !mark);
  });
}

test('a file that vanishes before it is read is told, and its other names are no links to nothing', {
  skip: needsRoot,
}, async () => {
  const [store, container] = await containerOf([base], 'dir d; file d/a = a; link d/b -> d/a; link d/c -> d/a; file d/z = z');
  const { tree, base: image, close } = await openUpper(store, container.upper, locateContainerImage(store, container), 'web');
  const open = tree.open.bind(tree);
  let opened = 0;
  tree.open = (node) => {
    if (opened++ === 0) throw new FsError(errno.ENOENT, 'a has vanished');
    return open(node);
  };
  const tar = new LayerTar(image, tree, {});
  const parts: Buffer[] = [];
  for (const chunk of tar.chunks()) parts.push(Buffer.from(chunk));
  close();
  assert.deepEqual(tar.warnings, ['/d/a of web vanished while the upper was read']);
  const lines: string[] = [];
  new TarParser((entry) => {
    lines.push(`${entry.type} ${entry.path} ${entry.link}`.trimEnd());
  }).push(Buffer.concat(parts));
  assert.deepEqual(lines.slice(-3), ['file d/b', 'hardlink d/c d/b', 'file d/z']);
});

test('changes are read as a Dockerfile: lines that go on, comments and empty lines between, quoted keys', () => {
  for (const [changes, expected] of [
    [['LABEL "x y"="1 \\\n2" \\\n# a comment\n\n  b=2'], { Labels: { 'x y': '1 2', b: '2' } }],
    [['  # a comment', 'ENV A="b c" D=e\\ f \\ \r\n G=h'], { Env: ['A=b c', 'D=e f', 'G=h'] }],
    [['LABEL a=1 \\', 'b=2'], { Labels: { a: '1', b: '2' } }],
    [['USER u\\'], { User: 'u' }],
    [['LABEL a=c:\\\\', 'LABEL b=#2'], { Labels: { a: 'c:\\', b: '#2' } }],
    [['#', '\\'], {}],
  ] as const) {
    assert.deepEqual(applyChanges({}, changes), expected, changes.join('|'));
  }
});
