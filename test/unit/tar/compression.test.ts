/** Compressed streams: told by content, read by every way there is, refused with a sentence when they are damaged or too large. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { PlyfsError } from '../../../src/base/errors.js';
import { defaultLimits, type Limits, readLimits } from '../../../src/base/limits.js';
import { compressed } from '../../../src/tar/compress.js';
import { compressionOf, decompressed } from '../../../src/tar/decompress.js';
import { zstdDecompressed, zstdWays } from '../../../src/tar/zstd.js';
import { patternBytes } from '../../support/tree.js';

const text = Buffer.concat([Buffer.from('layer '.repeat(50_000)), patternBytes(1, 300_000)]);
const hasZstd = spawnSync('zstd', ['--version']).status === 0;
const zstdReason = hasZstd ? false : 'the zstd program is not installed';
const zstd = (bytes: Buffer, ...words: string[]) =>
  spawnSync('zstd', ['-cq', ...words], { input: bytes, maxBuffer: 1 << 28 }).stdout;

async function* chunks(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function joined(bytes: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const chunk of bytes) parts.push(Buffer.from(chunk));
  return Buffer.concat(parts);
}

async function read(bytes: Buffer, size = 65536, limits: Limits = defaultLimits): Promise<Buffer> {
  return joined((await decompressed(chunks(bytes, size), limits)).bytes);
}

const skippable = Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);

test('the compression is told by the first bytes', () => {
  assert.equal(compressionOf(gzipSync(text)), 'gzip');
  assert.equal(compressionOf(Buffer.from('28b52ffd0000', 'hex')), 'zstd');
  assert.equal(compressionOf(skippable), 'zstd');
  assert.equal(compressionOf(Buffer.from('etc/passwd')), 'none');
  assert.equal(compressionOf(Buffer.alloc(0)), 'none');
  assert.throws(
    () => compressionOf(Buffer.from('\xfd7zXZ\0', 'latin1')),
    /compressed with xz, which is not read here; decompress it first/,
  );
  assert.throws(() => compressionOf(Buffer.from('BZh91AY')), /compressed with bzip2/);
});

test('plain bytes pass as they are, in chunks of any size', async () => {
  for (const size of [1, 7, 65536]) assert.deepEqual(await read(text.subarray(0, 5000), size), text.subarray(0, 5000));
  assert.equal((await read(Buffer.alloc(0))).length, 0);
});

test('gzip: one member, many members, padding of zeros', async () => {
  assert.deepEqual(await read(gzipSync(text)), text);
  assert.deepEqual(await read(gzipSync(text), 777), text);
  const many = Buffer.concat([gzipSync(text), gzipSync(Buffer.alloc(0)), gzipSync(text), Buffer.alloc(1000)]);
  assert.deepEqual(await read(many), Buffer.concat([text, text]));
  assert.equal((await read(gzipSync(Buffer.alloc(0)))).length, 0);
});

function refusal(pattern: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof PlyfsError, String(error));
    assert.match(error.message, pattern);
    return true;
  };
}

test('gzip that is cut off, damaged, or followed by something else', async () => {
  const whole = gzipSync(text);
  const damaged = Buffer.from(whole);
  damaged[damaged.length - 6]! ^= 1;
  await assert.rejects(read(whole.subarray(0, 5000)), refusal(/the gzip data is cut off/));
  await assert.rejects(read(whole.subarray(0, whole.length - 1)), refusal(/cut off/));
  await assert.rejects(read(damaged), refusal(/the gzip data is damaged \(incorrect data check\)/));
  await assert.rejects(read(Buffer.concat([whole, Buffer.from('rubbish')])), refusal(/something else follows the gzip data/));
});

test('a gzip bomb stops at the limits', async () => {
  const bomb = gzipSync(Buffer.alloc(20_000_000));
  await assert.rejects(read(bomb, 65536, { ...defaultLimits, ratio: 500, ratioFromBytes: 1_000_000 }), refusal(/limit ratio/));
  await assert.rejects(
    read(bomb, 65536, { ...defaultLimits, outputBytes: 5_000_000 }),
    refusal(/more than 5000000 bytes \(limit outputBytes;/),
  );
  assert.equal((await read(bomb)).length, 20_000_000);
});

for (const by of zstdWays()) {
  test(`zstd by ${by}: frames, skippable frames, damage`, { skip: zstdReason }, async () => {
    const frame = zstd(text);
    assert.deepEqual(await joined(zstdDecompressed(chunks(frame, 1000), by)), text);
    const many = Buffer.concat([skippable, frame, skippable, zstd(text, '-19', '--long=24'), skippable]);
    assert.deepEqual(await joined(zstdDecompressed(chunks(many, 65536), by)), Buffer.concat([text, text]));
    for (const length of [frame.length - 1, 5000, 3]) {
      await assert.rejects(
        joined(zstdDecompressed(chunks(frame.subarray(0, length), 65536), by)),
        refusal(/zstd data is damaged or cut off/),
      );
    }
    const damaged = Buffer.from(frame);
    damaged.fill(0xff, 6, 40);
    await assert.rejects(joined(zstdDecompressed(chunks(damaged, 65536), by)), refusal(/zstd data is damaged or cut off/));
  });

  test(`zstd by ${by}: leaving early ends everything`, { skip: zstdReason }, async () => {
    const frame = zstd(Buffer.alloc(50_000_000, 'x'));
    for await (const chunk of zstdDecompressed(chunks(frame, 100), by)) {
      assert.ok(chunk.length > 0);
      break;
    }
  });

  test(`zstd by ${by}: an error of the source is what the reader gets`, { skip: zstdReason }, async () => {
    async function* failing(): AsyncGenerator<Buffer> {
      yield zstd(text).subarray(0, 2000);
      throw new Error('the disk is gone');
    }
    await assert.rejects(joined(zstdDecompressed(failing(), by)), /the disk is gone/);
  });
}

test('an error of the source passes through gzip too', async () => {
  async function* failing(): AsyncGenerator<Buffer> {
    yield gzipSync(text).subarray(0, 2000);
    throw new Error('the disk is gone');
  }
  await assert.rejects(async () => joined((await decompressed(failing())).bytes), /the disk is gone/);
});

test('what is compressed in parallel reads back, and is the same for any number of threads', async () => {
  const large = Buffer.concat([text, text, text, text, text]);
  const one = await joined(compressed(chunks(large, 50_000), 'gzip', undefined, 1));
  const four = await joined(compressed(chunks(large, 777_777), 'gzip', undefined, 4));
  assert.deepEqual(one, four);
  assert.deepEqual(gunzipSync(one), large);
  assert.deepEqual(await read(one), large);
  assert.equal((await read(await joined(compressed(chunks(Buffer.alloc(0), 1), 'gzip')))).length, 0);
  assert.deepEqual(await joined(compressed(chunks(text, 1000), 'none')), text);
});

test('gzip written here is read by gzip(1)', { skip: spawnSync('gzip', ['--version']).status !== 0 && 'no gzip' }, async () => {
  const bytes = await joined(compressed(chunks(Buffer.concat([text, text, text]), 65536), 'gzip', 1));
  const run = spawnSync('gzip', ['-dc'], { input: bytes, maxBuffer: 1 << 28 });
  assert.equal(run.status, 0, run.stderr.toString());
  assert.equal(run.stdout.equals(Buffer.concat([text, text, text])), true);
});

test('zstd written here reads back', { skip: zstdReason }, async () => {
  assert.deepEqual(await read(await joined(compressed(chunks(text, 1000), 'zstd'))), text);
  assert.equal((await read(await joined(compressed(chunks(Buffer.alloc(0), 1), 'zstd')))).length, 0);
});

test('limits are changed by PLYFS_LIMITS, and wrong ones are refused', () => {
  assert.deepEqual(readLimits('entries=5,ratio=9'), { ...defaultLimits, entries: 5, ratio: 9 });
  assert.deepEqual(readLimits(''), defaultLimits);
  for (const text of ['entries', 'entries=', 'entries=-1', 'entires=5', '=5', 'entries=1e9']) {
    assert.throws(() => readLimits(text), /PLYFS_LIMITS: .* is not one of pathBytes, depth, paxBytes, entries/);
  }
});

test('a gzip bomb of 1000:1 is refused at the default limits', async () => {
  const block = gzipSync(Buffer.alloc(50_000_000));
  const bomb = Buffer.concat(Array.from({ length: 20 }, () => block));
  let total = 0;
  await assert.rejects(
    async () => {
      for await (const chunk of (await decompressed(chunks(bomb, 65536))).bytes) total += chunk.length;
    },
    refusal(/more than 500 for each \(limit ratio; PLYFS_LIMITS=ratio=N allows more\)/),
  );
  assert.ok(total < 300_000_000);
});
