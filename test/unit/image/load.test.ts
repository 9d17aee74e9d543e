import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { loadPath } from '../../../src/image/load.js';
import { openImage } from '../../../src/image/open-image.js';
import { saveToFile } from '../../../src/image/save.js';
import { pruneStore, removeImage } from '../../../src/store/images.js';
import { Store } from '../../../src/store/store.js';
import { archiveOf, digestOf, layerWith, legacyArchive, type Members, ociArchive, partsOf } from '../../support/archive-bytes.js';
import { type RawEntry, rawTar } from '../../support/tar-bytes.js';
import { patternBytes } from '../../support/tree.js';

const scratch = mkdtempSync(join(tmpdir(), 'plyfs-load-'));
after(() => rmSync(scratch, { recursive: true, force: true }));
const program = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url));

let count = 0;
const newStore = (): Store => new Store(join(scratch, `store${++count}`));
function write(members: Members | Buffer): string {
  const path = join(scratch, `archive${++count}.tar`);
  writeFileSync(path, Buffer.isBuffer(members) ? members : archiveOf(members));
  return path;
}
function plyfs(store: Store, ...words: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [program, ...words], {
    encoding: 'utf8',
    timeout: 60_000,
    env: { ...process.env, PLYFS_ROOT: store.root },
  });
}

const base = layerWith('base', 'base');
const top = layerWith('top', 'top');

test('an archive of docker 1.10 to 24: a layer that repeats is a symlink that comes before its target', async () => {
  const path = write(legacyArchive(partsOf(base, top, base)));
  const store = newStore();
  const [loaded] = await loadPath(store, path, { platform: undefined });
  assert.deepEqual(loaded?.names, ['docker.io/library/old:1']);
  using image = await openImage('old:1', { root: store.root });
  assert.deepEqual(
    image.readdir('/').map((entry) => entry.name),
    ['base', 'top'],
  );
  assert.equal(image.layers.length, 3);
});

test('layers called layer.tar may be compressed, also of many gzip members', async () => {
  const members = Buffer.concat([gzipSync(base.subarray(0, 700)), gzipSync(base.subarray(700))]);
  const path = write(legacyArchive({ ...partsOf(base), stored: [members] }));
  const store = newStore();
  await loadPath(store, path, { platform: undefined });
  using image = await openImage('old:1', { root: store.root });
  assert.equal(image.readFile('/base').toString(), 'base');
});

test('an archive of several images: layers once, names and IDs kept, one picked by #name', async () => {
  const first = legacyArchive(partsOf(base), 'one:1');
  const second = legacyArchive(partsOf(base, top), 'two:1');
  const list = [first, second].flatMap((members) => JSON.parse(String(members.get('manifest.json'))));
  const path = write(new Map([...first, ...second, ['manifest.json', Buffer.from(JSON.stringify(list))]]));
  using two = await openImage(`${path}#two:1`, { root: join(scratch, 'opened') });
  assert.equal(two.layers.length, 2);
  await assert.rejects(openImage(path, { root: join(scratch, 'opened') }), /choose one of one:1, two:1/);

  const store = newStore();
  await loadPath(store, path, { platform: undefined });
  assert.equal(store.catalog().images.size, 2);
  const saved = join(scratch, 'saved.tar');
  await saveToFile(store, ['one:1', 'two:1'], saved);
  const names = execFileSync('tar', ['tf', saved], { encoding: 'utf8' }).split('\n');
  assert.equal(names.filter((name) => name.includes(digestOf(base).slice(7))).length, 1);
  const again = newStore();
  const loaded = await loadPath(again, saved, { platform: undefined });
  assert.deepEqual(loaded.map((image) => image.id).sort(), [...store.catalog().images.keys()].sort());
});

