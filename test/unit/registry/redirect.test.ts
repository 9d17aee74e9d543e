/** Redirects: storage elsewhere, and where not to go. */

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import type { Digest } from '../../../src/base/digest.js';
import { RegistrySession } from '../../../src/registry/client.js';
import { cut, HostileRegistry, on, refuse, send, times } from '../../support/hostile-registry.js';
import { makeCertificate, needsOpenssl } from '../../support/registry-server.js';
import { collected, failsWith, patternBytes, RegistryStage } from '../../support/registry-stage.js';

const stage = new RegistryStage();
const bytes = patternBytes(200_000);
const directory = mkdtempSync(join(tmpdir(), 'plyfs-tls-'));
const blob = /^GET \/v2\/team\/app\/blobs\//;
let registry: HostileRegistry;
let storage: HostileRegistry;
let secure: HostileRegistry;
let digest: Digest;
let session: RegistrySession;

before(async () => {
  if (needsOpenssl) return;
  makeCertificate(directory);
  const tls = {
    cert: readFileSync(join(directory, 'server.crt'), 'utf8'),
    key: readFileSync(join(directory, 'server.key'), 'utf8'),
  };
  [registry, storage, secure] = await Promise.all([HostileRegistry.start(), HostileRegistry.start(), HostileRegistry.start(tls)]);
  digest = registry.putBlob(bytes);
  registry.putManifest('team/app', '1');
  stage.logIn(registry.authority, 'ann', 'secret-of-ann');
});
after(async () => {
  for (const server of [registry, storage, secure]) await server?.stop();
  stage.remove();
  rmSync(directory, { recursive: true });
});
beforeEach(() => {
  if (needsOpenssl) return;
  for (const server of [registry, storage, secure]) {
    server.rules = [];
    server.seen.length = 0;
  }
});

async function withRepository(
  use: (repository: ReturnType<RegistrySession['repository']>) => Promise<void>,
  authority = registry.authority,
) {
  session = new RegistrySession({ settings: stage.settings() });
  try {
    await use(session.repository({ domain: authority, path: 'team/app' }));
  } finally {
    session.close();
  }
}

/** Wants a password, and sends those who have it to the storage with a signature. */
function redirecting(signature: () => string) {
  return on(blob, (request, response) => {
    if (request.headers.authorization === undefined)
      refuse(response, 401, 'UNAUTHORIZED', { 'WWW-Authenticate': 'Basic realm="x"' });
    else send(response, 307, { Location: `${storage.origin}/bucket/${digest}?X-Signature=${signature()}` }, '');
  });
}

