/** Reading blobs from a registry that misbehaves: the caller sees each byte once, or one sentence. */

import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { Digest } from '../../../src/base/digest.js';
import type { Limits } from '../../../src/base/limits.js';
import { RegistrySession, type Repository } from '../../../src/registry/client.js';
import { cut, HostileRegistry, on, type Rule, refuse, send, times } from '../../support/hostile-registry.js';
import { collected, failsWith, patternBytes, RegistryStage } from '../../support/registry-stage.js';

const stage = new RegistryStage();
const bytes = patternBytes(300_000);
const size = bytes.length;
let registry: HostileRegistry;
let digest: Digest;
let session: RegistrySession;

before(async () => {
  registry = await HostileRegistry.start();
  digest = registry.putBlob(bytes);
});
after(async () => {
  session.close();
  await registry.stop();
  stage.remove();
});
beforeEach(() => {
  registry.rules = [];
  registry.seen.length = 0;
  registry.sentBytes = 0;
});

function repository(limits: Partial<Limits> = {}): Repository {
  session?.close();
  session = new RegistrySession({ settings: stage.settings({}, limits) });
  return session.repository({ domain: registry.authority, path: 'team/app' });
}

const blob = /^GET \/v2\/team\/app\/blobs\//;
const whole = { 'Content-Length': size };

/** What the registry does to the first requests for the blob, and how many it takes until all is there. */
const mended: readonly (readonly [name: string, rule: () => Rule, requests: number])[] = [
  [
    'a body cut after some bytes',
    () =>
      times(
        1,
        on(blob, (_, response) => cut(response, 200, whole, bytes.subarray(0, 100_000))),
      ),
    2,
  ],
  [
    'a body cut before the first byte',
    () =>
      times(
        2,
        on(blob, (_, response) => cut(response, 200, whole, Buffer.alloc(0))),
      ),
    3,
  ],
  [
    'a body cut at its last byte',
    () =>
      times(
        1,
        on(blob, (_, response) => cut(response, 200, whole, bytes.subarray(0, size - 1))),
      ),
    2,
  ],
  [
    'a connection that is closed without an answer',
    () =>
      times(
        2,
        on(blob, (request) => void request.incoming.destroy()),
      ),
    3,
  ],
  [
    'a chunked body that ends too early but in order',
    () =>
      times(
        1,
        on(blob, (_, response) => {
          response.writeHead(200);
          response.end(bytes.subarray(0, 5000));
        }),
      ),
    2,
  ],
  ['statuses 500, 502, 503 and 504', () => statuses([500, 502, 503, 504]), 5],
  [
    'status 429 with Retry-After',
    () =>
      times(
        1,
        on(blob, (_, response) => refuse(response, 429, 'TOOMANYREQUESTS', { 'Retry-After': '0' })),
      ),
    2,
  ],
  [
    'a stall in the middle',
    () =>
      times(
        1,
        on(blob, (_, response) => stall(response, 200)),
      ),
    2,
  ],
  [
    'a stall before the headers',
    () =>
      times(
        1,
        on(blob, () => {}),
      ),
    2,
  ],
];

function statuses(list: readonly number[]): Rule {
  const left = [...list];
  return async (request, response) => {
    const status = blob.test(`${request.method} ${request.path}`) ? left.shift() : undefined;
    if (status === undefined) return false;
    send(response, status, {}, 'try again');
    return true;
  };
}

function stall(response: Parameters<typeof send>[0], status: number): void {
  response.writeHead(status, whole);
  response.write(bytes.subarray(0, 70_000));
}

for (const [name, rule, requests] of mended) {
  test(`${name}: the blob arrives all the same`, { timeout: 20_000 }, async () => {
    registry.rules = [rule()];
    const stallMs = name.startsWith('a stall') ? 500 : 10_000;
    assert.ok((await collected(repository({ stallMs }).openBlob(digest, { size }))).equals(bytes));
    assert.equal(registry.asked(blob).length, requests);
  });
}

