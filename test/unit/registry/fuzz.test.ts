/** Random faults: whatever a registry does to a transfer, the bytes are right, or there is a sentence. */

import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { after, before, test } from 'node:test';
import { sha256Of } from '../../../src/base/digest.js';
import { PlyfsError } from '../../../src/base/errors.js';
import { RegistrySession, type Repository } from '../../../src/registry/client.js';
import { cut, HostileRegistry, type Request, type Rule, refuse, send } from '../../support/hostile-registry.js';
import type { Random } from '../../support/random.js';
import { collected, patternBytes, RegistryStage, uploadOf } from '../../support/registry-stage.js';
import { search } from '../../support/search.js';

const stage = new RegistryStage();
let registry: HostileRegistry;

before(async () => {
  registry = await HostileRegistry.start();
});
after(async () => {
  await registry.stop();
  stage.remove();
});

/** Faults that attempts may run out of. */
const passing = new Set([
  'registry-broken',
  'registry-failing',
  'registry-limit',
  'registry-answer',
  'registry-unreachable',
  'registry-absent',
]);

async function withRepository(random: Random, use: (repository: Repository) => Promise<void>): Promise<void> {
  const limits = { attempts: 1 + random.below(8), stallMs: 1000, chunkBytes: 1 + random.below(60_000) };
  const session = new RegistrySession({ settings: stage.settings({}, limits) });
  try {
    await use(session.repository({ domain: registry.authority, path: 'team/app' }));
  } catch (error) {
    if (!(error instanceof PlyfsError) || !passing.has(error.code)) throw error;
    assert.match(error.message, /^127\.0\.0\.1:\d+\/team\/app/);
  } finally {
    session.close();
  }
}

type Fault = (request: Request, response: ServerResponse, random: Random) => boolean | Promise<boolean>;

function status(_: Request, response: ServerResponse, random: Random): boolean {
  const code = random.pick([408, 429, 500, 502, 503, 504]);
  send(response, code, random.below(2) === 0 ? { 'Retry-After': '0' } : {}, 'not now');
  return true;
}

function hangUp({ incoming }: Request): boolean {
  incoming.socket.destroy();
  return true;
}

/** Any of `faults` for two requests of three that match. */
function faulty(random: Random, pattern: RegExp, faults: readonly Fault[]): Rule {
  return (request, response) => {
    if (!pattern.test(`${request.method} ${request.path}`) || random.below(3) === 0) return false;
    return random.pick(faults)(request, response, random);
  };
}

/** Faults of a download of `bytes`. */
function downloadFaults(bytes: Buffer): readonly Fault[] {
  const size = bytes.length;
  const startOf = (request: Request): number => Math.min(Number(/\d+/.exec(request.headers.range ?? '0')?.[0]), size);
  const part = (response: ServerResponse, start: number, end: number, promised: number): boolean => {
    const headers = { 'Content-Length': promised - start, 'Content-Range': `bytes ${start}-${promised - 1}/${size}` };
    cut(response, 206, headers, bytes.subarray(start, end));
    return true;
  };
  return [
    status,
    hangUp,
    (request, response, random) => {
      const start = startOf(request);
      return start === 0 ? false : part(response, start, start + random.below(size - start + 1), size);
    },
    // The whole, or some of it.
    (_, response, random) => {
      cut(response, 200, { 'Content-Length': size }, bytes.subarray(0, random.below(size + 1)));
      return true;
    },
    (_, response, random) => {
      response.writeHead(200);
      response.end(bytes.subarray(0, random.below(size + 1)));
      return true;
    },
    // Another part than was asked for: earlier, or later.
    (_, response, random) => {
      const start = random.below(size);
      return part(response, start, size, size);
    },
    (_, response) => {
      send(response, 416, { 'Content-Range': `bytes */${size}` }, '');
      return true;
    },
  ];
}

