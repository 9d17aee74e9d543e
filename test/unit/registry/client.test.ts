/** The client with a real registry (Debian's docker-registry): plain, and with TLS and a password; skopeo looks at the same. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { type Digest, sha256Of } from '../../../src/base/digest.js';
import type { Limits } from '../../../src/base/limits.js';
import { mediaTypes } from '../../../src/oci/media-types.js';
import { RegistrySession, type Repository } from '../../../src/registry/client.js';
import { MissingBlobs } from '../../../src/registry/manifests.js';
import { needsRegistry, type RegistryServer, registryUser, startRegistry } from '../../support/registry-server.js';
import { collected, failsWith, patternBytes, RegistryStage, uploadOf } from '../../support/registry-stage.js';

const stage = new RegistryStage();
const kinds = ['plain', 'with TLS and a password'] as const;
const servers = new Map<string, RegistryServer>();
const sessions: RegistrySession[] = [];

before(async () => {
  if (needsRegistry) return;
  servers.set('plain', await startRegistry());
  const secure = await startRegistry({ tls: true, password: true });
  servers.set('with TLS and a password', secure);
  stage.logIn(secure.authority, registryUser.user, registryUser.secret);
  stage.write(`etc/containers/certs.d/${secure.authority}/ca.crt`, readFileSync(secure.ca ?? '', 'utf8'));
});
after(async () => {
  for (const session of sessions) session.close();
  for (const server of servers.values()) await server.stop();
  stage.remove();
});

function open(limits: Partial<Limits> = {}, tlsVerify?: boolean): RegistrySession {
  const session = new RegistrySession({ settings: stage.settings({}, limits), tlsVerify });
  sessions.push(session);
  return session;
}

function repository(kind: string, path: string, limits: Partial<Limits> = {}): Repository {
  return open(limits).repository({ domain: servers.get(kind)?.authority ?? '', path });
}

async function list(names: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const name of names) all.push(name);
  return all;
}

/** Config, one layer and a manifest of them in the repository. */
async function pushImage(app: Repository, tag: string, seed: number): Promise<{ digest: Digest; bytes: Buffer; layer: Digest }> {
  const config = Buffer.from(
    `{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["${sha256Of(String(seed))}"]}}`,
  );
  const layer = patternBytes(250_000, seed);
  const [configDigest, layerDigest] = [sha256Of(config), sha256Of(layer)];
  await app.upload(uploadOf(config, configDigest));
  await app.upload(uploadOf(layer, layerDigest));
  const document = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: { mediaType: mediaTypes.config, digest: configDigest, size: config.length },
    layers: [{ mediaType: mediaTypes.layer, digest: layerDigest, size: layer.length }],
  };
  // With the odd blank: the bytes are the digest.
  const bytes = Buffer.from(`${JSON.stringify(document, undefined, 3)} \n`);
  return { digest: await app.putManifest(tag, { bytes, mediaType: mediaTypes.manifest }), bytes, layer: layerDigest };
}