test('a broken body goes on with Range, and no byte travels twice', async () => {
  const first = 120_000;
  registry.rules = [
    times(
      1,
      on(blob, (_, response) => cut(response, 200, { ...whole, ETag: '"x"' }, bytes.subarray(0, first))),
    ),
  ];
  assert.ok((await collected(repository().openBlob(digest, { size }))).equals(bytes));
  const [, second] = registry.asked(blob);
  const { range = '', 'if-range': ifRange } = second?.headers ?? {};
  assert.match(range, /^bytes=\d+-$/);
  assert.equal(ifRange, '"x"');
  assert.equal(registry.sentBytes, size - Number(/\d+/.exec(range)?.[0]));
});

/** What a registry may make of `Range: bytes=N-` after a cut at 100,000: the caller's bytes are the same. */
const rangeAnswers: readonly (readonly [name: string, rule: Rule])[] = [
  [
    'the whole body',
    times(
      1,
      on(blob, (_, response) => send(response, 200, {}, bytes)),
    ),
  ],
  [
    'a part that begins earlier',
    times(
      1,
      on(blob, (_, response) => send(response, 206, { 'Content-Range': `bytes 10-${size - 1}/${size}` }, bytes.subarray(10))),
    ),
  ],
  [
    'a part that begins later, and the whole when asked again',
    times(
      1,
      on(blob, (_, response) =>
        send(response, 206, { 'Content-Range': `bytes 200000-${size - 1}/${size}` }, bytes.subarray(200_000)),
      ),
    ),
  ],
  [
    '206 without Content-Range',
    times(
      1,
      on(blob, (_, response) => send(response, 206, {}, bytes.subarray(0, 50))),
    ),
  ],
  [
    '416 although there is more',
    times(
      1,
      on(blob, (_, response) => send(response, 416, { 'Content-Range': `bytes */${size}` }, '')),
    ),
  ],
];

for (const [name, rule] of rangeAnswers) {
  test(`a registry that answers Range with ${name}: each byte arrives once`, async () => {
    const first = times(
      1,
      on(blob, (_, response) => cut(response, 200, whole, bytes.subarray(0, 100_000))),
    );
    registry.rules = [first, rule];
    assert.ok((await collected(repository().openBlob(digest, { size }))).equals(bytes));
  });
}

test('416 with the size that is here already ends the blob, where nobody knew its size', async () => {
  registry.rules = [
    times(
      1,
      on(blob, (_, response) => {
        response.writeHead(200);
        response.write(bytes, () => setTimeout(() => response.destroy(), 20));
      }),
    ),
  ];
  assert.ok((await collected(repository().openBlob(digest))).equals(bytes));
});

test('a part of a blob is asked for by Range, and cut out where the registry sends all', async () => {
  const part = { size, offset: 1000, length: 5000 };
  assert.ok((await collected(repository().openBlob(digest, part))).equals(bytes.subarray(1000, 6000)));
  assert.equal(registry.sentBytes, 5000);
  registry.rules = [on(blob, (_, response) => send(response, 200, {}, bytes))];
  assert.ok((await collected(repository().openBlob(digest, part))).equals(bytes.subarray(1000, 6000)));
  assert.ok((await collected(repository().openBlob(digest, { size, offset: size - 10 }))).equals(bytes.subarray(size - 10)));
});

test('an empty blob is a blob', async () => {
  const empty = registry.putBlob(Buffer.alloc(0));
  assert.equal((await collected(repository().openBlob(empty, { size: 0 }))).length, 0);
});

