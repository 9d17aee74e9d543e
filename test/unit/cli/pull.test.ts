/** plyfs pull and push with a registry of the test: what is fetched, what is kept, and what bad answers get. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { openImage, pullImage, pushImage } from '../../../src/index.js';
import { mediaTypes } from '../../../src/oci/media-types.js';
import { checkStore } from '../../../src/store/check.js';
import { tagImage } from '../../../src/store/images.js';
import { Store } from '../../../src/store/store.js';
import { descriptor } from '../../support/archive-bytes.js';
import { cut, HostileRegistry, on, refuse, send, sendJson, times } from '../../support/hostile-registry.js';
import { Random } from '../../support/random.js';
import { layerTar, putImage } from '../../support/registry-image.js';
import { RegistryStage } from '../../support/registry-stage.js';
import { firstSeed as seed } from '../../support/seed.js';

const program = fileURLToPath(new URL('../../../../bin/plyfs', import.meta.url));
const stage = new RegistryStage();
let registry: HostileRegistry;
let other: HostileRegistry;
let stores = 0;

before(async () => {
  registry = await HostileRegistry.start();
  other = await HostileRegistry.start();
});
after(async () => {
  await registry.stop();
  await other.stop();
  stage.remove();
});
beforeEach(() => {
  for (const server of [registry, other]) {
    server.rules = [];
    server.seen.length = 0;
    server.sentBytes = 0;
    server.blobs.clear();
    server.manifests.clear();
  }
});

interface Ended {
  status: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

function newStore(): Store {
  return new Store(join(stage.path, `store${++stores}`));
}

/** `killAfterMs`: with SIGKILL, or the signal given. */
function plyfs(store: Store, words: readonly string[], kill?: { afterMs: number; signal: NodeJS.Signals }): Promise<Ended> {
  const env = {
    PATH: process.env.PATH,
    HOME: join(stage.path, 'home'),
    PLYFS_ROOT: store.root,
    CONTAINERS_REGISTRIES_CONF: '/dev/null',
    CONTAINERS_REGISTRIES_CONF_DIR: '/nonexistent',
    PLYFS_LIMITS: 'retryMs=1',
  };
  const child = spawn(program, words, { env, timeout: 60_000, stdio: ['ignore', 'pipe', 'pipe'] });
  if (kill !== undefined) setTimeout(() => child.kill(kill.signal), kill.afterMs);
  const ended: Ended = { status: null, signal: null, stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    ended.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    ended.stderr += text;
  });
  return new Promise((resolve) => child.on('close', (status, signal) => resolve({ ...ended, status, signal })));
}

const name = (tag: string) => `${registry.authority}/team/app:${tag}`;

async function assertShows(store: Store, image: string, files: readonly string[]): Promise<void> {
  using opened = await openImage(image, { root: store.root });
  assert.deepEqual([...opened.walk()].map(({ path }) => path).sort(), [...files].sort());
  assert.deepEqual((await checkStore(store, false)).findings, []);
}

test("a pull prints docker's lines, fetches each layer once, and asks for no layer that is there", async () => {
  const shared = layerTar('shared', 200_000, 1);
  const { manifest, layerBytes } = putImage(registry, 'team/app', '1', [shared, layerTar('own', 100_000, 2), shared]);
  putImage(registry, 'team/app', '2', [shared, layerTar('more', 1000, 3)]);
  const store = newStore();
  const { status, stdout, stderr } = await plyfs(store, ['pull', name('1')]);
  assert.deepEqual([status, stderr], [0, '']);
  const lines = stdout.split('\n');
  assert.equal(lines[0], `1: Pulling from ${registry.authority}/team/app`);
  assert.equal(lines.filter((line) => /^[0-9a-f]{12}: Pull complete$/.test(line)).length, 2);
  assert.deepEqual(lines.slice(-4), [
    `Digest: ${manifest.digest}`,
    `Status: Downloaded newer image for ${name('1')}`,
    name('1'),
    '',
  ]);
  assert.ok(registry.sentBytes < layerBytes + 4096, 'the layer that stands twice was sent once');
  registry.sentBytes = 0;
  assert.match((await plyfs(store, ['pull', name('1')])).stdout, /Already exists\n.*Status: Image is up to date for /s);
  assert.ok(registry.sentBytes < 4096);
  assert.match(
    (await plyfs(store, ['pull', name('2')])).stdout,
    /: Already exists\n.*: Pull complete\n|: Pull complete\n.*: Already exists\n/,
  );
  await assertShows(store, name('1'), ['/own', '/shared']);
  assert.equal(
    (await plyfs(store, ['pull', '-q', `${registry.authority}/team/app@${manifest.digest}`])).stdout,
    `${registry.authority}/team/app@${manifest.digest}\n`,
  );
  assert.match((await plyfs(store, ['images', '--digests'])).stdout, new RegExp(`team/app +1 +${manifest.digest} `));
});