test('an image without a name loads as its ID, and a name moves to the newer image', async () => {
  const store = newStore();
  const nameless = write(legacyArchive(partsOf(base), ''));
  assert.match(plyfs(store, 'load', '-i', nameless).stdout, /^Loaded image ID: sha256:[0-9a-f]{64}\n$/);
  assert.equal(plyfs(store, 'load', '-i', write(legacyArchive(partsOf(base)))).stdout, 'Loaded image: old:1\n');
  const { stdout } = plyfs(store, 'load', '-i', write(legacyArchive(partsOf(top))));
  assert.match(
    stdout,
    /^The image old:1 already exists, renaming the old one with ID sha256:\w+ to empty string\nLoaded image: old:1\n$/,
  );
});

test('a platform is picked from an index, and a name that is listed twice is a question', async () => {
  const arm = partsOf(top);
  Object.assign(arm.config, { architecture: 'arm64' });
  const listed = (members: Members): Record<string, unknown> => JSON.parse(String(members.get('index.json'))).manifests[0];
  const [x86, arm64] = [ociArchive(partsOf(base)), ociArchive(arm)];
  const withPlatform = (members: Members, architecture: string) => ({
    ...listed(members),
    platform: { os: 'linux', architecture },
  });
  const index = (manifests: unknown[]): Buffer => Buffer.from(JSON.stringify({ schemaVersion: 2, manifests }));
  const nested = index([withPlatform(x86, 'amd64'), withPlatform(arm64, 'arm64')]);
  const entry = { mediaType: 'application/vnd.oci.image.index.v1+json', digest: digestOf(nested), size: nested.length };
  const all: Members = new Map([...x86, ...arm64]);
  all.set(`blobs/sha256/${digestOf(nested).slice(7)}`, nested).set('index.json', index([entry]));
  const root = join(scratch, 'platforms');
  using image = await openImage(write(all), { root, platform: 'linux/arm64' });
  assert.deepEqual(
    image.readdir('/').map(({ name }) => name),
    ['top'],
  );
  await assert.rejects(openImage(write(all), { root, platform: 'linux/s390x' }), /linux\/amd64, linux\/arm64/);

  const named = (members: Members) => ({ ...listed(members), annotations: { 'org.opencontainers.image.ref.name': 'v1' } });
  all.set('index.json', index([named(x86), named(arm64)]));
  const twice = write(all);
  await assert.rejects(openImage(`${twice}#v1`, { root }), /2 images called v1/);
  using chosen = await openImage(`${twice}#${digestOf(JSON.stringify(arm.config))}`, { root });
  assert.deepEqual(
    chosen.readdir('/').map(({ name }) => name),
    ['top'],
  );
});

test('a root tar, plain and compressed, opens as an image of one layer', async () => {
  const tar = rawTar({ name: './', type: '5', mode: 0o700 }, { name: 'etc/motd', data: 'hello' });
  for (const bytes of [tar, gzipSync(tar)]) {
    const path = write(bytes);
    for (let time = 0; time < 2; time++) {
      using image = await openImage(path, { root: join(scratch, 'rootfs') });
      assert.equal(image.readFile('/etc/motd').toString(), 'hello');
      assert.equal(image.stat('/').mode & 0o777, 0o700);
      assert.equal(image.id, undefined);
    }
  }
});

test('a saved index is not used for a file that changed, nor one that is damaged', async () => {
  const root = join(scratch, 'stale');
  const path = write(rawTar({ name: 'a', data: 'one' }));
  (await openImage(path, { root })).close();
  writeFileSync(path, rawTar({ name: 'b', data: 'two' }));
  utimesSync(path, 1, 1);
  using changed = await openImage(path, { root });
  assert.deepEqual(
    changed.readdir('/').map(({ name }) => name),
    ['b'],
  );
  for (const name of readdirSync(join(root, 'cache'))) writeFileSync(join(root, 'cache', name), 'rubbish');
  using again = await openImage(path, { root });
  assert.equal(again.readFile('/b').toString(), 'two');
});