/** What cannot be mended: code and sentence, which names registry, repository and what to do. */
const refused: readonly (readonly [name: string, rule: Rule, code: string, sentence: RegExp])[] = [
  [
    'a Content-Length that is not the size of the manifest',
    on(blob, (_, response) => send(response, 200, {}, bytes.subarray(0, 100))),
    'digest',
    /team\/app@sha256:.* is 100 bytes long, not 300000 that the manifest names: .*push it anew/,
  ],
  [
    'a body without end',
    on(blob, (_, response) => {
      response.writeHead(200);
      const more = (): void => {
        while (!response.destroyed && response.write(bytes)) {
          // as much as goes
        }
      };
      response.on('drain', more);
      more();
    }),
    'digest',
    /is longer than the 300000 bytes that the manifest names/,
  ],
  [
    'a body that breaks each time',
    on(blob, (request, response) => {
      const start = Number(/\d+/.exec(request.headers.range ?? '0')?.[0]);
      const headers = {
        'Content-Length': size - start,
        ...(start === 0 ? {} : { 'Content-Range': `bytes ${start}-${size - 1}/${size}` }),
      };
      cut(response, start === 0 ? 200 : 206, headers, bytes.subarray(start, start + 10));
    }),
    'registry-broken',
    /team\/app.*broke off the connection: try again; what has arrived is kept/,
  ],
  ['a stall each time', on(blob, () => {}), 'registry-broken', /team\/app.* sent nothing for 200 ms: try again/],
  [
    '404',
    on(blob, (_, response) => refuse(response, 404, 'BLOB_UNKNOWN')),
    'registry-absent',
    /team\/app.* does not have it \(it says: BLOB_UNKNOWN/,
  ],
  [
    '503 each time',
    on(blob, (_, response) => send(response, 503, {}, 'over capacity')),
    'registry-failing',
    /status 503 \(it says: over capacity\): try again later/,
  ],
  [
    'Range answered with another part each time',
    on(blob, (_, response) => send(response, 206, { 'Content-Range': `bytes 7-9/${size}` }, bytes.subarray(7, 10))),
    'registry-answer',
    /sends another part of a blob than was asked for/,
  ],
];

for (const [name, rule, code, sentence] of refused) {
  test(`${name}: one sentence, after a bounded number of requests`, { timeout: 20_000 }, async () => {
    registry.rules = [rule];
    const stallMs = name.startsWith('a stall') ? 200 : 10_000;
    const failure = await failsWith(code, sentence, () => collected(repository({ stallMs }).openBlob(digest, { size })));
    assert.ok(failure.message.startsWith(`${registry.authority}/team/app`), failure.message);
    assert.ok(registry.asked(blob).length <= 5);
  });
}

test('a pause of hours is not waited for', async () => {
  registry.rules = [on(blob, (_, response) => refuse(response, 429, 'TOOMANYREQUESTS', { 'Retry-After': '21600' }))];
  await failsWith('registry-limit', /takes no more requests for now .*wait, or log in/, () =>
    collected(repository().openBlob(digest, { size })),
  );
  assert.equal(registry.asked(blob).length, 1);
});

test('a slow registry is no stalled one', async () => {
  registry.rules = [
    on(blob, async (_, response) => {
      response.writeHead(200, { 'Content-Length': 40 });
      for (let at = 0; at < 40; at++) {
        response.write(bytes.subarray(at, at + 1));
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      response.end();
    }),
  ];
  assert.ok((await collected(repository({ stallMs: 1000 }).openBlob(digest, { size: 40 }))).equals(bytes.subarray(0, 40)));
});

test('a reader that takes its time is no stall of the registry', async () => {
  let received = 0;
  for await (const chunk of repository({ stallMs: 1000 }).openBlob(digest, { size })) {
    received += chunk.length;
    if (received <= 65_536) await new Promise((resolve) => setTimeout(resolve, 1300));
  }
  assert.equal(received, size);
  assert.equal(registry.asked(blob).length, 1);
});

test('an abort ends a reading at once, with its reason and no further request', async () => {
  const controller = new AbortController();
  registry.rules = [on(blob, (_, response) => stall(response, 200))];
  const reason = new Error('enough');
  const reading = collected(repository().openBlob(digest, { size, signal: controller.signal }));
  setTimeout(() => controller.abort(reason), 50);
  await assert.rejects(reading, (error) => error === reason);
  assert.equal(registry.asked(blob).length, 1);
});

test('many readings at once share a signal without a warning of Node', async (context) => {
  const warnings: Error[] = [];
  const note = (warning: Error): void => void warnings.push(warning);
  process.on('warning', note);
  context.after(() => process.off('warning', note));
  const { signal } = new AbortController();
  const app = repository();
  await Promise.all(Array.from({ length: 30 }, () => collected(app.openBlob(digest, { size, signal }))));
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(warnings, []);
});

test('a reader that leaves closes the connection', async () => {
  let closed = false;
  registry.rules = [
    on(blob, (request, response) => {
      request.incoming.socket.on('close', () => {
        closed = true;
      });
      stall(response, 200);
    }),
  ];
  for await (const _ of repository().openBlob(digest, { size })) break;
  for (let tries = 0; tries < 100 && !closed; tries++) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(closed);
});
