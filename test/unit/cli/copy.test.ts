/** plyfs copy and manifest inspect: every place to every other, and the manifest is the same byte for byte. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { mediaTypes } from '../../../src/oci/media-types.js';
import { descriptor } from '../../support/archive-bytes.js';
import { HostileRegistry } from '../../support/hostile-registry.js';
import { layerTar, type PutImage, putImage } from '../../support/registry-image.js';
import { RegistryStage } from '../../support/registry-stage.js';

const program = fileURLToPath(new URL('../../../../bin/plyfs', import.meta.url));
const stage = new RegistryStage();
let registry: HostileRegistry;
let image: PutImage;

before(async () => {
  registry = await HostileRegistry.start();
  image = putImage(registry, 'team/app', '1', [layerTar('a', 200_000, 1), layerTar('b', 1000, 2)]);
});
after(async () => {
  await registry.stop();
  stage.remove();
});

interface Ended {
  status: number | null;
  stdout: Buffer;
  stderr: string;
}

function plyfs(store: string, ...words: string[]): Promise<Ended> {
  const env = {
    PATH: process.env.PATH,
    HOME: join(stage.path, 'home'),
    PLYFS_ROOT: join(stage.path, store),
    CONTAINERS_REGISTRIES_CONF: '/dev/null',
    CONTAINERS_REGISTRIES_CONF_DIR: '/nonexistent',
  };
  const child = spawn(program, words, { env, cwd: stage.path, timeout: 60_000, stdio: ['ignore', 'pipe', 'pipe'] });
  const stdout: Buffer[] = [];
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve) => child.on('close', (status) => resolve({ status, stdout: Buffer.concat(stdout), stderr })));
}

const at = (path: string): string => `docker://${registry.authority}/${path}`;
const digestOf = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** From each to the next, and back to the registry from each. */
const places = (): [from: string, to: string][] => [
  [at('team/app:1'), 'oci:layout:v1'],
  ['oci:layout:v1', 'oci-archive:one.tar:v1'],
  ['oci-archive:one.tar:v1', 'docker-archive:two.tar:app:2'],
  ['docker-archive:two.tar:app:2', 'app:3'],
  ['app:3', 'oci:other'],
  ['oci:other', 'docker-archive:three.tar:app:4'],
  ['docker-archive:three.tar', 'oci:other:again'],
  ['oci:other:again', at('back/again:1')],
  [at('team/app:1'), at('direct/app:1')],
  [at('team/app:1'), 'pulled:1'],
  ['pulled:1', 'oci-archive:four.tar'],
  [at('team/app:1'), 'docker-archive:five.tar:x:1'],
];

test('an image goes from place to place with the digest that it had', async () => {
  for (const [from, to] of places()) {
    const { status, stdout, stderr } = await plyfs('store', 'copy', '-q', from, to);
    assert.deepEqual([status, String(stdout), stderr], [0, `${image.manifest.digest}\n`, ''], `${from} ${to}`);
  }
  for (const name of ['back/again/1', 'direct/app/1'])
    assert.deepEqual(registry.manifests.get(name)?.bytes, image.manifest.bytes);
  for (const name of ['app:3', 'pulled:1', at('back/again:1')]) {
    const { stdout, status } = await plyfs('store', 'manifest', 'inspect', name);
    assert.deepEqual([status, stdout], [0, image.manifest.bytes], name);
  }
  assert.match(String((await plyfs('store', 'ls', 'oci:layout:v1'.slice(4, 10), '/')).stdout), /^a\nb\n$/);
});

test('copy --all takes the whole index, attestations too', async () => {
  const other = putImage(registry, 'team/app', 'other', [layerTar('c', 500, 3)]);
  const attestation = putImage(registry, 'team/app', 'att', [layerTar('d', 100, 4)]);
  const entry = ({ manifest }: PutImage, architecture: string, os = 'linux') => ({
    ...descriptor(mediaTypes.manifest, manifest.bytes),
    platform: { os, architecture },
  });
  const index = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      manifests: [entry(image, 'amd64'), entry(other, 's390x'), entry(attestation, 'unknown', 'unknown')],
    }),
  );
  registry.putDocument('team/app', 'list', index, mediaTypes.index);
  const { status, stdout, stderr } = await plyfs('store', 'copy', '--all', '-q', at('team/app:list'), at('copied:1'));
  assert.deepEqual([status, String(stdout)], [0, `${digestOf(index)}\n`], stderr);
  for (const put of [other, attestation, image]) {
    assert.deepEqual(registry.manifests.get(`copied/${put.manifest.digest}`)?.bytes, put.manifest.bytes);
  }
  assert.deepEqual((await plyfs('store', 'manifest', 'inspect', at('copied:1'))).stdout, index);
});

const refusals: readonly [from: string, to: string, status: number, sentence: RegExp][] = [
  ['nosuch:1', 'oci:x', 1, /no such image: nosuch:1/],
  ['oci:nosuch', 'app:1', 1, /nosuch/],
  ['dir:x', 'app:1', 2, /no transport dir; there are docker:\/\/, oci:/],
  ['docker:host/x', 'app:1', 2, /write docker:\/\/host\/x/],
  ['oci:', 'app:1', 2, /names no image: write oci:DIR\[:TAG\]/],
  ['app:3', 'docker-archive:/nonexistent/x.tar:a:1', 1, /\/nonexistent\/x.tar/],
  ['app:3', 'Not A Name', 2, /reference/],
];

test('what cannot be copied is one sentence, and nothing is left', async () => {
  for (const [from, to, status, sentence] of refusals) {
    const ended = await plyfs('store', 'copy', from, to);
    assert.deepEqual(
      [ended.status, ended.stderr.trimEnd().split('\n').length <= 2],
      [status, true],
      `${from} ${to}: ${ended.stderr}`,
    );
    assert.match(ended.stderr, sentence);
    assert.doesNotMatch(ended.stderr, /^ +at |\bE[A-Z]{4,}\b/m);
  }
});

test('inspect docker:// tells of an image at its registry, and pulls nothing', async () => {
  const { status, stdout, stderr } = await plyfs(
    'inspected',
    'inspect',
    '-f',
    '{{.Os}} {{json .RepoDigests}} {{len .RootFS.Layers}}',
    at('team/app:1'),
  );
  assert.deepEqual(
    [status, String(stdout)],
    [0, `linux ["${registry.authority}/team/app@${image.manifest.digest}"] 2\n`],
    stderr,
  );
  assert.equal(existsSync(join(stage.path, 'inspected', 'blobs')), false);
  const missing = await plyfs('inspected', 'inspect', at('nosuch:1'));
  assert.deepEqual([missing.status, String(missing.stdout)], [1, '[]\n']);
});