test('what is pulled goes on with the same bytes, also where the store has its layers in another form', async () => {
  const layers = [layerTar('a', 300_000, 4), layerTar('b', 50_000, 5)];
  const first = putImage(registry, 'team/app', '1', layers);
  // The same tars, compressed otherwise.
  const second = putImage(registry, 'team/app', 'again', layers, (manifest) => {
    const blobs = layers.map((layer) => gzipSync(layer, { level: 9 }));
    for (const blob of blobs) registry.putBlob(blob);
    manifest.layers = blobs.map((blob) => descriptor(mediaTypes.dockerLayerGzip, blob));
    manifest.mediaType = mediaTypes.dockerManifest;
  });
  const store = newStore();
  for (const tag of ['1', 'again']) assert.equal((await plyfs(store, ['pull', '-q', name(tag)])).status, 0);
  for (const [tag, put] of [
    ['1', first],
    ['again', second],
  ] as const) {
    const target = `${other.authority}/x/y:${tag}`;
    assert.equal((await plyfs(store, ['tag', name(tag), target])).status, 0);
    const { stdout, stderr, status } = await plyfs(store, ['push', target]);
    assert.equal(status, 0, stderr);
    assert.match(stdout, new RegExp(`^${tag}: digest: ${put.manifest.digest} size: ${put.manifest.bytes.length}$`, 'm'));
    assert.deepEqual(other.manifests.get(`x/y/${tag}`)?.bytes, put.manifest.bytes);
  }
  // Sent again is nothing but the manifest.
  other.seen.length = 0;
  assert.match((await plyfs(store, ['push', `${other.authority}/x/y:1`])).stdout, /Layer already exists\n/);
  assert.equal(other.asked(/^(POST|PATCH) /).length, 0);
});

test('bodies that break go on where they broke, and a pull that was killed where it was killed', {
  timeout: 240_000,
}, async () => {
  const layers = Array.from({ length: 10 }, (_, at) => layerTar(`f${at}`, 400_000 + at * 1000, at + 10));
  const { layerBytes } = putImage(registry, 'team/app', '1', layers);
  const files = layers.map((_, at) => `/f${at}`);
  // At most a MiB a second for each layer, so that there is something to kill.
  const slow = on(/^GET .*\/blobs\//, async ({ headers, path }, response) => {
    const bytes = registry.blobs.get(path.slice(path.lastIndexOf('/') + 1))!;
    const from = Number(/^bytes=(\d+)-/.exec(headers.range ?? '')?.[1] ?? 0);
    response.writeHead(from > 0 ? 206 : 200, {
      'Content-Length': bytes.length - from,
      ...(from > 0 && { 'Content-Range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` }),
    });
    for (let at = from; at < bytes.length && !response.destroyed; at += 16_384) {
      const piece = bytes.subarray(at, at + 16_384);
      registry.sentBytes += piece.length;
      response.write(piece);
      await new Promise((resolve) => setTimeout(resolve, 8));
    }
    response.end();
  });
  const random = new Random(seed);
  for (let round = 0; round < 20; round++) {
    const store = newStore();
    registry.rules = [slow];
    registry.sentBytes = 0;
    const killed = await plyfs(store, ['pull', name('1')], { afterMs: 150 + random.below(1200), signal: 'SIGKILL' });
    assert.deepEqual(
      [store.catalog().images.size, store.catalog().names.size],
      killed.signal === null ? [1, 2] : [0, 0],
      'nothing is seen of it',
    );
    registry.rules = [];
    assert.equal((await plyfs(store, ['pull', '-q', name('1')])).status, 0, `PLYFS_SEED=${seed}`);
    await assertShows(store, name('1'), files);
    // What lay in the buffers of three bodies when the process was killed is sent again.
    assert.ok(
      registry.sentBytes <= layerBytes + 3 * 512 * 1024 + 4096,
      `${registry.sentBytes} of ${layerBytes}, PLYFS_SEED=${seed}`,
    );
  }
  registry.rules = [
    times(
      4,
      on(/^GET .*\/blobs\/sha256:/, ({ path }, response) => {
        const bytes = registry.blobs.get(path.slice(path.lastIndexOf('/') + 1))!;
        cut(response, 200, { 'Content-Length': bytes.length }, bytes.subarray(0, bytes.length >> 1));
      }),
    ),
  ];
  const store = newStore();
  assert.equal((await plyfs(store, ['pull', '-q', name('1')])).status, 0);
  await assertShows(store, name('1'), files);
});

test('an interrupted pull ends with 130, changes nothing, and prune clears what it left', async () => {
  putImage(registry, 'team/app', '1', [layerTar('a', 3_000_000, 6)]);
  registry.rules = [
    on(/^GET .*\/blobs\/sha256:/, ({ path }, response) => {
      const bytes = registry.blobs.get(path.slice(path.lastIndexOf('/') + 1))!;
      if (bytes.length < 100_000) return send(response, 200, {}, bytes);
      response.writeHead(200, { 'Content-Length': bytes.length });
      response.write(bytes.subarray(0, 500_000));
    }),
  ];
  const store = newStore();
  const { status, stderr } = await plyfs(store, ['pull', name('1')], { afterMs: 1500, signal: 'SIGINT' });
  assert.equal(status, 130, stderr);
  assert.equal(store.catalog().images.size, 0);
  assert.ok(readdirSync(join(store.root, 'partial')).length > 0);
  assert.equal((await plyfs(store, ['prune', '-f'])).status, 0);
  assert.deepEqual(readdirSync(join(store.root, 'partial')), []);
});

test('two pulls of one image at once fetch each layer once', async () => {
  const { layerBytes } = putImage(registry, 'team/app', '1', [layerTar('a', 2_000_000, 7), layerTar('b', 1_000_000, 8)]);
  const store = newStore();
  const ended = await Promise.all([plyfs(store, ['pull', '-q', name('1')]), plyfs(store, ['pull', '-q', name('1')])]);
  assert.deepEqual(
    ended.map(({ status }) => status),
    [0, 0],
  );
  assert.ok(registry.sentBytes < layerBytes + 10_000);
  await assertShows(store, name('1'), ['/a', '/b']);
});

const arm = { architecture: 'arm64', os: 'linux' };

/** An index of `depth` indexes around a manifest. */
function nested(depth: number): void {
  const inner = putImage(registry, 'team/app', 'inner', [layerTar('a', 10, 1)]);
  let document = { bytes: inner.manifest.bytes, mediaType: mediaTypes.manifest as string };
  for (let at = 0; at < depth; at++) {
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [descriptor(document.mediaType, document.bytes)] }));
    registry.putDocument('team/app', '1', bytes, mediaTypes.index);
    document = { bytes, mediaType: mediaTypes.index };
  }
}

