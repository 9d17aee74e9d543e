/** What bad input gets: one sentence that names registry and repository and says what to do, and never a credential. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import { sha256Of } from '../../../src/base/digest.js';
import { mediaTypes } from '../../../src/oci/media-types.js';
import { RegistrySession, type Repository } from '../../../src/registry/client.js';
import { excerptOf } from '../../../src/registry/failure.js';
import { cut, HostileRegistry, on, type Rule, refuse, send, times } from '../../support/hostile-registry.js';
import { failsWith, patternBytes, RegistryStage, uploadOf } from '../../support/registry-stage.js';

const stage = new RegistryStage();
let registry: HostileRegistry;
const sessions: RegistrySession[] = [];

before(async () => {
  registry = await HostileRegistry.start();
  registry.putManifest('team/app', '1');
});
after(async () => {
  for (const session of sessions) session.close();
  await registry.stop();
  stage.remove();
});
beforeEach(() => {
  registry.rules = [];
  registry.seen.length = 0;
});

function repository(domain = registry.authority): Repository {
  const session = new RegistrySession({ settings: stage.settings({}, { stallMs: 1000 }) });
  sessions.push(session);
  return session.repository({ domain, path: 'team/app' });
}

/** A manifest that is sent as `mediaType`. */
function document(value: unknown, mediaType: string = mediaTypes.manifest): Rule {
  const body = typeof value === 'string' ? value : JSON.stringify(value);
  return on(/manifests/, (_, response) => send(response, 200, { 'Content-Type': mediaType }, body));
}

const hub429 =
  '{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit"}]}';
const descriptor = { mediaType: mediaTypes.config, digest: sha256Of('{}'), size: 2 };

