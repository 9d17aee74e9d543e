/** Authorization: what a registry and its token service may answer, and where credentials go. */

import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { after, before, beforeEach, test } from 'node:test';
import { RegistrySession } from '../../../src/registry/client.js';
import { HostileRegistry, on, type Request, type Rule, refuse, send, sendJson } from '../../support/hostile-registry.js';
import { failsWith, RegistryStage } from '../../support/registry-stage.js';

const user = 'ann';
const secret = 'pa:ss=w0rd/ü';
const basic = `Basic ${Buffer.from(`${user}:${secret}`).toString('base64')}`;

const stage = new RegistryStage();
let registry: HostileRegistry;
let service: HostileRegistry;
let session: RegistrySession;

before(async () => {
  registry = await HostileRegistry.start();
  service = await HostileRegistry.start();
  registry.putManifest('team/app', '1');
});
after(async () => {
  session.close();
  await registry.stop();
  await service.stop();
  stage.remove();
});
beforeEach(() => {
  for (const server of [registry, service]) {
    server.rules = [];
    server.seen.length = 0;
  }
  stage.clear();
});

function open(): RegistrySession {
  session?.close();
  session = new RegistrySession({ settings: stage.settings() });
  return session;
}

function repository(path = 'team/app') {
  return open().repository({ domain: registry.authority, path });
}

function challenge(response: ServerResponse, text: string): void {
  refuse(response, 401, 'UNAUTHORIZED', { 'WWW-Authenticate': text });
}

/** The registry wants one of these headers. */
function wants(accepted: readonly string[], text: (request: Request) => string): Rule {
  return (request, response) => {
    if (accepted.includes(request.headers.authorization ?? '')) return false;
    challenge(response, text(request));
    return true;
  };
}

function bearer(scope?: string): string {
  return `Bearer realm="${service.origin}/token?x=1",service="registry, of a test"${scope === undefined ? '' : `,scope="${scope}"`}`;
}

function gives(answer: object): Rule {
  return on(/\/token/, (_, response) => sendJson(response, 200, answer));
}

test('an anonymous pull gets a token for its repository, and keeps it', async () => {
  registry.rules = [wants(['Bearer t1'], () => bearer())];
  service.rules = [gives({ token: 't1' })];
  const app = repository();
  await app.getManifest('1');
  await app.headManifest('1');
  const [asked, ...more] = service.asked(/./);
  const query = new URL(asked?.path ?? '', service.origin).searchParams;
  assert.equal(query.get('service'), 'registry, of a test');
  assert.deepEqual(query.getAll('scope'), ['repository:team/app:pull']);
  assert.equal(query.get('x'), '1');
  assert.equal(asked?.headers.authorization, undefined);
  assert.equal(more.length, 0);
  assert.equal(registry.asked(/^GET \/v2\/$/).length, 1);
});

test('calls of one moment share a token request', async () => {
  registry.rules = [wants(['Bearer t1'], () => bearer())];
  service.rules = [
    on(/token/, async (_, response) => {
      await new Promise((resolve) => setTimeout(resolve, 30));
      sendJson(response, 200, { token: 't1' });
    }),
  ];
  const app = repository();
  await Promise.all([app.getManifest('1'), app.getManifest('1'), app.headManifest('1')]);
  assert.equal(service.seen.length, 1);
});

test('access_token does as token, and the password goes to the token service alone', async () => {
  stage.logIn(registry.authority, user, secret);
  registry.rules = [wants(['Bearer t2'], () => bearer('repository:team/app:pull'))];
  service.rules = [gives({ access_token: 't2', expires_in: 300 })];
  await repository().getManifest('1');
  assert.deepEqual(
    service.seen.map(({ headers }) => headers.authorization),
    [basic],
  );
  assert.ok(registry.seen.every(({ headers }) => headers.authorization !== basic));
});

test('Basic credentials go with every call to that host, after it asked for them', async () => {
  stage.logIn(registry.authority, user, secret);
  registry.rules = [wants([basic], () => 'Basic realm="test, of a kind"')];
  await repository().getManifest('1');
  assert.deepEqual(
    registry.seen.map(({ headers }) => headers.authorization),
    [undefined, basic],
  );
});