/** What the registry does wrong, and what is said. */
const refusals: readonly [what: string, set: () => void, sentence: RegExp][] = [
  ['no such tag', () => putImage(registry, 'team/app', '2', []), /does not have it .*plyfs tags/],
  [
    'wrong bytes of a layer',
    () => spoilLayer((bytes) => bytes.fill(7, bytes.length - 100)),
    /team\/app: layer sha256:[0-9a-f]{64} is damaged there or on the way \(.*\): pull again/,
  ],
  ['a layer cut short', () => spoilLayer((bytes) => bytes.subarray(0, 1000)), /team\/app/],
  ['a layer that goes on', () => spoilLayer((bytes) => Buffer.concat([bytes, bytes])), /team\/app/],
  [
    'layers and manifests',
    () => putImage(registry, 'team/app', '1', [], (manifest) => Object.assign(manifest, { manifests: [] })),
    /both layers and manifests/,
  ],
  [
    'an artifact',
    () =>
      putImage(registry, 'team/app', '1', [], (manifest) =>
        Object.assign(manifest, {
          config: { ...(manifest.config as object), mediaType: 'application/vnd.cncf.helm.config.v1+json' },
        }),
      ),
    /no image: it holds application\/vnd.cncf.helm/,
  ],
  ['indexes nested five deep', () => nested(6), /nests indexes more than 4 deep/],
  [
    'no platform that fits',
    () => {
      const inner = putImage(registry, 'team/app', 'inner', []);
      const manifests = [{ ...descriptor(mediaTypes.manifest, inner.manifest.bytes), platform: arm }];
      registry.putDocument('team/app', '1', Buffer.from(JSON.stringify({ schemaVersion: 2, manifests })), mediaTypes.index);
    },
    process.arch === 'arm64' ? /./ : /no image for linux\/amd64; it has linux\/arm64/,
  ],
  [
    'HTML',
    () =>
      registry.rules.push(
        on(/manifests/, (_, response) => send(response, 200, { 'Content-Type': 'text/html' }, '<html>sign in</html>')),
      ),
    /team\/app/,
  ],
  [
    'too many requests',
    () => registry.rules.push(on(/manifests/, (_, response) => refuse(response, 429, 'TOOMANYREQUESTS'))),
    /team\/app/,
  ],
  [
    'a config that is something else',
    () =>
      putImage(registry, 'team/app', '1', [], (manifest) =>
        Object.assign(manifest, { config: descriptor(mediaTypes.config, Buffer.from('{}')) }),
      ),
    /team\/app/,
  ],
  [
    'a redirect loop',
    () => registry.rules.push(on(/manifests/, ({ path }, response) => send(response, 307, { Location: path }, ''))),
    /team\/app/,
  ],
  [
    'denied',
    () =>
      registry.rules.push(
        on(/manifests/, (_, response) => sendJson(response, 403, { errors: [{ code: 'DENIED', message: 'no' }] })),
      ),
    /plyfs login/,
  ],
];