test('a blob may lie elsewhere, and no credential goes there; a break goes back to the registry for a new address', {
  skip: needsOpenssl,
}, async () => {
  let serial = 0;
  registry.rules = [
    redirecting(() => {
      serial += 1;
      return String(serial);
    }),
  ];
  storage.rules = [
    times(
      1,
      on(/Signature=1/, (_, response) => cut(response, 200, { 'Content-Length': bytes.length }, bytes.subarray(0, 70_000))),
    ),
    // The first address has expired by now, as S3 says it.
    on(/Signature=[12]$/, (_, response) =>
      send(response, 403, {}, '<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>'),
    ),
    on(/Signature=3/, (request, response) => {
      const start = Number(/\d+/.exec(request.headers.range ?? '')?.[0]);
      send(response, 206, { 'Content-Range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` }, bytes.subarray(start));
    }),
  ];
  await withRepository(async (repository) => {
    assert.ok((await collected(repository.openBlob(digest, { size: bytes.length }))).equals(bytes));
  });
  assert.ok(storage.seen.every(({ headers }) => headers.authorization === undefined && headers.cookie === undefined));
  assert.equal(storage.seen.length, 3);
});

test('an address that has always expired ends with the words of the storage, without the signature', {
  skip: needsOpenssl,
}, async () => {
  registry.rules = [redirecting(() => 'SECRET-SIGNATURE')];
  storage.rules = [
    on(/./, (_, response) =>
      send(response, 403, {}, '<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>'),
    ),
  ];
  await withRepository(async (repository) => {
    const failure = await failsWith('registry-denied', /team\/app@.* \(it says: AccessDenied: Request has expired\)/, () =>
      collected(repository.openBlob(digest, { size: bytes.length })),
    );
    assert.doesNotMatch(failure.message, /SECRET/);
  });
});

test('credentials stay with a redirect on the same host and port', { skip: needsOpenssl }, async () => {
  const basic = `Basic ${Buffer.from('ann:secret-of-ann').toString('base64')}`;
  registry.rules = [
    on(/team\/app\/manifests\/1$/, (request, response) => {
      if (request.headers.authorization === undefined)
        refuse(response, 401, 'UNAUTHORIZED', { 'WWW-Authenticate': 'Basic realm="x"' });
      else send(response, 302, { Location: '/v2/moved/app/manifests/1' }, '');
    }),
  ];
  registry.putManifest('moved/app', '1');
  await withRepository(async (repository) => {
    await repository.getManifest('1');
  });
  assert.equal(registry.asked(/moved/)[0]?.headers.authorization, basic);
});

test('a redirect in a circle ends after five', { skip: needsOpenssl }, async () => {
  registry.rules = [on(/manifests/, (request, response) => send(response, 302, { Location: request.path }, ''))];
  await withRepository(async (repository) => {
    await failsWith('registry-unreachable', /team\/app:1: .* redirects more than 5 times/, () => repository.getManifest('1'));
  });
  assert.equal(registry.asked(/manifests/).length, 6);
});

test('a redirect from TLS to none, or to what is no web address, is not followed', { skip: needsOpenssl }, async () => {
  const refused: readonly (readonly [location: string, sentence: RegExp])[] = [
    [`${storage.origin}/x`, /redirects to 127\.0\.0\.1:\d+ without TLS, which plyfs does not follow/],
    ['ftp://example.org/x', /redirects to an address that begins with ftp:/],
    ['http://[', /redirects to what is no address/],
  ];
  for (const [location, sentence] of refused) {
    secure.rules = [on(/manifests/, (_, response) => send(response, 302, { Location: location }, ''))];
    await withRepository(async (repository) => {
      await failsWith('registry-unreachable', sentence, () => repository.getManifest('1'));
    }, secure.authority);
  }
  assert.equal(storage.seen.length, 0);
});

test('a write is not turned into a read by a redirect', { skip: needsOpenssl }, async () => {
  registry.rules = [on(/^POST/, (_, response) => send(response, 302, { Location: `${storage.origin}/x` }, ''))];
  await withRepository(async (repository) => {
    const read = () => [bytes];
    await failsWith('registry-answer', /status 302/, () =>
      repository.upload({ digest: `sha256:${'1'.repeat(64)}` as Digest, sizeBytes: bytes.length, read }),
    );
  });
  assert.equal(storage.seen.length, 0);
});

test('a registry behind a proxy that ends TLS names its uploads with http: they go over TLS all the same', {
  skip: needsOpenssl,
}, async () => {
  secure.rules = [
    on(/^POST/, (_, response) => {
      secure.uploads.set('1', { bytes: Buffer.alloc(0) });
      send(response, 202, { Location: `http://${secure.authority}/v2/team/app/blobs/uploads/1` }, '');
    }),
  ];
  await withRepository(async (repository) => {
    const read = (offset: number) => [bytes.subarray(offset)];
    assert.deepEqual(await repository.upload({ digest, sizeBytes: bytes.length, read }), { kind: 'sent' });
  }, secure.authority);
});

test('a foreign layer is taken from its own address where the registry has it not, by https only', {
  skip: needsOpenssl,
}, async () => {
  const foreign = secure.putBlob(patternBytes(5000, 9));
  secure.rules = [on(/\/layer$/, (_, response) => send(response, 200, {}, patternBytes(5000, 9)))];
  await withRepository(async (repository) => {
    const options = { size: 5000, urls: [`${storage.origin}/layer`, `${secure.origin}/layer`] };
    assert.equal((await collected(repository.openBlob(foreign, options))).length, 5000);
  });
  assert.equal(storage.seen.length, 0);
  assert.ok(secure.seen.every(({ headers }) => headers.authorization === undefined));
});