test('a token that the registry takes no more is replaced once', async () => {
  let accepted = 'Bearer t1';
  let given = 0;
  registry.rules = [(request, response) => wants([accepted], () => bearer())(request, response)];
  service.rules = [
    on(/token/, (_, response) => {
      given += 1;
      sendJson(response, 200, { token: `t${given}` });
    }),
  ];
  const app = repository();
  await app.getManifest('1');
  accepted = 'Bearer t2';
  await app.getManifest('1');
  assert.equal(given, 2);
});

test('a token is kept for a minute at least, and renewed ten seconds before its end', async (context) => {
  context.mock.timers.enable({ apis: ['Date'], now: Date.now() });
  registry.rules = [(request, response) => wants(['Bearer t'], () => bearer())(request, response)];
  const lives = [5, 100, undefined];
  service.rules = [on(/token/, (_, response) => sendJson(response, 200, { token: 't', expires_in: lives.shift() }))];
  const app = repository();
  const asked = async (seconds: number) => {
    context.mock.timers.tick(seconds * 1000);
    await app.getManifest('1');
    return service.seen.length;
  };
  // 5 s count as 60; then 100; then nothing is said, which is 60.
  assert.deepEqual(
    [await asked(0), await asked(49), await asked(2), await asked(89), await asked(2), await asked(49), await asked(2)],
    [1, 1, 2, 2, 3, 3, 4],
  );
});

test('a registry that opens only parts of itself is asked with a token where it wants one', async () => {
  // The dependency proxy of some: /v2/ is open, and the challenge names no scope.
  registry.rules = [
    (request, response) =>
      request.path === '/v2/' ? Promise.resolve(false) : wants(['Bearer t3'], () => bearer())(request, response),
  ];
  service.rules = [gives({ token: 't3' })];
  await repository().getManifest('1');
  assert.deepEqual(new URL(service.seen[0]?.path ?? '', service.origin).searchParams.getAll('scope'), [
    'repository:team/app:pull',
  ]);
});

test('a push asks for pull and push, a mount for the other repository too', async () => {
  registry.rules = [wants(['Bearer t4'], () => bearer()), on(/^POST/, (_, response) => send(response, 201, {}, ''))];
  service.rules = [gives({ token: 't4' })];
  const digest = registry.putBlob(Buffer.from('blob'));
  assert.equal(await repository().mountBlob(digest, 'other/base'), true);
  const scopes = new URL(service.seen[0]?.path ?? '', service.origin).searchParams.getAll('scope');
  assert.deepEqual(scopes, ['repository:other/base:pull', 'repository:team/app:pull,push']);
});

/** Grants that are no use: no loop, one sentence. */
const useless: readonly (readonly [name: string, status: number, answer: Rule, sentence: RegExp])[] = [
  [
    'a token that the registry refuses',
    401,
    on(/token/, (_, response) => sendJson(response, 200, { token: 'weak' })),
    /denied: requested access to the resource is denied by 127/,
  ],
  [
    'a token that allows less than was asked for',
    403,
    on(/token/, (_, response) => sendJson(response, 200, { token: 'weak' })),
    /denied: requested access/,
  ],
  ['no token at all', 401, on(/token/, (_, response) => sendJson(response, 200, {})), /gave no token/],
  ['an HTML page', 401, on(/token/, (_, response) => send(response, 200, {}, '<html>log in</html>')), /gave no token/],
  [
    'a token with a line break',
    401,
    on(/token/, (_, response) => sendJson(response, 200, { token: 'a\r\nX: y' })),
    /gave no token/,
  ],
  [
    '401',
    401,
    on(/token/, (_, response) => sendJson(response, 401, { details: 'incorrect username or password' })),
    /denied.*it says: incorrect username or password/,
  ],
  [
    '403 with an HTML page',
    401,
    on(/token/, (_, response) => send(response, 403, {}, '<!DOCTYPE html><title>Forbidden</title>')),
    /denied.*it says: Forbidden/,
  ],
  ['503 each time', 401, on(/token/, (_, response) => send(response, 503, {}, '')), /fails with status 503/],
];

