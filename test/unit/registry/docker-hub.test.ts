/** Docker Hub without Docker Hub: a proxy leads its names to a registry of the test, whose certificate NODE_EXTRA_CA_CERTS vouches for. */

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { RegistrySession } from '../../../src/registry/client.js';
import { hubKey } from '../../../src/registry/credentials.js';
import { ForwardProxy } from '../../support/forward-proxy.js';
import { HostileRegistry, on, refuse, send, sendJson } from '../../support/hostile-registry.js';
import { makeCertificate, needsOpenssl } from '../../support/registry-server.js';
import { failsWith, RegistryStage } from '../../support/registry-stage.js';

const directory = mkdtempSync(join(tmpdir(), 'plyfs-hub-'));
const stage = new RegistryStage();
let tls: { cert: string; key: string };
let hub: HostileRegistry;
let proxy: ForwardProxy;

before(async () => {
  if (needsOpenssl) return;
  makeCertificate(directory, 'DNS:registry-1.docker.io,DNS:auth.docker.io,DNS:index.docker.io,IP:127.0.0.1');
  tls = {
    cert: readFileSync(join(directory, 'server.crt'), 'utf8'),
    key: readFileSync(join(directory, 'server.key'), 'utf8'),
  };
  hub = await HostileRegistry.start(tls);
  proxy = await ForwardProxy.start(() => Number(hub.authority.split(':')[1]));
  hub.putManifest('library/busybox', 'latest');
});
after(async () => {
  await hub?.stop();
  await proxy?.stop();
  stage.remove();
  rmSync(directory, { recursive: true });
});
beforeEach(() => {
  if (needsOpenssl) return;
  stage.clear();
  proxy.asked.length = 0;
  proxy.status = 200;
  hub.seen.length = 0;
  hub.rules = [
    on(/^GET \/token/, (_, response) => sendJson(response, 200, { token: 'hub-token' })),
    (request, response) => {
      if (request.headers.authorization === 'Bearer hub-token' || request.path.startsWith('/v1/')) return false;
      refuse(response, 401, 'UNAUTHORIZED', {
        'WWW-Authenticate': 'Bearer realm="https://auth.docker.io/token",service="registry.docker.io"',
      });
      return true;
    },
  ];
});

async function withSession<T>(
  env: Record<string, string>,
  use: (session: RegistrySession) => Promise<T>,
  stallMs = 20_000,
): Promise<T> {
  const ca = join(directory, 'ca.crt');
  const HTTPS_PROXY = `http://me:p%40ss@${proxy.authority}`;
  const settings = stage.settings({ PLYFS_EXTRA_CA_CERTS: ca, HTTPS_PROXY, ...env }, { stallMs });
  const session = new RegistrySession({ settings });
  try {
    return await use(session);
  } finally {
    session.close();
  }
}

const busybox = { domain: 'docker.io', path: 'library/busybox' };

test('docker.io is registry-1.docker.io behind the proxy, its token service and its credentials have their names', {
  skip: needsOpenssl,
}, async () => {
  stage.logIn(hubKey, 'ann', 'hub-word');
  await withSession({}, async (session) => {
    await session.repository(busybox).getManifest('latest');
  });
  const basic = `Basic ${Buffer.from('ann:hub-word').toString('base64')}`;
  assert.deepEqual(
    hub.seen.map(({ path, headers }) => [headers.host, path.split('?')[0], headers.authorization]),
    [
      ['registry-1.docker.io', '/v2/', undefined],
      ['auth.docker.io', '/token', basic],
      ['registry-1.docker.io', '/v2/library/busybox/manifests/latest', 'Bearer hub-token'],
    ],
  );
  const asked = new URL(hub.seen[1]?.path ?? '', 'https://x').searchParams;
  assert.deepEqual([asked.get('service'), asked.get('scope')], ['registry.docker.io', 'repository:library/busybox:pull']);
  assert.deepEqual(
    proxy.asked.map(({ line }) => line),
    ['CONNECT registry-1.docker.io:443', 'CONNECT auth.docker.io:443'],
  );
  // The proxy's password is for the proxy.
  const proxyBasic = `Basic ${Buffer.from('me:p@ss').toString('base64')}`;
  assert.ok(proxy.asked.every(({ authorization }) => authorization === proxyBasic));
  assert.ok(hub.seen.every(({ headers }) => headers['proxy-authorization'] === undefined));
});

test('a search asks index.docker.io, and gives its results', { skip: needsOpenssl }, async () => {
  const results = [
    { name: 'busybox', description: 'Busybox\nbase image.', star_count: 3000, is_official: true, is_automated: false },
    { name: 'ann/busybox', description: null, star_count: 2, is_official: false, is_trusted: true },
  ];
  hub.rules = [
    on(/^GET \/v1\/search\?q=busy%20box&n=7$/, (_, response) => sendJson(response, 200, { num_results: 2, results })),
    ...hub.rules,
  ];
  const found = await withSession({}, (session) => session.search('docker.io', 'busy box', { limit: 7 }));
  assert.deepEqual(found, [
    { name: 'busybox', description: 'Busybox base image.', stars: 3000, isOfficial: true, isAutomated: false },
    { name: 'ann/busybox', description: '', stars: 2, isOfficial: false, isAutomated: true },
  ]);
  assert.equal(proxy.asked[0]?.line, 'CONNECT index.docker.io:443');
  // No token for images is asked for, although /v2/ wants one.
  assert.equal(hub.asked(/token/).length, 0);
  hub.rules = [on(/v1/, (_, response) => send(response, 404, {}, ''))];
  await failsWith('registry-unsupported', /^docker\.io: docker\.io offers no search/, () =>
    withSession({}, (session) => session.search('docker.io', 'x')),
  );
});