test('a store that cannot be written still opens plain archives', async () => {
  // Nobody, not even root, makes directories in /proc.
  using image = await openImage(write(legacyArchive(partsOf(base))), { root: '/proc/plyfs-store' });
  assert.equal(image.readFile('/base').toString(), 'base');
});

/** A load that is still busy when it is killed: its input never ends. */
async function killedLoad(store: Store, members: Members): Promise<void> {
  const child: ChildProcess = spawn(process.execPath, [program, 'load'], {
    env: { ...process.env, PLYFS_ROOT: store.root },
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const bytes = archiveOf(members);
  child.stdin!.write(bytes.subarray(0, bytes.length - 2000));
  // The first file in tmp is the draft of `format`.
  while (!existsSync(store.path('format')) || readdirSync(store.path('tmp')).length === 0)
    await new Promise((r) => setTimeout(r, 10));
  child.kill('SIGKILL');
  await new Promise((resolve) => child.once('exit', resolve));
}

test('a killed load leaves nothing visible, and prune clears the rest', { timeout: 60_000 }, async () => {
  const store = newStore();
  await killedLoad(store, legacyArchive(partsOf(base, top)));
  assert.equal(store.catalog().images.size, 0);
  assert.notEqual(readdirSync(store.path('tmp')).length, 0);
  await pruneStore(store, false);
  assert.deepEqual(readdirSync(store.path('tmp')), []);
  assert.deepEqual(readdirSync(store.path('blobs/sha256')), []);
});

test('two loads at once, one layer in common: both are there, the layer once', { timeout: 60_000 }, async () => {
  const big = rawTar({ name: 'big', data: patternBytes(1, 6 << 20) });
  const paths = [write(legacyArchive(partsOf(big, base), 'one:1')), write(legacyArchive(partsOf(big, top), 'two:1'))];
  const store = newStore();
  const statuses = await Promise.all(
    paths.map(
      (path) =>
        new Promise((resolve) => {
          const child = spawn(process.execPath, [program, 'load', '-i', path], {
            env: { ...process.env, PLYFS_ROOT: store.root },
            stdio: ['ignore', 'ignore', 'inherit'],
          });
          child.once('exit', resolve);
        }),
    ),
  );
  assert.deepEqual(statuses, [0, 0]);
  assert.equal(store.catalog().images.size, 2);
  assert.equal(readdirSync(store.path('indexes')).length, 3);
  await removeImage(store, 'one:1', false);
  using image = await openImage('two:1', { root: store.root });
  assert.equal(image.readFile('/big').length, 6 << 20);
});

test('more large layers than threads: each is taken in, and a damaged one is told', { timeout: 60_000 }, async () => {
  const layers = [1, 2, 3, 4, 5].map((seed) => rawTar({ name: `f${seed}`, data: patternBytes(seed, 5 << 20) }));
  const store = newStore();
  await loadPath(store, write(legacyArchive(partsOf(...layers))), { platform: undefined });
  using image = await openImage('old:1', { root: store.root });
  assert.deepEqual(image.readFile('/f5'), patternBytes(5, 5 << 20));
  const stored = layers.map((layer, at) => (at === 3 ? Buffer.concat([layer, Buffer.alloc(512)]) : layer));
  const broken = write(legacyArchive({ ...partsOf(...layers), stored }, 'broken:1'));
  await assert.rejects(loadPath(newStore(), broken, { platform: undefined }), /layer sha256:\w+ is damaged/);
});

test('the commands speak as docker does', async () => {
  const store = newStore();
  plyfs(store, 'load', '-i', write(legacyArchive(partsOf(base, top))));
  const id = [...store.catalog().images.keys()][0]!;
  assert.match(
    plyfs(store, 'images').stdout,
    /^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE +SHARED SIZE +UNIQUE SIZE\nold +1 +[0-9a-f]{12} +\d+ years ago +7B +0B +7B\n$/,
  );
  assert.equal(plyfs(store, 'images', '-q', '--no-trunc').stdout, `${id}\n`);
  assert.equal(plyfs(store, 'images', '--format', '{{.Repository}}:{{.Tag}}').stdout, 'old:1\n');
  assert.equal(plyfs(store, 'images', '--filter', 'dangling=true', '-q').stdout, '');
  assert.equal(plyfs(store, 'images', '--filter', 'until=24h', '-q=true', '--no-trunc').stdout, `${id}\n`);
  assert.equal(plyfs(store, 'images', '--filter', 'until=2020-01-01', '-q').stdout, '');
  const template =
    '{{.Tag | printf "%3s|"}}{{if eq .Repository "old"}}{{upper .Repository}}{{else}}other{{end}} {{truncate .ID 3 | len}}';
  assert.equal(plyfs(store, 'images', '--format', template).stdout, '  1|OLD 3\n');
  const { stdout: labels } = plyfs(
    store,
    'inspect',
    '-f',
    '{{.Config.Labels}} {{.Config.Labels.none}} {{index .Config.Cmd 0}}',
    'old:1',
  );
  assert.equal(labels, 'map[] <no value> /bin/sh\n');
  assert.match(
    plyfs(store, 'history', 'old:1').stdout,
    /^IMAGE +CREATED +CREATED BY +SIZE +COMMENT\n[0-9a-f]{12} +N\/A +step 2 +3B\n<missing> +N\/A +step 1 +4B\n$/,
  );
  assert.match(plyfs(store, 'history', '-H=false', 'old:1').stdout, /^IMAGE +CREATED AT +CREATED BY +SIZE/);
  assert.equal(plyfs(store, 'history', '-H', '-q', 'old:1').stdout, `${id.slice(7, 19)}\n<missing>\n`);
  assert.equal(plyfs(store, 'inspect', '-f', '{{json .Config.Cmd}} {{len .RootFS.Layers}}', 'old:1').stdout, '["/bin/sh"] 2\n');
  assert.equal(JSON.parse(plyfs(store, 'inspect', 'old:1').stdout)[0].Id, id);
  assert.equal(plyfs(store, 'tag', 'old:1', 'new').status, 0);
  assert.equal(plyfs(store, 'rmi', 'old:1').stdout, 'Untagged: old:1\n');
  const gone = plyfs(store, 'rmi', 'nosuch', 'new');
  const bottomChain = digestOf(base);
  const topChain = digestOf(`${bottomChain} ${digestOf(top)}`);
  assert.equal(gone.stdout, `Untagged: new:latest\nDeleted: ${id}\nDeleted: ${topChain}\nDeleted: ${bottomChain}\n`);
  assert.equal(
    gone.stderr,
    'plyfs: no such image: nosuch (plyfs images lists those there are, plyfs pull NAME or plyfs load -i FILE adds images)\n',
  );
  assert.equal(gone.status, 1);
  assert.equal(plyfs(store, 'prune', '-f').stdout, 'Total reclaimed space: 0B\n');
  assert.match(plyfs(store, 'check').stdout, /0 blobs, 0B: whole\n$/);
  assert.equal(plyfs(store, 'images', '--filter', 'x=y').status, 2);
});

/** What is written to `prune -a`, and whether the image goes. */
const answers: readonly [input: string, goes: boolean][] = [
  ['', false],
  ['n\n', false],
  ['\n', false],
  ['yesterday\n', false],
  ['no y\n', false],
  ['y\n', true],
  ['Y', true],
];

test('prune reads the answer, also from a pipe, and only yes deletes', async () => {
  for (const [input, goes] of answers) {
    const store = newStore();
    writeFileSync(join(scratch, 'prune.tar'), archiveOf(legacyArchive(partsOf(base), 'app:1')));
    await loadPath(store, join(scratch, 'prune.tar'), { platform: undefined });
    const env = { ...process.env, PLYFS_ROOT: store.root };
    const { status, stdout } = spawnSync(process.execPath, [program, 'prune', '-a'], {
      input,
      encoding: 'utf8',
      timeout: 60_000,
      env,
    });
    assert.equal(status, 0);
    assert.match(stdout, /^WARNING! .*\nAre you sure you want to continue\? \[y\/N\] /);
    assert.equal(store.catalog().images.size, goes ? 0 : 1, JSON.stringify(input));
  }
});

test('check notes a layer that uses a symlink of a lower layer as a directory, and is content', () => {
  const store = newStore();
  const lower = rawTar(
    { name: 'usr/lib/x', data: 'x' },
    { name: 'lib', type: '2', link: 'usr/lib' },
    { name: 'bin', type: '2', link: 'usr' },
  );
  const upper = rawTar({ name: 'lib/a/y', data: 'y' }, { name: 'bin/', type: '5' }, { name: 'bin/z', data: 'spelled out' });
  plyfs(store, 'load', '-i', write(legacyArchive(partsOf(lower, upper))));
  const { status, stdout } = plyfs(store, 'check');
  assert.equal(status, 0);
  const sentence =
    /^note: layer 2 \(sha256:\w+\) of image sha256:\w+ uses \/lib as a directory, a symlink to usr\/lib in .*\n.*: whole\n$/;
  assert.match(stdout, sentence);
  const [note, ...others] = JSON.parse(plyfs(store, 'check', '--json').stdout).notes;
  assert.deepEqual(others, []);
  const { image, ...rest } = note;
  assert.equal(store.catalog().images.has(image), true);
  assert.deepEqual(rest, { kind: 'symlink-parent', layer: 2, diffId: digestOf(upper), path: '/lib', target: 'usr/lib' });
});

test('archives are read without a mount: ls, cat, find, stat, du, layers, blame, waste', () => {
  const lower = rawTar({ name: 'etc/a', data: 'aa' }, { name: 'etc/b', data: 'bbb', mode: 0o4755, uid: 7 });
  const upper = rawTar({ name: 'etc/a', data: 'AAAA' }, { name: 'etc/.wh.b' }, { name: 'etc/l', type: '2', link: 'a' });
  const path = write(legacyArchive(partsOf(lower, upper)));
  const store = newStore();
  const out = (...words: string[]): string => {
    const { stdout, stderr, status } = plyfs(store, ...words);
    assert.equal(status, 0, stderr);
    return stdout;
  };
  assert.equal(out('ls', path, '/etc'), 'a\nl\n');
  assert.match(
    out('ls', '-l', '--upto', '1', path, 'etc'),
    /^-rw-r--r-- 1 0 0 2 1970-01-01 00:00 a\n-rwsr-xr-x 1 7 0 3 1970-01-01 00:00 b\n$/,
  );
  assert.equal(out('cat', path, '/etc/l'), 'AAAA');
  assert.equal(out('cat', '--upto', '1', path, '/etc/b'), 'bbb');
  assert.equal(out('find', path, '/', '-name', '[a-l]', '-type', 'f'), '/etc/a\n');
  assert.match(out('stat', path, '/etc/l'), /File: \/etc\/l -> a\n[\s\S]*Layer: 2 sha256:[0-9a-f]{64} \(step 2\)/);
  assert.equal(out('du', '-b', path), '4\t/etc\n4\t/\n');
  const layers = JSON.parse(out('layers', '--json', path));
  assert.deepEqual(
    layers.map((one: Record<string, unknown>) => [one.number, one.added, one.replaced, one.deleted, one.hiddenBytes]),
    [
      [2, 1, 1, 1, 0],
      [1, 2, 0, 0, 5],
    ],
  );
  assert.match(out('blame', path, '/etc/b'), /^2 +\w+ +deleted[^\n]*step 2\n1 +\w+ +added +file +3B +step 1\n$/m);
  assert.match(out('waste', path), /3B +1 +1 +2 +\/etc\/b\n2B +1 +1 +2 +\/etc\/a\n5B of 9B are wasted \(55.6 %\)/);
  const missing = plyfs(store, 'cat', path, '/nope');
  assert.deepEqual([missing.status, missing.stdout], [1, '']);
  assert.match(missing.stderr, /has no \/nope/);
});

test('names that are not UTF-8 are given and printed as bytes', () => {
  const store = newStore();
  const path = write(rawTar({ name: 'etc/', type: '5' }, { name: 'etc/x\xff', data: 'yes' }, { name: 'etc/\x1b[2J', data: '' }));
  const script = `cd / && for f in $("$0" "$1" find "$2" /etc -type f); do printf %s "$f" | od -An -c; "$0" "$1" cat "$2" "$f"; done`;
  const env = { ...process.env, PLYFS_ROOT: store.root };
  const { stdout } = spawnSync('sh', ['-c', script, process.execPath, program, path], { encoding: 'latin1', env });
  assert.match(stdout, /\\ {3}x {3}1 {3}b {3}\[ {3}2 {3}J\n *\/ {3}e {3}t {3}c {3}\/ {3}x 377\nyes$/);
});

test('a root tar that begins with a sparse file is one, and a sparse document of an archive is refused', () => {
  const sparse: RawEntry['pax'] = [
    ['GNU.sparse.size', '10'],
    ['GNU.sparse.map', '8,2'],
  ];
  const store = newStore();
  const root = write(rawTar({ name: 'disk', data: 'xy', pax: sparse }, { name: 'etc/', type: '5' }));
  assert.equal(plyfs(store, 'cat', root, '/disk').stdout, `${'\0'.repeat(8)}xy`);
  const archive = write(rawTar({ name: 'manifest.json', data: '[]', pax: sparse }));
  assert.match(plyfs(store, 'load', '-i', archive).stderr, /manifest\.json in .* is a sparse file/);
});

test('bytes that another name still shows are not wasted', () => {
  const lower = rawTar({ name: 'a', data: 'aaaa' }, { name: 'b', type: '1', link: 'a' }, { name: 'c', data: 'ccc' });
  const linking = rawTar({ name: 'd', type: '1', link: 'c' }, { name: '.wh.a' }, { name: '.wh.c' });
  const path = write(legacyArchive(partsOf(lower, linking)));
  const last = write(legacyArchive(partsOf(lower, linking, rawTar({ name: '.wh.b' }, { name: '.wh.d' }))));
  const store = newStore();
  const waste = (archive: string) => JSON.parse(plyfs(store, 'waste', '--json', archive).stdout);
  assert.deepEqual(waste(path), { wastedBytes: 0, totalBytes: 7, paths: [] });
  assert.deepEqual(
    waste(last).paths.map((one: Record<string, unknown>) => [one.path, one.bytes, one.shippedBy, one.hiddenBy]),
    [
      ['/b', 4, [1], [3]],
      ['/d', 3, [1], [3]],
    ],
  );
});

test('saving writes to a device as it is, and a full one is told', async () => {
  const store = newStore();
  await loadPath(store, write(legacyArchive(partsOf(base))), { platform: undefined });
  const { status, stderr } = plyfs(store, 'save', '-o', '/dev/full', 'old:1');
  assert.equal(status, 1);
  assert.match(stderr, /^plyfs: \/dev\/full cannot be written: its disk is full\n$/);
  assert.equal(statSync('/dev/full').isCharacterDevice(), true);
  assert.equal(plyfs(store, 'save', '-o', scratch, 'old:1').status, 2);
});

test('what arrives is kept byte for byte', async () => {
  const gz = gzipSync(top);
  const store = newStore();
  const path = write(ociArchive({ ...partsOf(top), stored: [gz] }, { 'io.containerd.image.name': 'docker.io/library/app:1' }));
  await loadPath(store, path, { platform: undefined });
  const image = [...store.catalog().images.values()][0]!;
  assert.deepEqual(readFileSync(store.blobs.path(image.layers[0]!.blob)), gz);
  assert.deepEqual(readFileSync(store.blobs.path(image.layers[0]!.diffId)), top);
});
