/** Uploads to a registry that loses, forgets, refuses or cuts them: the blob is there in the end, or one sentence and no upload left behind. */

import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { Digest } from '../../../src/base/digest.js';
import { sha256Of } from '../../../src/base/digest.js';
import type { Limits } from '../../../src/base/limits.js';
import { RegistrySession, type Repository } from '../../../src/registry/client.js';
import { MissingBlobs } from '../../../src/registry/manifests.js';
import { HostileRegistry, on, type Rule, refuse, send, sendJson, times } from '../../support/hostile-registry.js';
import { failsWith, patternBytes, RegistryStage, uploadOf } from '../../support/registry-stage.js';

const stage = new RegistryStage();
const bytes = patternBytes(250_000);
const digest = sha256Of(bytes);
let registry: HostileRegistry;
let session: RegistrySession;

before(async () => {
  registry = await HostileRegistry.start();
});
after(async () => {
  session.close();
  await registry.stop();
  stage.remove();
});
beforeEach(() => {
  registry.rules = [];
  registry.seen.length = 0;
  registry.blobs.clear();
  registry.uploads.clear();
});

/** In pieces of 100,000 bytes: two PATCHes and a PUT. */
function repository(limits: Partial<Limits> = {}): Repository {
  session?.close();
  session = new RegistrySession({ settings: stage.settings({}, { chunkBytes: 100_000, ...limits }) });
  return session.repository({ domain: registry.authority, path: 'team/app' });
}

function arrived(): boolean {
  return registry.blobs.get(digest)?.equals(bytes) === true;
}

const patch = /^PATCH /;
const put = /^PUT .*uploads/;
const status = /^GET .*uploads/;

test('a blob goes in pieces, each to the place that the answer before named, with the digest at the end', async () => {
  const done: number[] = [];
  assert.deepEqual(await repository().upload(uploadOf(bytes, digest), { onProgress: (count) => done.push(count) }), {
    kind: 'sent',
  });
  assert.ok(arrived());
  const ranges = registry.asked(patch).map(({ headers }) => headers['content-range']);
  assert.deepEqual(ranges, ['0-99999', '100000-199999']);
  assert.match(registry.asked(put)[0]?.path ?? '', /\?_state=s%2B1&digest=sha256%3A/);
  assert.equal(done.at(-1), bytes.length);
  assert.equal(registry.uploads.size, 0);
});

test('a blob that is there is not sent, and a small one takes one request', async () => {
  registry.putBlob(bytes);
  assert.deepEqual(await repository().upload(uploadOf(bytes, digest)), { kind: 'exists' });
  assert.equal(registry.asked(/^(POST|PATCH|PUT)/).length, 0);
  const small = Buffer.from('{}');
  assert.deepEqual(await repository().upload(uploadOf(small, sha256Of(small))), { kind: 'sent' });
  assert.equal(registry.asked(patch).length, 0);
  const empty = Buffer.alloc(0);
  assert.deepEqual(await repository().upload(uploadOf(empty, sha256Of(empty))), { kind: 'sent' });
});

test('pieces are as large as the registry wants them', async () => {
  registry.rules = [
    on(/^POST/, (_, response) => {
      registry.uploads.set('9', { bytes: Buffer.alloc(0) });
      send(response, 202, { Location: '/v2/team/app/blobs/uploads/9', 'OCI-Chunk-Min-Length': '150000' }, '');
    }),
  ];
  await repository().upload(uploadOf(bytes, digest));
  assert.deepEqual(
    registry.asked(patch).map(({ headers }) => headers['content-length']),
    ['150000'],
  );
  assert.ok(arrived());
});

/** Takes `keep` bytes of a piece, and closes the connection. */
function breakAfter(keep: number): Rule {
  return times(
    1,
    on(patch, async ({ incoming, url }) => {
      const upload = registry.uploads.get(url.pathname.split('/').at(-1) ?? '');
      assert.ok(upload !== undefined);
      const { socket } = incoming; // a reader that leaves takes it away
      for await (const chunk of incoming) {
        upload.bytes = Buffer.concat([upload.bytes, chunk as Buffer]).subarray(0, keep);
        if (upload.bytes.length === keep) break;
      }
      socket.destroy();
    }),
  );
}

function forget(): Rule {
  return times(
    1,
    on(patch, (_, response) => {
      registry.uploads.clear();
      refuse(response, 404, 'BLOB_UPLOAD_UNKNOWN');
    }),
  );
}

