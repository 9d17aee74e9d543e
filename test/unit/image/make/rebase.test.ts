import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type Rebased, type RebaseOptions, rebaseImage } from '../../../../src/image/make/rebase.js';
import { mergedConfig } from '../../../../src/image/make/rebase-config.js';
import { conflictText } from '../../../../src/image/make/rebase-conflicts.js';
import { readStoredConfig } from '../../../../src/image/stack/stored-config.js';
import { getImage } from '../../../../src/store/resolve.js';
import { Store } from '../../../../src/store/store.js';
import { assertSameTree } from '../../../support/same-tree.js';
import { storeImage } from '../../../support/stored-image.js';

const scratch = mkdtempSync(join(tmpdir(), 'plyfs-rebase-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

let count = 0;

function newStore(): Store {
  return new Store(join(scratch, `store${++count}`));
}

function rebase(store: Store, options: Partial<RebaseOptions> = {}): Promise<Rebased> {
  const { imageName = 'app:1', baseName = 'base:2' } = options;
  const [image, base] = [imageName, baseName].map((name) => getImage(store.catalog(), name).image);
  return rebaseImage(store, image!, base!, { imageName, baseName, reference: 'app:2', ...options }); // two names were given
}

const old = `dir etc mtime=1.0; file etc/hosts mtime=1.0 = hosts; file etc/motd mtime=1.0 = motd; file etc/old mtime=1.0 = old
dir usr mtime=1.0; dir usr/bin mtime=1.0; file usr/bin/a mtime=1.0 = a; dir bin mtime=1.0; file bin/sh mtime=1.0 = sh; dir lib mtime=1.0; file lib/l mtime=1.0 = l`;

/** What the image's layers do, what the new base is, and what is said of it. */
const cases: readonly {
  name: string;
  own: readonly string[];
  base: string;
  conflicts: readonly string[];
  refused?: 'forced' | 'never';
}[] = [
  {
    name: 'a base with other files',
    own: ['file etc/app = app; whiteout etc/old'],
    base: `${old}; file etc/fresh = f; file usr/bin/b = b`,
    conflicts: [],
  },
  {
    name: 'a base built anew with other times',
    own: ['dir etc; file etc/hosts = H; whiteout lib'],
    base: old.replaceAll('mtime=1.0', 'mtime=77.0'),
    conflicts: [],
  },
  { name: 'the same change on both sides', own: ['file etc/hosts = H'], base: old.replace('= hosts', '= H'), conflicts: [] },
  {
    name: 'a file that both changed',
    own: ['file etc/hosts = H'],
    base: old.replace('= hosts', '= new'),
    conflicts: ['both-changed etc/hosts'],
  },
  {
    name: 'a file that both added',
    own: ['file etc/app = one', 'file etc/same = s'],
    base: `${old}; file etc/app = two; file etc/same = s`,
    conflicts: ['both-changed etc/app'],
  },
  {
    name: 'a directory whose mode both changed',
    own: ['dir etc 0700'],
    base: `${old}; dir etc 0711`,
    conflicts: ['both-changed etc'],
  },
  {
    name: 'a file that the new base deleted',
    own: ['file etc/motd = M'],
    base: old.replace('file etc/motd mtime=1.0 = motd;', ''),
    conflicts: ['deleted-in-base etc/motd'],
  },
  {
    name: 'a directory that the new base deleted',
    own: ['file lib/l = L; file lib/m = m'],
    base: old.replace(/; dir lib .*/, ''),
    conflicts: ['deleted-in-base lib'],
  },
  {
    name: 'a deleted file that the new base changed',
    own: ['whiteout etc/motd'],
    base: old.replace('= motd', '= new'),
    conflicts: ['deleted-in-image etc/motd'],
  },
  {
    name: 'a deleted directory in which the new base changed something',
    own: ['whiteout lib'],
    base: `${old}; file lib/more = m`,
    conflicts: ['deleted-in-image lib'],
  },
  {
    name: 'a replaced directory in which the new base changed something',
    own: ['opaque lib; file lib/x = x'],
    base: `${old}; file lib/more = m`,
    conflicts: ['deleted-in-image lib'],
  },
  {
    name: 'whiteouts that hide nothing',
    own: ['whiteout etc/old'],
    base: old.replace(/file etc\/old .*\n/, '\n'),
    conflicts: ['hides-nothing etc/old'],
  },
  {
    name: 'a whiteout of what only the new base has',
    own: ['file etc/t = t', 'whiteout etc/t'],
    base: `${old}; file etc/t = new`,
    conflicts: ['new-in-base etc/t'],
  },
  {
    name: 'an opaque directory that only the new base has too',
    own: ['dir srv; opaque srv; file srv/x = x'],
    base: `${old}; file srv/y = y`,
    conflicts: ['new-in-base srv'],
  },
  {
    name: 'a new directory on both sides',
    own: ['dir srv; file srv/x = x'],
    base: `${old}; dir srv; file srv/y = y`,
    conflicts: [],
  },
  {
    name: 'a directory that became a symlink',
    own: ['file bin/app = app; file bin/sh = mine'],
    base: `${old.replace(/dir bin .*= sh; /, '')}; symlink bin -> usr/bin`,
    conflicts: ['kind bin'],
    refused: 'forced',
  },
  {
    name: 'a file where the new base has a directory',
    own: ['file srv = s'],
    base: `${old}; dir srv; file srv/y = y`,
    conflicts: ['kind srv'],
    refused: 'forced',
  },
  { name: 'a hard link to a file that stayed', own: ['link etc/l -> usr/bin/a'], base: `${old}; file n = n`, conflicts: [] },
  {
    name: 'a hard link to a file that changed',
    own: ['link etc/l -> usr/bin/a'],
    base: old.replace('usr/bin/a mtime=1.0 = a', 'usr/bin/a = A'),
    conflicts: ['link-changed etc/l'],
  },
  {
    name: 'a hard link to a file that is gone',
    own: ['link etc/l -> usr/bin/a'],
    base: old.replace(/file usr\/bin\/a .* = a; /, ''),
    conflicts: ['link-missing etc/l'],
    refused: 'never',
  },
  {
    name: 'a hard link to a file of a layer that moves along',
    own: ['file x = x', 'link y -> x'],
    base: 'file z = z',
    conflicts: [],
  },
];

for (const { name, own, base, conflicts, refused } of cases) {
  test(`rebase: ${name}: ${conflicts.length === 0 ? 'no conflict' : 'told, and who wins'}`, async () => {
    const store = newStore();
    await storeImage(store, 'base:1', [old]);
    await storeImage(store, 'base:2', [base, 'file added = a']);
    await storeImage(store, 'app:1', [old, ...own]);
    // What must come out: the layers on the new base.
    if (refused !== 'never') await storeImage(store, 'wanted:1', [base, 'file added = a', ...own]);
    const first = await rebase(store);
    assert.deepEqual(
      first.conflicts.map(({ kind, path }) => `${kind} ${path}`),
      conflicts,
    );
    assert.equal(first.id === undefined, refused !== undefined, first.refusal);
    if (refused !== undefined) assert.ok(first.refusal?.startsWith(conflictText(first.conflicts[0]!)), first.refusal);
    const forced = refused === undefined ? first : await rebase(store, { force: true });
    assert.equal(forced.id === undefined, refused === 'never');
    assert.equal(store.catalog().images.size, refused === 'never' ? 3 : 5);
    assert.deepEqual(readdirSync(store.path('tmp')), []);
    if (forced.id === undefined) return;
    await assertSameTree(store, 'wanted:1', 'app:2', 'the result');
    const layers = (image: string) => getImage(store.catalog(), image).image.layers;
    assert.deepEqual(layers('app:2'), [...layers('base:2'), ...layers('app:1').slice(1)]);
  });
}

test('rebase onto the base that it has, and onto one that is the same to the byte, gives the same image', async () => {
  process.env.SOURCE_DATE_EPOCH = '1577836800';
  try {
    const store = newStore();
    await storeImage(store, 'base:1', [old, 'file two = 2']);
    await storeImage(store, 'app:1', [old, 'file two = 2', 'file three = 3']);
    const { id, conflicts, oldBase } = await rebase(store, { baseName: 'base:1' });
    assert.deepEqual([conflicts, oldBase.count], [[], 2]);
    await assertSameTree(store, 'app:1', 'app:2', 'onto its own base');
    assert.deepEqual(
      readStoredConfig(store, id!).history,
      readStoredConfig(store, getImage(store.catalog(), 'app:1').image.id).history,
    ); // not refused
  } finally {
    delete process.env.SOURCE_DATE_EPOCH;
  }
});

test('the old base is the one named, or of the same repository, or what both share; else --from is asked for', async () => {
  const store = newStore();
  await storeImage(store, 'base:2', ['file new = n']);
  await storeImage(store, 'app:1', [old, 'file two = 2', 'file three = 3']);
  await assert.rejects(rebase(store), /app:1 shares no layer with base:2.*name its old base with --from/);
  const counts = async (options: Partial<RebaseOptions>) => (await rebase(store, { dryRun: true, ...options })).oldBase.count;
  assert.equal(await counts({ from: '2' }), 2);
  await storeImage(store, 'base:1', [old]);
  assert.equal(await counts({}), 1);
  await storeImage(store, 'base:1.1', [old, 'file two = 2']);
  assert.equal(await counts({}), 2);
  assert.equal(await counts({ from: 'base:1' }), 1);
  await storeImage(store, 'other:1', [old, 'file else = e']);
  assert.equal(await counts({ baseName: 'other:1' }), 1);
  await assert.rejects(rebase(store, { from: 'base:2' }), /app:1 does not lie on base:2/);
  await assert.rejects(rebase(store, { from: '7' }), /app:1 has layers 1 to 3, not 7/);
  await assert.rejects(rebase(store, { from: '3' }), /app:1 has no layers above its lowest 3 layers/);
  await storeImage(store, 'arm:1', ['file a = a'], { architecture: 'arm64' });
  await assert.rejects(rebase(store, { baseName: 'arm:1', from: '1' }), /app:1 is for linux\/amd64, arm:1 for linux\/arm64/);
  assert.equal(store.catalog().names.has('docker.io/library/app:2'), false);
});

test('the config of a rebased image: its own settings stay, those of the old base become those of the new', () => {
  const was = {
    Env: ['PATH=/bin', 'V=1'],
    Cmd: ['bash'],
    WorkingDir: '/',
    Labels: { base: '1', keep: 'k' },
    ExposedPorts: { '80/tcp': {} },
  };
  const own = { ...was, Env: ['PATH=/bin:/app', 'V=1', 'A=a'], WorkingDir: '/app', Labels: { base: '1', app: 'x' }, User: 'app' };
  const base = { Env: ['PATH=/usr/bin', 'V=2', 'N=n'], Cmd: ['sh'], Labels: { base: '2', keep: 'k' }, StopSignal: 'SIGINT' };
  assert.deepEqual(mergedConfig(own, was, base), {
    Env: ['PATH=/bin:/app', 'V=2', 'N=n', 'A=a'],
    Cmd: ['sh'],
    Labels: { base: '2', app: 'x' },
    StopSignal: 'SIGINT',
    WorkingDir: '/app',
    User: 'app',
  });
  assert.deepEqual(mergedConfig({ Entrypoint: ['app'] }, {}, { Cmd: ['sh'] }), { Entrypoint: ['app'] });
  assert.deepEqual(mergedConfig({ Cmd: ['x'], Env: ['A=1'] }, {}, { Cmd: ['sh'], Env: ['B=2'], User: 'u' }), {
    Cmd: ['x'],
    Env: ['B=2', 'A=1'],
    User: 'u',
  });
});

test('the history of a rebased image: the steps of the new base, then those above the old one', async () => {
  const store = newStore();
  const step = (created_by: string, empty_layer = false) => ({ created_by, ...(empty_layer ? { empty_layer } : {}) });
  await storeImage(store, 'base:1', [old], { history: [step('old'), step('CMD bash', true)] });
  await storeImage(store, 'base:2', ['file n = n'], { history: [step('new'), step('CMD sh', true)] });
  await storeImage(store, 'app:1', [old, 'file a = a'], {
    history: [step('old'), step('CMD bash', true), step('ENV A', true), step('app')],
  });
  const { id } = await rebase(store);
  const steps = (image: NonNullable<typeof id>) => readStoredConfig(store, image).history.map(({ createdBy }) => createdBy);
  assert.deepEqual(steps(id!), ['new', 'CMD sh', 'ENV A', 'app']); // not refused
});