function spoilLayer(change: (bytes: Buffer) => Buffer): void {
  putImage(registry, 'team/app', '1', [layerTar('a', 100_000, 9)]);
  const [digest, bytes] = [...registry.blobs].find(([, blob]) => blob.length > 50_000)!;
  registry.blobs.set(digest, change(Buffer.from(bytes)));
}

test('what a registry does wrong is one sentence that names it, and the store stays as it was', {
  timeout: 240_000,
}, async () => {
  for (const [what, set, sentence] of refusals) {
    registry.rules = [];
    registry.manifests.clear();
    registry.blobs.clear();
    set();
    const store = newStore();
    const { status, stderr } = await plyfs(store, ['pull', name('1')]);
    const said = stderr.split('\n').filter((line) => line !== '' && !/; attempt \d of \d in/.test(line));
    assert.deepEqual([status, said.length], [1, 1], `${what}: ${stderr}`);
    assert.match(said[0]!, sentence, what);
    assert.doesNotMatch(stderr, /^ +at |\bE[A-Z]{4,}\b|\[object/m, what);
    assert.equal(existsSync(join(store.root, 'catalog.json')) ? store.catalog().images.size : 0, 0, what);
  }
});

test('an image that is not there is pulled first where its name says the registry, or --pull says so', async () => {
  putImage(registry, 'team/app', '1', [layerTar('a', 1000, 3)]);
  const store = newStore();
  const listed = await plyfs(store, ['ls', name('1'), '/']);
  assert.deepEqual([listed.status, listed.stdout], [0, 'a\n'], listed.stderr);
  assert.match(listed.stderr, /^Unable to find image '.*team\/app:1' locally\n[0-9a-f]{12}: Pull complete\n$/);
  registry.seen.length = 0;
  assert.equal((await plyfs(store, ['cat', name('1'), '/a'])).status, 0);
  assert.equal(registry.seen.length, 0, 'it is there');
  const never = await plyfs(newStore(), ['create', '--pull', 'never', name('1')]);
  assert.deepEqual(
    [never.status, /^plyfs: no such image: /.test(never.stderr), registry.seen.length],
    [1, true, 0],
    never.stderr,
  );
  assert.equal((await plyfs(newStore(), ['create', `docker://${name('1')}`])).status, 0);
  putImage(registry, 'team/app', '1', [layerTar('b', 1000, 4)]);
  assert.equal((await plyfs(store, ['ls', '--pull', 'always', name('1'), '/'])).stdout, 'b\n');
  assert.equal((await plyfs(store, ['ls', '--pull', 'maybe', name('1'), '/'])).status, 2);
  const short = await plyfs(newStore(), ['ls', 'nosuch', '/']);
  assert.match(short.stderr, /no such image or file: nosuch/);
});

test('the library pulls, opens and pushes, tells of bytes, and stops when it is told to', async () => {
  const { manifest } = putImage(registry, 'team/app', '1', [layerTar('a', 500_000, 3)]);
  const root = newStore().root;
  let bytes = 0;
  const pulled = await pullImage(name('1'), { root, progress: (_, done) => (bytes = Math.max(bytes, done)) });
  assert.deepEqual([pulled.digest, pulled.wasThere, bytes > 400_000], [manifest.digest, false, true]);
  using image = await openImage(`docker://${name('1')}`, { root: newStore().root });
  assert.deepEqual(
    image.readdir('/').map((entry) => entry.name),
    ['a'],
  );
  await tagImage(new Store(root), name('1'), `${other.authority}/p/q:9`);
  assert.deepEqual(
    (await pushImage(`${other.authority}/p/q:9`, { root })).map(({ tag, digest }) => [tag, digest]),
    [['9', manifest.digest]],
  );
  const stop = new AbortController();
  registry.rules = [on(/blobs/, () => stop.abort(new Error('enough')))];
  await assert.rejects(pullImage(name('1'), { root: newStore().root, signal: stop.signal }), /enough/);
});