/** What happens to the upload, and which requests mend it. */
const mended: readonly (readonly [name: string, rules: () => Rule[], pattern: RegExp, count: number])[] = [
  ['a connection that breaks in a piece goes on where the registry stands', () => [breakAfter(30_000)], status, 1],
  ['a connection that breaks before a byte', () => [breakAfter(0)], status, 1],
  ['an upload that was forgotten begins again', () => [forget()], /^POST/, 2],
  [
    'an upload that was forgotten before its last piece begins again',
    () => [
      times(
        1,
        on(put, (_, response) => {
          registry.uploads.clear();
          refuse(response, 404, 'BLOB_UPLOAD_UNKNOWN');
        }),
      ),
    ],
    /^POST/,
    2,
  ],
  [
    '503 in a piece',
    () => [
      times(
        2,
        on(patch, (_, response) => send(response, 503, {}, '')),
      ),
    ],
    status,
    2,
  ],
  [
    '429 with Retry-After in a piece',
    () => [
      times(
        1,
        on(patch, (_, response) => refuse(response, 429, 'TOOMANYREQUESTS', { 'Retry-After': '0' })),
      ),
    ],
    status,
    1,
  ],
  [
    'a registry that takes no pieces gets it in one',
    () => [on(patch, (_, response) => refuse(response, 405, 'UNSUPPORTED'))],
    put,
    1,
  ],
  [
    'a wrong digest there: sent once more',
    () => [
      times(
        1,
        on(put, (request, response) => {
          registry.uploads.clear();
          request.incoming.resume();
          refuse(response, 400, 'DIGEST_INVALID');
        }),
      ),
    ],
    /^POST/,
    2,
  ],
  [
    'an answer that says less than was sent: the rest goes again',
    () => [
      times(
        1,
        on(patch, async ({ incoming, url }, response) => {
          const upload = registry.uploads.get(url.pathname.split('/').at(-1) ?? '');
          for await (const chunk of incoming)
            if (upload !== undefined) upload.bytes = Buffer.concat([upload.bytes, chunk as Buffer]);
          if (upload !== undefined) upload.bytes = upload.bytes.subarray(0, 60_000);
          send(response, 202, { Location: url.href, Range: '0-59999' }, '');
        }),
      ),
    ],
    patch,
    2,
  ],
  [
    'a last answer that is lost: the blob is looked for, not sent again',
    () => [
      times(
        1,
        on(put, async ({ incoming }) => {
          for await (const _ of incoming) {
            // all of it
          }
          registry.putBlob(bytes);
          registry.uploads.clear();
          incoming.socket.destroy();
        }),
      ),
    ],
    /^POST/,
    1,
  ],
];

for (const [name, rules, pattern, count] of mended) {
  test(`${name}: the blob is there`, { timeout: 20_000 }, async () => {
    registry.rules = rules();
    assert.deepEqual(await repository().upload(uploadOf(bytes, digest)), { kind: 'sent' });
    assert.ok(arrived());
    assert.equal(registry.asked(pattern).length, count, registry.seen.map(({ method, path }) => `${method} ${path}`).join('\n'));
  });
}

/** What ends an upload: code and sentence. Nothing of it stays there. */
const refused: readonly (readonly [name: string, rule: Rule, code: string, sentence: RegExp])[] = [
  [
    'no right to push',
    on(/^POST/, (_, response) => refuse(response, 403, 'DENIED')),
    'registry-denied',
    /team\/app@.*denied: requested access to the resource is denied/,
  ],
  [
    'an upload begun without a place',
    on(/^POST/, (_, response) => send(response, 202, {}, '')),
    'registry-answer',
    /without saying where/,
  ],
  [
    'a place that is no address',
    on(/^POST/, (_, response) => send(response, 202, { Location: 'http://[' }, '')),
    'registry-answer',
    /no address/,
  ],
  [
    'a full registry',
    on(/^(PATCH|PUT)/, (_, response) => send(response, 507, {}, 'disk full')),
    'registry-failing',
    /status 507 \(it says: disk full\)/,
  ],
  [
    'a blob that is too large for it',
    on(/^(PATCH|PUT)/, (_, response) => send(response, 413, {}, '<html><title>413 Request Entity Too Large</title>')),
    'registry-answer',
    /status 413 \(it says: 413 Request Entity Too Large\)/,
  ],
  [
    'bytes that change on the way, each time',
    on(put, (_, response) => {
      registry.uploads.clear();
      refuse(response, 400, 'DIGEST_INVALID');
    }),
    'digest',
    /received other bytes than were sent, twice/,
  ],
  [
    'an upload that is forgotten each time',
    on(patch, (_, response) => refuse(response, 404, 'BLOB_UPLOAD_UNKNOWN')),
    'registry-absent',
    /team\/app.*BLOB_UPLOAD_UNKNOWN/,
  ],
];

