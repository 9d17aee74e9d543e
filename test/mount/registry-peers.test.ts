/** Debian's docker-registry between plyfs, skopeo, podman, buildah and umoci: what one pushes the other pulls, digests and trees alike. */

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openImage } from '../../src/image/open-image.js';
import { archiveOf, legacyArchive, partsOf } from '../support/archive-bytes.js';
import { type BuiltImages, buildImages, needsTools, treeOfDirectory, treeOfImage } from '../support/image-fixture.js';
import { needsRegistry, type RegistryServer, registryUser, startRegistry } from '../support/registry-server.js';
import { rawTar } from '../support/tar-bytes.js';

const needsPodman =
  spawnSync('podman', ['--version'], { stdio: 'ignore' }).status === 0 ? false : 'needs podman (apt install podman)';
const skip = needsTools || needsRegistry || needsPodman;
const cli = new URL('../../../bin/plyfs', import.meta.url).pathname;

let images: BuiltImages;
let server: RegistryServer;
let secure: RegistryServer;
let scratch: string;
let stores = 0;

before(async () => {
  if (skip !== false) return;
  images = buildImages();
  scratch = mkdtempSync(join(tmpdir(), 'plyfs-peers-'));
  server = await startRegistry();
  secure = await startRegistry({ tls: true, password: true });
});
after(async () => {
  if (skip !== false) return;
  await server.stop();
  await secure.stop();
  images.remove();
  rmSync(scratch, { recursive: true, force: true });
});

const newStore = (): string => join(scratch, `store${++stores}`);

/** Not synchronously: the registry waits where nobody reads its log. */
async function run(command: string, words: readonly string[], env: NodeJS.ProcessEnv = {}, input = ''): Promise<string> {
  const { status, stdout, stderr } = await ended(command, words, env, input);
  assert.equal(status, 0, `${command} ${words.join(' ')}: ${stderr}`);
  return stdout.toString();
}

interface Ended {
  status: number | null;
  stdout: Buffer;
  stderr: string;
}

function ended(command: string, words: readonly string[], env: NodeJS.ProcessEnv = {}, input = ''): Promise<Ended> {
  const home = join(scratch, 'home');
  mkdirSync(home, { recursive: true });
  const child = spawn(command, words, { timeout: 120_000, env: { PATH: process.env.PATH, HOME: home, ...env } });
  const stdout: Buffer[] = [];
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  return new Promise((resolve) => child.on('close', (status) => resolve({ status, stdout: Buffer.concat(stdout), stderr })));
}

const plyfs = (store: string, ...words: string[]): Promise<string> => run(cli, words, { PLYFS_ROOT: store });
const skopeo = (...words: string[]): Promise<string> => run('skopeo', words);

/** In a storage of its own, without overlay mounts. */
function podman(...words: string[]): Promise<string> {
  const places = ['--root', join(scratch, 'podman'), '--runroot', join(scratch, 'podman-run'), '--storage-driver', 'vfs'];
  return run('podman', [...places, ...words]);
}

async function rawDigest(name: string): Promise<string> {
  const raw = await ended('skopeo', ['inspect', '--raw', '--tls-verify=false', `docker://${name}`]);
  assert.equal(raw.status, 0, raw.stderr);
  return `sha256:${createHash('sha256').update(raw.stdout).digest('hex')}`;
}

/** Pulls into a new store; the image shows `tree` and is known by the registry's digest. */
async function assertPulled(name: string, tree: string): Promise<string> {
  const store = newStore();
  assert.match(await plyfs(store, 'pull', name), new RegExp(`^Digest: ${await rawDigest(name)}$`, 'm'));
  using image = await openImage(name, { root: store });
  assert.equal(treeOfImage(image), tree, name);
  return store;
}

test('what skopeo, podman and buildah push is pulled, gzip and zstd, and pushed on with the same digest', {
  skip,
  timeout: 300_000,
}, async () => {
  const tree = treeOfDirectory(images.unpacked);
  const host = server.authority;
  const source = `oci:${images.layout}:v1`;
  await skopeo('copy', '-q', '--dest-tls-verify=false', '--dest-compress-format', 'gzip', source, `docker://${host}/sk:gzip`);
  await skopeo('copy', '-q', '--dest-tls-verify=false', '--dest-compress-format', 'zstd', source, `docker://${host}/sk:zstd`);
  await skopeo('copy', '-q', '--dest-tls-verify=false', '-f', 'v2s2', source, `docker://${host}/sk:docker`);
  await podman('pull', '-q', '--tls-verify=false', `${host}/sk:gzip`);
  await podman('tag', `${host}/sk:gzip`, `${host}/pod/app:1`);
  await podman('push', '-q', '--tls-verify=false', `${host}/pod/app:1`);
  for (const name of ['sk:gzip', 'sk:zstd', 'sk:docker', 'pod/app:1']) {
    const store = await assertPulled(`${host}/${name}`, tree);
    const target = `${host}/ours/${name}`;
    await plyfs(store, 'tag', `${host}/${name}`, target);
    assert.match(await plyfs(store, 'push', target), /Mounted from |Layer already exists/, 'the registry has the layers');
    assert.equal(await rawDigest(target), await rawDigest(`${host}/${name}`), name);
  }
});