test('too many pulls: the words of Docker Hub, and the login that helps', { skip: needsOpenssl }, async () => {
  const message = 'You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit';
  hub.rules = [
    on(/manifests/, (_, response) =>
      sendJson(response, 429, { errors: [{ code: 'TOOMANYREQUESTS', message }] }, { 'Retry-After': '20000' }),
    ),
    ...hub.rules,
  ];
  await failsWith(
    'registry-limit',
    /docker\.io\/library\/busybox:latest: .*TOOMANYREQUESTS: You have reached .*: wait, or log in for a higher limit \(plyfs login\)$/,
    () => withSession({}, (session) => session.repository(busybox).getManifest('latest')),
  );
});

/** What a proxy may answer. */
const refusals: readonly (readonly [status: number, sentence: RegExp])[] = [
  [
    407,
    /docker\.io\/library\/busybox:latest: the proxy 127.* asks for a user and password and does not let us through to registry-1\.docker\.io:443/,
  ],
  [403, /the proxy 127.* answers 403 .*: check HTTPS_PROXY/],
  [0, /the proxy 127.* sends nothing and does not let us through/],
];

test('a proxy that does not let us through is named, without its password', { skip: needsOpenssl }, async () => {
  for (const [status, sentence] of refusals) {
    proxy.status = status;
    const failure = await failsWith('registry-unreachable', sentence, () =>
      withSession({}, (session) => session.repository(busybox).getManifest('latest'), status === 0 ? 500 : undefined),
    );
    assert.doesNotMatch(failure.message, /p@ss|p%40ss/);
  }
  await failsWith('registry-unreachable', /the proxy 127\.0\.0\.1:9 refuses the connection and does not let us through/, () =>
    withSession({ HTTPS_PROXY: 'http://127.0.0.1:9' }, (session) => session.repository(busybox).getManifest('latest')),
  );
});

test('an abort while the proxy opens the way ends at once, and leaves no connection', { skip: needsOpenssl }, async () => {
  proxy.status = 0;
  const controller = new AbortController();
  const reason = new Error('enough');
  setTimeout(() => controller.abort(reason), 100);
  await withSession({}, (session) =>
    assert.rejects(session.repository(busybox).getManifest('latest', { signal: controller.signal }), (error) => error === reason),
  );
  for (let tries = 0; tries < 100 && proxy.connections > 0; tries++) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(proxy.connections, 0);
});

test('a proxy may speak TLS, and have odd signs in its password', { skip: needsOpenssl }, async () => {
  const secure = await ForwardProxy.start(() => Number(hub.authority.split(':')[1]), tls);
  try {
    await withSession({ HTTPS_PROXY: `https://me:50%@${secure.authority}` }, (session) =>
      session.repository(busybox).getManifest('latest'),
    );
    const authorization = `Basic ${Buffer.from('me:50%').toString('base64')}`;
    assert.deepEqual(secure.asked[0], { line: 'CONNECT registry-1.docker.io:443', authorization });
  } finally {
    await secure.stop();
  }
});

test('NO_PROXY goes past the proxy', { skip: needsOpenssl }, async () => {
  await failsWith('registry-unreachable', /there is no host registry-1\.docker\.io/, () =>
    withSession({ NO_PROXY: '.docker.io' }, (session) => session.repository(busybox).getManifest('latest')),
  );
  assert.equal(proxy.asked.length, 0);
});

test('an insecure registry without TLS is asked through HTTP_PROXY by its whole address, a mirror of the Hub too', {
  skip: needsOpenssl,
}, async () => {
  const plain = await HostileRegistry.start();
  const leading = await ForwardProxy.start(() => Number(plain.authority.split(':')[1]));
  for (const path of ['team/app', 'library/busybox']) plain.putManifest(path, '1');
  stage.write(
    'etc/docker/daemon.json',
    '{"insecure-registries":["plain.example"], "registry-mirrors": ["http://mirror.example:8080"]}',
  );
  try {
    for (const HTTPS_PROXY of ['', 'http://127.0.0.1:9']) {
      leading.asked.length = 0;
      await withSession({ HTTPS_PROXY, HTTP_PROXY: `http://me:word@${leading.authority}` }, async (session) => {
        await session.repository({ domain: 'plain.example', path: 'team/app' }).getManifest('1');
        await session.repository(busybox).getManifest('1');
      });
      assert.deepEqual(
        leading.asked.map(({ line }) => line),
        [
          'GET http://plain.example/v2/',
          'GET http://plain.example/v2/team/app/manifests/1',
          'GET http://mirror.example:8080/v2/',
          'GET http://mirror.example:8080/v2/library/busybox/manifests/1',
        ],
      );
    }
  } finally {
    await plain.stop();
    await leading.stop();
  }
});