for (const kind of kinds) {
  test(`${kind}: what was pushed comes back byte for byte, by tag and by digest`, { skip: needsRegistry }, async () => {
    const app = repository(kind, 'team/app', { chunkBytes: 100_000 });
    const { digest, bytes, layer } = await pushImage(app, '1', 1);
    for (const reference of ['1', digest]) {
      const manifest = await app.getManifest(reference);
      assert.ok(manifest.bytes.equals(bytes));
      assert.deepEqual([manifest.digest, manifest.mediaType, manifest.document.kind], [digest, mediaTypes.manifest, 'manifest']);
    }
    assert.deepEqual(await app.headManifest('1'), { digest, mediaType: mediaTypes.manifest, sizeBytes: bytes.length });
    assert.equal(await app.headManifest('2'), undefined);
    assert.equal(await app.headBlob(layer), 250_000);
    assert.equal(await app.headBlob(sha256Of('none')), undefined);
    assert.ok((await collected(app.openBlob(layer, { size: 250_000 }))).equals(patternBytes(250_000, 1)));
    const part = await collected(app.openBlob(layer, { size: 250_000, offset: 100, length: 50 }));
    assert.ok(part.equals(patternBytes(250_000, 1).subarray(100, 150)));
  });

  test(`${kind}: a layer is sent once, and mounted into a neighbour`, { skip: needsRegistry }, async () => {
    const app = repository(kind, 'team/first', { chunkBytes: 100_000 });
    const { layer } = await pushImage(app, '1', 2);
    const bytes = patternBytes(250_000, 2);
    assert.deepEqual(await app.upload(uploadOf(bytes, layer)), { kind: 'exists' });
    const neighbour = repository(kind, 'team/second');
    const mountFrom = ['no/such', 'team/first'];
    assert.deepEqual(await neighbour.upload(uploadOf(bytes, layer), { mountFrom }), { kind: 'mounted', from: 'team/first' });
    assert.equal(await repository(kind, 'team/third').mountBlob(layer, 'no/such'), false);
    assert.equal(await repository(kind, 'team/third').mountBlob(layer, 'team/first'), true);
  });

  test(`${kind}: tags, catalog, search and referrers`, { skip: needsRegistry }, async () => {
    const app = repository(kind, 'lists/app');
    const { digest } = await pushImage(app, 'b', 3);
    await pushImage(app, 'a', 4);
    assert.deepEqual((await list(app.listTags())).sort(), ['a', 'b']);
    const domain = servers.get(kind)?.authority ?? '';
    assert.ok((await list(open().catalog(domain))).includes('lists/app'));
    const names = async (term: string, limit = 25) => (await open().search(domain, term, { limit })).map(({ name }) => name);
    assert.deepEqual(await names('sts/a'), ['lists/app']);
    assert.deepEqual(await names('lists/*'), ['lists/app']);
    assert.deepEqual(await names('lists/?'), []);
    assert.equal((await names('', 1)).length, 1);
    assert.deepEqual(await app.referrers(digest), []);
    // What older registries keep instead of a list of referrers.
    const index = {
      schemaVersion: 2,
      mediaType: mediaTypes.index,
      manifests: [{ mediaType: mediaTypes.manifest, digest, size: 5, artifactType: 'application/x-sbom' }],
    };
    await app.putManifest(digest.replace(':', '-'), { bytes: Buffer.from(JSON.stringify(index)), mediaType: mediaTypes.index });
    assert.deepEqual(
      (await app.referrers(digest)).map((found) => found.digest),
      [digest],
    );
    assert.equal((await app.referrers(digest, 'application/x-other')).length, 0);
    assert.equal((await app.referrers(digest, 'application/x-sbom')).length, 1);
  });

  test(`${kind}: a manifest that is deleted is gone, and one without its blobs is refused`, { skip: needsRegistry }, async () => {
    const app = repository(kind, 'gone/app');
    const { digest, bytes } = await pushImage(app, '1', 5);
    assert.equal(await app.deleteManifest(digest), true);
    assert.equal(await app.deleteManifest(digest), false);
    await failsWith('registry-absent', /gone\/app:1: .* does not have it \(it says: MANIFEST_UNKNOWN/, () =>
      app.getManifest('1'),
    );
    const missing = Buffer.from(bytes.toString().replaceAll(/"digest": "sha256:[0-9a-f]{6}/g, '"digest": "sha256:000000'));
    const failure = await failsWith('registry-blob-unknown', /misses blobs of the image \(2\)/, () =>
      app.putManifest('1', { bytes: missing, mediaType: mediaTypes.manifest }),
    );
    assert.ok(failure instanceof MissingBlobs && failure.missing.length === 2);
  });

  test(`${kind}: skopeo reads what we wrote, and we read what skopeo wrote`, {
    skip: needsRegistry || withoutSkopeo(),
  }, async () => {
    const app = repository(kind, 'peers/app');
    const { bytes, digest } = await pushImage(app, '1', 6);
    const domain = servers.get(kind)?.authority ?? '';
    const login = kind === 'plain' ? [] : ['--creds', `${registryUser.user}:${registryUser.secret}`];
    const raw = skopeo('inspect', '--tls-verify=false', ...login, '--raw', `docker://${domain}/peers/app:1`);
    assert.equal(raw, bytes.toString());
    const places = kind === 'plain' ? [] : ['--src-creds', login[1] ?? '', '--dest-creds', login[1] ?? ''];
    skopeo(
      'copy',
      '-q',
      '--preserve-digests',
      '--src-tls-verify=false',
      '--dest-tls-verify=false',
      ...places,
      `docker://${domain}/peers/app:1`,
      `docker://${domain}/peers/copy:1`,
    );
    const copied = await repository(kind, 'peers/copy').getManifest('1');
    assert.equal(copied.digest, digest);
  });
}

function withoutSkopeo(): string | false {
  return spawnSync('skopeo', ['--version'], { stdio: 'ignore' }).status === 0 ? false : 'needs skopeo (apt install skopeo)';
}

function skopeo(...words: string[]): string {
  const { status, stdout, stderr } = spawnSync('skopeo', words, { encoding: 'utf8', timeout: 60_000 });
  assert.equal(status, 0, stderr);
  return stdout;
}

test('without credentials, with a wrong password and with a certificate of nobody: one sentence each', {
  skip: needsRegistry,
}, async () => {
  const domain = servers.get('with TLS and a password')?.authority ?? '';
  const bare = new RegistryStage();
  const ask = (tlsVerify: boolean) => {
    const session = new RegistrySession({ settings: bare.settings(), tlsVerify });
    sessions.push(session);
    return session.repository({ domain, path: 'team/app' }).getManifest('1');
  };
  try {
    await failsWith(
      'registry-tls',
      /team\/app:1: the certificate of .* is signed by nobody known here: put its CA into \/etc\/docker\/certs\.d\/127/,
      () => ask(true),
    );
    await failsWith('registry-denied', /it needs a login: plyfs login 127/, () => ask(false));
    bare.logIn(domain, 'ann', 'wrong');
    await failsWith('registry-denied', /the saved credentials are not accepted: plyfs login .* replaces them/, () => ask(false));
    await failsWith('registry-tls', /127.* does not speak TLS: if it is a registry without it, mark it as insecure/, () => {
      const plain = new RegistrySession({ settings: bare.settings(), tlsVerify: true });
      sessions.push(plain);
      return plain.repository({ domain: servers.get('plain')?.authority ?? '', path: 'x' }).getManifest('1');
    });
  } finally {
    bare.remove();
  }
});

test('a mirror of docker-registry serves reads, and the registry what the mirror lost', { skip: needsRegistry }, async () => {
  const origin = servers.get('plain')?.authority ?? '';
  const mirror = await startRegistry({ mirrorOf: `http://${origin}` });
  const { digest, layer } = await pushImage(repository('plain', 'mirrored/app'), '1', 7);
  const own = new RegistryStage({
    'etc/containers/registries.conf': `[[registry]]\nlocation = "${origin}"\n[[registry.mirror]]\nlocation = "${mirror.authority}"\n`,
  });
  const session = new RegistrySession({ settings: own.settings() });
  try {
    const app = session.repository({ domain: origin, path: 'mirrored/app' });
    const size = 250_000;
    assert.equal((await app.getManifest('1')).digest, digest);
    assert.ok((await collected(app.openBlob(layer, { size }))).equals(patternBytes(size, 7)));
    assert.match(mirror.log(), /uri="\/v2\/mirrored\/app\/blobs/);
    await mirror.stop();
    assert.equal((await app.getManifest(digest)).digest, digest);
    assert.ok((await collected(app.openBlob(layer, { size }))).equals(patternBytes(size, 7)));
  } finally {
    session.close();
    await mirror.stop();
    own.remove();
  }
});

test('login tries a password, plain registries included', { skip: needsRegistry }, async () => {
  const secure = servers.get('with TLS and a password')?.authority ?? '';
  const credential = { kind: 'password', ...registryUser } as const;
  assert.deepEqual(await open().login(secure, credential), credential);
  await failsWith('registry-denied', /unauthorized: incorrect username or password/, () =>
    open().login(secure, { ...credential, secret: 'no' }),
  );
  assert.deepEqual(await open().login(servers.get('plain')?.authority ?? '', credential), credential);
});
