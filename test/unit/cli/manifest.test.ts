/** plyfs manifest inspect: the same bytes wherever an image lies, and what is refused. */

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { sha256Of } from '../../../src/base/digest.js';
import { mediaTypes } from '../../../src/oci/media-types.js';
import { HostileRegistry } from '../../support/hostile-registry.js';
import { layerTar, putImage } from '../../support/registry-image.js';
import { RegistryStage } from '../../support/registry-stage.js';

const program = fileURLToPath(new URL('../../../../bin/plyfs', import.meta.url));
const stage = new RegistryStage();
const root = join(stage.path, 'manifest-store');
let registry: HostileRegistry;

before(async () => {
  registry = await HostileRegistry.start();
});
after(async () => {
  await registry.stop();
  stage.remove();
});

const env = () => ({
  PATH: process.env.PATH,
  HOME: join(stage.path, 'home'),
  PLYFS_ROOT: root,
  CONTAINERS_REGISTRIES_CONF: '/dev/null',
  CONTAINERS_REGISTRIES_CONF_DIR: '/nonexistent',
});

/** Not synchronously: the registry is in this process. */
function run(command: string, ...words: string[]): Promise<{ status: number | null; stdout: Buffer; stderr: string }> {
  const child = spawn(command, words, { env: env(), timeout: 60_000, stdio: ['ignore', 'pipe', 'pipe'] });
  const out: Buffer[] = [];
  let stderr = '';
  child.stdout.on('data', (bytes: Buffer) => out.push(bytes));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve) => child.on('close', (status) => resolve({ status, stdout: Buffer.concat(out), stderr })));
}

const inspect = (image: string) => run(program, 'manifest', 'inspect', image);
const skopeo = spawnSync('skopeo', ['--version'], { stdio: 'ignore' }).status === 0;

test('an index and a manifest are printed byte for byte from the registry, and from the store once they are pulled', async () => {
  const { manifest } = putImage(registry, 'team/app', 'one', [layerTar('file', 1000, 1)]);
  const platform = { os: 'linux', architecture: { x64: 'amd64' }[process.arch as string] ?? process.arch };
  const listed = { mediaType: mediaTypes.manifest, digest: manifest.digest, size: manifest.bytes.length, platform };
  const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: [listed] }, undefined, 3));
  registry.putDocument('team/app', 'many', index, mediaTypes.index);
  for (const [tag, bytes] of [
    ['one', manifest.bytes],
    ['many', index],
  ] as const) {
    const name = `${registry.authority}/team/app:${tag}`;
    const remote = await inspect(`docker://${name}`);
    assert.deepEqual([remote.stdout.toString(), remote.stderr, remote.status], [bytes.toString(), '', 0]);
    assert.deepEqual((await run(program, 'pull', '-q', name)).status, 0);
    assert.equal((await inspect(name)).stdout.toString(), bytes.toString(), `${tag} in the store`);
  }
});

test('a layout that skopeo wrote has the manifest that skopeo inspect --raw prints', {
  skip: skopeo ? false : 'needs skopeo',
}, async () => {
  const { manifest } = putImage(registry, 'team/lay', '1', [layerTar('file', 1000, 2)]);
  const layout = `oci:${join(stage.path, 'layout')}:v1`;
  const copied = await run('skopeo', 'copy', '-q', '--src-tls-verify=false', `docker://${registry.authority}/team/lay:1`, layout);
  assert.equal(copied.status, 0, copied.stderr);
  const raw = await run('skopeo', 'inspect', '--raw', layout);
  const ours = await inspect(layout);
  assert.equal(ours.stdout.toString(), raw.stdout.toString(), ours.stderr);
  assert.equal(sha256Of(ours.stdout), manifest.digest);
});

test('what names no image, or leads to a document that is none, is one sentence', async () => {
  mkdirSync(join(stage.path, 'empty'), { recursive: true });
  mkdirSync(join(stage.path, 'both', 'blobs'), { recursive: true });
  writeFileSync(join(stage.path, 'both', 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [], layers: [] }));
  putImage(registry, 'team/bad', '1', [layerTar('file', 10, 3)], (manifest) => {
    manifest.manifests = [];
  });
  const cases: readonly (readonly [image: string, status: number, sentence: RegExp])[] = [
    ['docker://', 2, /names no image: write docker:\/\/HOST\/NAME/],
    ['oci:', 2, /names no image: write oci:DIR\[:TAG\]/],
    ['nothing:1', 1, /nothing:1/],
    [`oci:${join(stage.path, 'absent')}`, 1, /there is no directory .*absent/],
    [`oci:${join(stage.path, 'empty')}`, 1, /no OCI layout/],
    [`oci:${join(stage.path, 'both')}`, 1, /layers.*manifests|manifests.*layers/],
    [`docker://${registry.authority}/team/bad:1`, 1, /layers.*manifests|manifests.*layers/],
    [`docker://${registry.authority}/team/app:absent`, 1, /absent/],
  ];
  for (const [image, status, sentence] of cases) {
    const ended = await inspect(image);
    assert.match(ended.stderr, sentence, image);
    assert.deepEqual([ended.stdout.length, ended.stderr.trimEnd().split('\n').length], [0, 1], image);
    assert.equal(ended.status, status, `${image}: ${ended.stderr}`);
  }
});