for (const [name, rule, code, sentence] of refused) {
  test(`${name}: one sentence, and no upload stays`, { timeout: 20_000 }, async () => {
    registry.rules = [rule];
    await failsWith(code, sentence, () => repository().upload(uploadOf(bytes, digest)));
    assert.ok(!registry.blobs.has(digest));
    if (name !== 'an upload that is forgotten each time') assert.equal(registry.uploads.size, 0);
  });
}

test('a blob is mounted from the repository that has it, and an upload that began meanwhile is deleted', async () => {
  registry.rules = [
    on(/^POST .*mount=.*from=team%2Fbase/, (_, response) => {
      registry.putBlob(bytes);
      send(response, 201, {}, '');
    }),
    on(/^POST .*from=secret/, (_, response) => refuse(response, 401, 'UNAUTHORIZED')),
  ];
  const mountFrom = ['secret', 'elsewhere', 'team/base', 'never/asked'];
  assert.deepEqual(await repository().upload(uploadOf(bytes, digest), { mountFrom }), { kind: 'mounted', from: 'team/base' });
  assert.equal(registry.asked(/^POST/).length, 3);
  assert.equal(registry.uploads.size, 0);
});

test('where nothing can be mounted, the upload that the registry began instead is used', async () => {
  assert.deepEqual(await repository().upload(uploadOf(bytes, digest), { mountFrom: ['one', 'two'] }), { kind: 'sent' });
  assert.equal(registry.asked(/^POST/).length, 2);
  assert.equal(registry.uploads.size, 0);
  assert.ok(arrived());
});

test('an abort while a mount is tried deletes the upload that began before', async () => {
  const controller = new AbortController();
  registry.rules = [on(/from=two/, () => controller.abort(new Error('enough')))];
  const options = { mountFrom: ['one', 'two'], signal: controller.signal };
  await assert.rejects(repository().upload(uploadOf(bytes, digest), options), /enough/);
  assert.equal(registry.uploads.size, 0);
});

test('an abort deletes the upload there', async () => {
  const controller = new AbortController();
  const reason = new Error('enough');
  registry.rules = [
    times(
      1,
      on(patch, () => {
        controller.abort(reason);
      }),
    ),
  ];
  const upload = repository().upload(uploadOf(bytes, digest), { signal: controller.signal });
  await assert.rejects(upload, (error) => error === reason);
  assert.equal(registry.asked(/^DELETE/).length, 1);
  assert.equal(registry.uploads.size, 0);
});

test('a source that ends too early is our own error, and nothing stays there', async () => {
  const source = { digest, sizeBytes: bytes.length + 5, read: uploadOf(bytes, digest).read };
  await assert.rejects(repository().upload(source), /ends at byte 250000 of 250005/);
  assert.equal(registry.uploads.size, 0);
});

test('what cannot be read here is not taken for a fault of the registry', async () => {
  const fault = Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' });
  const source = {
    digest,
    sizeBytes: bytes.length,
    *read(offset: number) {
      yield bytes.subarray(offset, 150_000);
      throw fault;
    },
  };
  await assert.rejects(repository().upload(source), (error) => error === fault);
  assert.equal(registry.uploads.size, 0);
});

test('a manifest whose blobs are gone says which', async () => {
  const missing = `sha256:${'7'.repeat(64)}` as Digest; // by its form
  registry.rules = [
    on(/^PUT .*manifests/, (_, response) =>
      sendJson(response, 400, {
        errors: [{ code: 'MANIFEST_BLOB_UNKNOWN', message: 'blob unknown to registry', detail: { digest: missing } }],
      }),
    ),
  ];
  const manifest = { bytes: Buffer.from('{}'), mediaType: 'application/vnd.oci.image.manifest.v1+json' };
  const failure = await failsWith('registry-blob-unknown', /team\/app:1: .* misses blobs of the image \(1\): push it again/, () =>
    repository().putManifest('1', manifest),
  );
  assert.ok(failure instanceof MissingBlobs);
  assert.deepEqual(failure.missing, [missing]);
  registry.rules = [on(/^PUT .*manifests/, (_, response) => refuse(response, 415, 'MANIFEST_INVALID'))];
  await failsWith('registry-media-type', /does not take a manifest of type application\/vnd\.oci/, () =>
    repository().putManifest('1', manifest),
  );
});