test('what plyfs pushes the others pull: the same digest and the same tree', { skip, timeout: 300_000 }, async () => {
  const host = server.authority;
  const store = newStore();
  await plyfs(store, 'load', '-q', '-i', images.paths['docker-archive'] ?? Object.values(images.paths)[0]!);
  const [id = ''] = (await plyfs(store, 'images', '-q', '--no-trunc')).split('\n');
  await plyfs(store, 'tag', id, `${host}/own/app:1`);
  const [, digest] = /^1: digest: (\S+) size: \d+$/m.exec(await plyfs(store, 'push', `${host}/own/app:1`)) ?? [];
  assert.equal(await rawDigest(`${host}/own/app:1`), digest);
  await skopeo('copy', '-q', '--src-tls-verify=false', `docker://${host}/own/app:1`, `oci:${join(scratch, 'out')}:v1`);
  await run('umoci', ['unpack', '--image', `${join(scratch, 'out')}:v1`, join(scratch, 'bundle')]);
  assert.equal(treeOfDirectory(join(scratch, 'bundle/rootfs')), treeOfDirectory(images.unpacked));
  // It knows an image by one digest only.
  await podman('rmi', '-a', '-f');
  await podman('pull', '-q', '--tls-verify=false', `${host}/own/app:1`);
  assert.equal((await podman('image', 'inspect', '-f', '{{.Digest}}', `${host}/own/app:1`)).trim(), digest);
});

test('an image of 120 layers goes to a registry and comes back with the same digest', { skip, timeout: 300_000 }, async () => {
  const layers = Array.from({ length: 120 }, (_, at) => rawTar({ name: `f${at}`, data: `${at}` }));
  const path = join(scratch, 'many.tar');
  writeFileSync(path, archiveOf(legacyArchive(partsOf(...layers), 'many:1')));
  const store = newStore();
  const name = `${server.authority}/many:1`;
  await plyfs(store, 'load', '-q', '-i', path);
  await plyfs(store, 'tag', 'many:1', name);
  await plyfs(store, 'push', '-q', name);
  using image = await openImage('many:1', { root: store });
  await assertPulled(name, treeOfImage(image));
});

test('an index gives the image of this machine, and is the digest that the name is known by', {
  skip,
  timeout: 300_000,
}, async () => {
  const host = server.authority;
  await podman('pull', '-q', '--tls-verify=false', `${host}/sk:gzip`);
  await podman('manifest', 'create', 'list:1');
  await podman('manifest', 'add', '--tls-verify=false', 'list:1', `docker://${host}/sk:gzip`);
  await podman('manifest', 'push', '-q', '--all', '--tls-verify=false', 'list:1', `docker://${host}/list:1`);
  const store = await assertPulled(`${host}/list:1`, treeOfDirectory(images.unpacked));
  const [row] = JSON.parse(await plyfs(store, 'images', '--json')) as { digest: string }[];
  assert.equal(row?.digest, await rawDigest(`${host}/list:1`));
  assert.match(
    await plyfs(store, 'inspect', '-f', '{{json .RepoDigests}}', `${host}/list:1`),
    new RegExp(await rawDigest(`${host}/list:1`)),
  );
  await plyfs(store, 'prune', '-f');
  assert.match(await plyfs(store, 'check'), /whole\n$/);
});

test('with TLS and a password: login, pull, push; without, one sentence', { skip, timeout: 120_000 }, async () => {
  const host = secure.authority;
  const home = join(scratch, 'secure-home');
  const env = { PLYFS_ROOT: newStore(), HOME: home, DOCKER_CONFIG: join(home, '.docker'), NODE_EXTRA_CA_CERTS: secure.ca ?? '' };
  mkdirSync(home);
  await plyfs(env.PLYFS_ROOT, 'load', '-q', '-i', Object.values(images.paths)[0]!);
  const [id = ''] = (await plyfs(env.PLYFS_ROOT, 'images', '-q', '--no-trunc')).split('\n');
  await plyfs(env.PLYFS_ROOT, 'tag', id, `${host}/app:1`);
  const bare = spawnSync(cli, ['push', `${host}/app:1`], {
    encoding: 'utf8',
    timeout: 60_000,
    env: { PATH: process.env.PATH, ...env },
  });
  assert.equal(bare.status, 1);
  assert.match(bare.stderr, /plyfs login/);
  assert.match(
    await run(cli, ['login', '-u', registryUser.user, '--password-stdin', host], env, registryUser.secret),
    /Login Succeeded/,
  );
  await run(cli, ['push', '-q', `${host}/app:1`], env);
  await run(cli, ['rmi', `${host}/app:1`], env);
  assert.match(await run(cli, ['pull', `${host}/app:1`], env), /Status: Downloaded newer image/);
  assert.ok(readFileSync(join(home, '.docker/config.json'), 'utf8').includes(host));
});