/** Each kind of answer to a GET of `team/app:1`. */
const answers: readonly (readonly [name: string, rule: Rule, code: string, sentence: RegExp])[] = [
  [
    '401',
    on(/./, (_, response) => refuse(response, 401, 'UNAUTHORIZED')),
    'registry-denied',
    /denied: requested access to the resource is denied by 127.*: plyfs login 127/,
  ],
  [
    '403',
    on(/manifests/, (_, response) => refuse(response, 403, 'DENIED')),
    'registry-denied',
    /denied.*\(it says: DENIED: denied\)/,
  ],
  [
    '404',
    on(/manifests/, (_, response) => refuse(response, 404, 'MANIFEST_UNKNOWN')),
    'registry-absent',
    /does not have it \(it says: MANIFEST_UNKNOWN: manifest unknown\): check the name \(plyfs tags 127.*team\/app lists the tags\)/,
  ],
  [
    '404 without a text',
    on(/manifests/, (_, response) => send(response, 404, {}, '')),
    'registry-absent',
    /does not have it: check the name/,
  ],
  [
    "429 with Docker Hub's text",
    on(/manifests/, (_, response) => send(response, 429, { 'Retry-After': '3600' }, hub429)),
    'registry-limit',
    /no more requests for now \(it says: TOOMANYREQUESTS: You have reached your unauthenticated pull rate limit.*\): wait, or log in/,
  ],
  [
    '400',
    on(/manifests/, (_, response) => refuse(response, 400, 'NAME_INVALID')),
    'registry-answer',
    /status 400 \(it says: NAME_INVALID/,
  ],
  [
    '500 each time',
    on(/manifests/, (_, response) => send(response, 500, {}, 'oops\nat line 7')),
    'registry-failing',
    /status 500 \(it says: oops\): try again later/,
  ],
  ['304', on(/manifests/, (_, response) => send(response, 304, {}, '')), 'registry-answer', /status 304/],
  [
    'HTML instead of JSON',
    document('<!DOCTYPE html><title>Log in to the hotel</title>', 'text/html'),
    'registry-answer',
    /answers with a web page instead of JSON: is that a registry, or is a proxy with a login between/,
  ],
  ['text instead of JSON', document('hello'), 'registry-answer', /answers with something else instead of JSON/],
  ['JSON that breaks off', document('{"schemaVersion":2,'), 'document', /team\/app:1 is not JSON/],
  [
    'a body that is cut each time',
    on(/manifests/, (_, response) => cut(response, 200, { 'Content-Length': 1000 }, Buffer.from('{'))),
    'registry-broken',
    /broke off the connection: try again/,
  ],
  [
    'a body that stalls each time',
    on(/manifests/, (_, response) => void response.writeHead(200, { 'Content-Length': 1000 }).write('{')),
    'registry-broken',
    /sent nothing for 1 s/,
  ],
  [
    'a manifest without end',
    on(/manifests/, (_, response) => send(response, 200, {}, '{'.padEnd(5 * 1024 ** 2))),
    'document',
    /the manifest is longer than 4194304 bytes/,
  ],
  [
    'both layers and manifests',
    document({ schemaVersion: 2, config: descriptor, layers: [], manifests: [] }),
    'document',
    /team\/app:1 has both layers and manifests/,
  ],
  [
    'a manifest sent as an index',
    document({ schemaVersion: 2, config: descriptor, layers: [] }, mediaTypes.index),
    'document',
    /is sent as .*index.*but the fields are those of a manifest/,
  ],
  [
    'an index that calls itself a manifest',
    document({ schemaVersion: 2, mediaType: mediaTypes.manifest, manifests: [] }, 'application/json'),
    'document',
    /mediaType is .*, but the fields are those of an index/,
  ],
  [
    'schema 1',
    document({ schemaVersion: 1, fsLayers: [] }, 'application/vnd.docker.distribution.manifest.v1+prettyjws'),
    'document',
    /schema 1 manifest, which is no longer supported/,
  ],
  [
    'other bytes than Docker-Content-Digest',
    on(/manifests/, (_, response) => send(response, 200, { 'Docker-Content-Digest': `sha256:${'1'.repeat(64)}` }, '{}')),
    'digest',
    /sent other bytes than those of sha256:1111/,
  ],
  [
    'a status that is none',
    on(/manifests/, (request) => void request.incoming.socket.end('HTTP/1.1 abc\r\n\r\n')),
    'registry-answer',
    /does not answer in HTTP/,
  ],
];

for (const [name, rule, code, sentence] of answers) {
  test(`a registry that answers with ${name}: one sentence that names it`, { timeout: 20_000 }, async () => {
    registry.rules = [rule];
    const failure = await failsWith(code, sentence, () => repository().getManifest('1'));
    assert.match(failure.message, /127\.0\.0\.1:\d+\/team\/app:1/);
    assert.ok(registry.asked(/manifests/).length <= 5);
  });
}

test('a manifest that is cut or stalls once arrives all the same', { timeout: 20_000 }, async () => {
  registry.rules = [
    times(
      1,
      on(/manifests/, (_, response) => cut(response, 200, { 'Content-Length': 1000 }, Buffer.from('{'))),
    ),
    times(
      1,
      on(/manifests/, (_, response) => void response.writeHead(200, { 'Content-Length': 1000 }).write('{')),
    ),
    times(
      1,
      on(/manifests/, (_, response) => send(response, 503, {}, '')),
    ),
  ];
  assert.equal((await repository().getManifest('1')).document.kind, 'manifest');
});

test('a registry that knows no HEAD is asked for the manifest', async () => {
  const digest = registry.putManifest('team/app', '1');
  registry.rules = [on(/^HEAD/, (_, response) => send(response, 405, {}, ''))];
  assert.equal((await repository().headManifest('1'))?.digest, digest);
});

test('a manifest by its digest has to be that one', async () => {
  const digest = registry.putManifest('team/app', '1');
  assert.equal((await repository().getManifest(digest)).digest, digest);
  registry.rules = [document({ schemaVersion: 2, config: descriptor, layers: [] })];
  await failsWith('digest', new RegExp(`other bytes than those of ${digest}: the manifest is damaged`), () =>
    repository().getManifest(digest),
  );
});

test('a config is verified, and bounded', async () => {
  const bytes = Buffer.from('{"a":1}');
  const digest = registry.putBlob(bytes);
  const whole = { mediaType: mediaTypes.config, digest, size: bytes.length };
  assert.ok((await repository().readBlob(whole, 100)).equals(bytes));
  await failsWith('document', /is 7 bytes long; the limit is 5 bytes/, () => repository().readBlob(whole, 5));
  registry.rules = [on(/blobs/, (_, response) => send(response, 200, {}, '{"a":2}'))];
  await failsWith('digest', /team\/app@sha256:.*the registry sent other bytes/, () => repository().readBlob(whole, 100));
});

/** Hosts that are none, by what listens there. */
test('a host that is not there, refuses, is silent or speaks something else: one sentence each', {
  timeout: 30_000,
}, async () => {
  await failsWith(
    'registry-unreachable',
    /^registry\.invalid\/team\/app:1: there is no host registry\.invalid .*check the name/,
    () => repository('registry.invalid').getManifest('1'),
  );
  await failsWith('registry-unreachable', /127\.0\.0\.1:9 refuses the connection: is the registry running/, () =>
    repository('127.0.0.1:9').getManifest('1'),
  );
  await failsWith('registry-unreachable', /\[::1\]:9\/team\/app:1: .*(refuses the connection|cannot be reached)/, () =>
    repository('[::1]:9').getManifest('1'),
  );
  const servers: readonly (readonly [answer: string | undefined, code: string, sentence: RegExp])[] = [
    [undefined, 'registry-broken', /sent nothing for 1 s/],
    ['SSH-2.0-OpenSSH_9.2\r\n', 'registry-answer', /does not answer in HTTP/],
  ];
  for (const [answer, code, sentence] of servers) {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      if (answer !== undefined) socket.end(answer);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    assert.ok(typeof address === 'object' && address !== null);
    try {
      await failsWith(code, sentence, () => repository(`127.0.0.1:${address.port}`).getManifest('1'));
    } finally {
      server.close();
    }
  }
});

test('tags, catalog and search of a registry that lists nonsense', async () => {
  const lists: readonly (readonly [rule: Rule, sentence: RegExp])[] = [
    [on(/tags/, (_, response) => send(response, 200, {}, '{"tags":[1]}')), /tags\[0\] is not a string: is that a registry/],
    [on(/tags/, (_, response) => send(response, 200, {}, '<html>')), /a web page instead of JSON/],
    [
      on(/tags/, (_, response) => send(response, 200, { Link: '<https://elsewhere.example/x>; rel="next"' }, '{"tags":[]}')),
      /has its next page elsewhere/,
    ],
    [
      on(/tags/, (_, response) => send(response, 200, { Link: '</v2/team/app/tags/list?last=a>; rel="next"' }, '{"tags":["a"]}')),
      /lists without end/,
    ],
  ];
  for (const [rule, sentence] of lists) {
    registry.rules = [rule];
    await failsWith('registry-answer', sentence, async () => {
      for await (const _ of repository().listTags()) {
        // all of them
      }
    });
  }
  registry.rules = [on(/tags/, (_, response) => send(response, 200, {}, '{"tags":null}'))];
  for await (const tag of repository().listTags()) assert.fail(tag);
});

const excerpts: readonly (readonly [text: string, gist: string])[] = [
  ['', ''],
  ['{"errors":[{"code":"A","message":"b"},{"code":"C","message":"d"}]}', 'A: b; C: d'],
  ['{"errors":[]}', ''],
  ['{"errors":"x","message":"no"}', 'no'],
  ['{"error":"invalid_grant","error_description":"expired"}', 'expired'],
  ['{"details":"incorrect"}', 'incorrect'],
  ['<?xml version="1.0"?><Error><Code>NoSuchKey</Code><Message>gone</Message></Error>', 'NoSuchKey: gone'],
  ['<html><head><title>\n 502 Bad  Gateway</title>', '502 Bad Gateway'],
  ['<html></html>', 'an HTML page'],
  ['first\nsecond', 'first'],
  ['x'.repeat(500), `${'x'.repeat(200)}…`],
];

test('of a long or strange text the gist is shown, on one line', () => {
  for (const [text, gist] of excerpts) assert.equal(excerptOf(text), gist);
});

test('no credential is in a sentence, a trace or an argument, even where the registry sends it back', { timeout: 30_000 }, () => {
  const script = new URL('../../support/leaking-session.js', import.meta.url).pathname;
  const ended = spawnSync(process.execPath, [script], {
    encoding: 'utf8',
    timeout: 25_000,
    env: { ...process.env, PLYFS_TRACE: 'registry' },
  });
  assert.equal(ended.status, 0, ended.stderr);
  const secrets = [
    'pa:ss-leak',
    Buffer.from('ann:pa:ss-leak').toString('base64'),
    'tok-leak',
    'refresh-leak',
    encodeURIComponent('pa:ss-leak'),
  ];
  const said = ended.stdout + ended.stderr;
  assert.match(said, /denied/);
  assert.match(said, /> GET http:/);
  for (const word of secrets) assert.ok(!said.includes(word), `${word} in:\n${said}`);
});

test('a session that is aborted before its first call asks nobody', async () => {
  const controller = new AbortController();
  controller.abort(new Error('never'));
  const session = new RegistrySession({ settings: stage.settings(), signal: controller.signal });
  const app = session.repository({ domain: registry.authority, path: 'team/app' });
  const bytes = patternBytes(10);
  await assert.rejects(app.getManifest('1'), /never/);
  await assert.rejects(app.upload(uploadOf(bytes, sha256Of(bytes))), /never/);
  assert.equal(registry.seen.length, 0);
});