test('a download through random faults gives the right bytes or a sentence', async () => {
  await search('download', async (random) => {
    const bytes = patternBytes(4 * random.below(40_000) + 4, random.below(1000));
    const digest = registry.putBlob(bytes);
    registry.rules = [faulty(random, /^GET .*blobs/, downloadFaults(bytes))];
    const offset = random.below(3) === 0 ? random.below(bytes.length) : 0;
    const options = {
      size: random.below(4) === 0 && offset === 0 ? undefined : bytes.length,
      offset,
      ...(random.below(4) === 0 ? { length: 1 + random.below(bytes.length - offset) } : {}),
    };
    // A body of unknown length that ends too early is not to be told from a whole one.
    if (options.size === undefined && options.length === undefined) registry.rules = [];
    await withRepository(random, async (repository) => {
      const received = await collected(repository.openBlob(digest, options));
      const end = options.length === undefined ? bytes.length : offset + options.length;
      assert.ok(received.equals(bytes.subarray(offset, end)), `${received.length} bytes of ${bytes.length} from ${offset}`);
    });
  });
});

/** What a registry may do to an upload: lose bytes, the upload, its own answers. */
const uploadFaults: readonly Fault[] = [
  status,
  hangUp,
  // Takes some of what comes, and breaks off.
  async ({ incoming, url }, _response, random) => {
    const upload = registry.uploads.get(url.pathname.split('/').at(-1) ?? '');
    const { socket } = incoming;
    const keep = random.below(70_000);
    let taken = 0;
    for await (const chunk of incoming) {
      const some = (chunk as Buffer).subarray(0, keep - taken);
      if (upload !== undefined) upload.bytes = Buffer.concat([upload.bytes, some]);
      taken += some.length;
      if (taken === keep) break;
    }
    socket.destroy();
    return true;
  },
  // Takes all, and says so to nobody.
  async ({ incoming, url }) => {
    const upload = registry.uploads.get(url.pathname.split('/').at(-1) ?? '');
    const { socket } = incoming;
    for await (const chunk of incoming) if (upload !== undefined) upload.bytes = Buffer.concat([upload.bytes, chunk as Buffer]);
    const digest = url.searchParams.get('digest');
    if (upload !== undefined && digest === sha256Of(upload.bytes)) {
      registry.putBlob(upload.bytes);
      registry.uploads.clear();
    }
    socket.destroy();
    return true;
  },
  // Forgets some bytes, or everything.
  async ({ incoming, url }, response, random) => {
    const upload = registry.uploads.get(url.pathname.split('/').at(-1) ?? '');
    for await (const chunk of incoming) if (upload !== undefined) upload.bytes = Buffer.concat([upload.bytes, chunk as Buffer]);
    if (upload === undefined || incoming.method === 'PUT' || incoming.method === 'POST') {
      refuse(response, 503, 'UNAVAILABLE');
      return true;
    }
    upload.bytes = upload.bytes.subarray(0, random.below(upload.bytes.length + 1));
    send(response, 202, { Location: url.href, Range: `0-${upload.bytes.length - 1}` }, '');
    return true;
  },
  (_, response) => {
    registry.uploads.clear();
    refuse(response, 404, 'BLOB_UPLOAD_UNKNOWN');
    return true;
  },
];

test('an upload through random faults brings the right bytes or a sentence', async () => {
  await search('upload', async (random) => {
    registry.blobs.clear();
    registry.uploads.clear();
    const bytes = patternBytes(4 * random.below(40_000), random.below(1000));
    const digest = sha256Of(bytes);
    registry.rules = [faulty(random, /^(POST|PATCH|PUT|GET .*uploads)/, uploadFaults)];
    await withRepository(random, async (repository) => {
      assert.deepEqual(await repository.upload(uploadOf(bytes, digest)), { kind: 'sent' });
      assert.ok(registry.blobs.get(digest)?.equals(bytes), `${registry.blobs.get(digest)?.length} bytes of ${bytes.length}`);
    });
  });
});