for (const [name, status, rule, sentence] of useless) {
  test(`a token service that answers with ${name}: one sentence, and no loop`, async () => {
    registry.rules = [
      (request, response) => {
        if (request.headers.authorization === undefined || status === 401) challenge(response, bearer());
        else refuse(response, 403, 'DENIED');
        return true;
      },
    ];
    service.rules = [rule];
    await assert.rejects(repository().getManifest('1'), sentence);
    assert.ok(registry.seen.length <= 4, String(registry.seen.length));
    assert.ok(service.seen.length <= 5);
  });
}

test('denied without credentials says how to log in, with wrong ones that they are wrong', async () => {
  registry.rules = [wants([], () => 'Basic realm="x"')];
  await failsWith(
    'registry-denied',
    new RegExp(`no such repository, or it needs a login: plyfs login ${registry.authority}$`),
    () => repository().getManifest('1'),
  );
  stage.logIn(registry.authority, user, secret);
  await failsWith('registry-denied', /the saved credentials are not accepted: plyfs login .* replaces them/, () =>
    repository().getManifest('1'),
  );
  registry.rules = [on(/manifests/, (_, response) => refuse(response, 403, 'DENIED'))];
  await failsWith('registry-denied', /the saved credentials do not suffice/, () => repository().getManifest('1'));
});

test('an identity token is exchanged in a form; services without that are asked by GET', async () => {
  stage.write('home/.docker/config.json', JSON.stringify({ auths: { [registry.authority]: { identitytoken: 'refresh-me' } } }));
  registry.rules = [wants(['Bearer t5'], () => bearer())];
  const forms: string[] = [];
  service.rules = [
    on(/^POST .*token/, async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request.incoming) chunks.push(chunk as Buffer);
      forms.push(Buffer.concat(chunks).toString());
      sendJson(response, 200, { access_token: 't5' });
    }),
  ];
  await repository().getManifest('1');
  const form = new URLSearchParams(forms[0]);
  assert.deepEqual(
    ['grant_type', 'refresh_token', 'service', 'scope'].map((key) => form.get(key)),
    ['refresh_token', 'refresh-me', 'registry, of a test', 'repository:team/app:pull'],
  );
  service.rules = [on(/^POST/, (_, response) => send(response, 405, {}, '')), gives({ token: 't5' })];
  await repository().getManifest('1');
});

test('a registry token goes to the registry as it is', async () => {
  stage.write('home/.docker/config.json', JSON.stringify({ auths: { [registry.authority]: { registrytoken: 'as-is' } } }));
  registry.rules = [wants(['Bearer as-is'], () => bearer())];
  await repository().getManifest('1');
  assert.equal(service.seen.length, 0);
});

test('a token larger than the usual limit of headers is taken', async () => {
  const long = 'x'.repeat(14_000);
  registry.rules = [wants([`Bearer ${long}`], () => bearer())];
  service.rules = [gives({ token: long })];
  await repository().getManifest('1');
});

test('login gives back what is to be kept, and refuses a wrong password', async () => {
  registry.rules = [wants(['Bearer t6'], () => bearer())];
  service.rules = [
    on(/token/, (request, response) => {
      if (request.headers.authorization !== basic) sendJson(response, 401, { details: 'no' });
      else sendJson(response, 200, { token: 't6', refresh_token: 'r6' });
    }),
  ];
  const credential = { kind: 'password', user, secret } as const;
  assert.deepEqual(await open().login(registry.authority, credential), { kind: 'identity-token', secret: 'r6' });
  assert.match(service.seen[0]?.path ?? '', /offline_token=true/);
  await failsWith('registry-denied', /^127.*: unauthorized: incorrect username or password/, () =>
    open().login(registry.authority, { ...credential, secret: 'wrong' }),
  );
  service.rules = [gives({ token: 't6' })];
  assert.deepEqual(await open().login(registry.authority, credential), credential);
});
