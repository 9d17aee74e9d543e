/** Damaged tars, gzip and zstd streams and indexes: each is read, or refused with a sentence; nothing crashes, hangs or reads
 *  outside. test/search.ts tells how to repeat a case. */

import assert from 'node:assert/strict';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Attributes } from '../../../../src/base/attributes.js';
import { FsError, PlyfsError } from '../../../../src/base/errors.js';
import { defaultLimits } from '../../../../src/base/limits.js';
import { xxhash64 } from '../../../../src/base/xxhash.js';
import { type LayerDir, Listing } from '../../../../src/layers/layer.js';
import { TarIndex } from '../../../../src/layers/tar/tar-index.js';
import { TarIndexBuilder } from '../../../../src/layers/tar/tar-index-builder.js';
import { TarLayer } from '../../../../src/layers/tar/tar-layer.js';
import { hasLibzstd } from '../../../../src/sys/libzstd.js';
import { decompressed } from '../../../../src/tar/decompress.js';
import { zstdDecompressed } from '../../../../src/tar/zstd.js';
import { dumpLayer } from '../../../support/layer-dump.js';
import type { Random } from '../../../support/random.js';
import { search } from '../../../support/search.js';
import { isRepeated } from '../../../support/seed.js';
import { gzipCorpus, tarCorpus } from '../../../support/tar-corpus.js';
import { indexOf, tempDirectory } from '../../../support/tar-fixture.js';

const limits = { ...defaultLimits, entries: 500, sparseExtents: 200, pathBytes: 2000, paxBytes: 20_000, outputBytes: 5_000_000 };

const indexCorpus = tarCorpus.map((tar) => Buffer.from(indexOf(tar).bytes));

/** `bytes` with one to eight things wrong. */
function damaged(bytes: Buffer, random: Random, other: Buffer): Buffer {
  let result: Buffer = Buffer.from(bytes);
  for (let i = random.below(8); i >= 0; i--) result = random.pick(damages)(result, random, other);
  return result;
}

const extremes = ['\0', '\x80', '\xff', '7', '0', '-', ' ', '/', '.', '\n', '=', 'x', 'g', 'L', 'K', 'S', '1', '5'];
const damages: readonly ((bytes: Buffer, random: Random, other: Buffer) => Buffer)[] = [
  (bytes, random) => bytes.subarray(0, random.below(bytes.length + 1)),
  (bytes, random, other) =>
    Buffer.concat([bytes.subarray(0, random.below(bytes.length + 1)), other.subarray(random.below(other.length + 1))]),
  (bytes, random, other) => {
    const at = random.below(Math.ceil(bytes.length / 512) + 1) * 512;
    return Buffer.concat([bytes.subarray(0, at), other.subarray(0, Math.max(512, other.length - 1024)), bytes.subarray(at)]);
  },
  (bytes, random) => {
    if (bytes.length > 0) bytes[random.below(bytes.length)] = random.below(256);
    return bytes;
  },
  (bytes, random) => {
    if (bytes.length > 0) bytes.write(random.pick(extremes), random.below(bytes.length), 'latin1');
    return bytes;
  },
  (bytes, random) => {
    // Into a field of some header: size, type, link name, numbers.
    const block = random.below(Math.ceil(bytes.length / 512) + 1) * 512;
    const at = block + random.pick([0, 100, 108, 124, 135, 156, 157, 257, 329, 345, 386, 482, 483]);
    if (at < bytes.length) bytes.write(random.pick(extremes), at, 'latin1');
    return bytes;
  },
];

/** Damage that the checksum would give away gets behind it: right checksums for all that may be headers. */
function withChecksums(tar: Buffer): Buffer {
  for (let at = 0; at + 512 <= tar.length; at += 512) {
    const magic = tar.toString('latin1', at + 257, at + 262);
    if (magic !== 'ustar') continue;
    tar.write('        ', at + 148);
    const sum = tar.subarray(at, at + 512).reduce((total, byte) => total + byte, 0);
    tar.write(`${sum.toString(8).padStart(6, '0')}\0 `, at + 148);
  }
  return tar;
}

function build(tar: Buffer, pieces: number): TarIndex | string {
  try {
    const builder = new TarIndexBuilder(limits);
    for (let at = 0; at < tar.length; at += pieces) builder.push(tar.subarray(at, at + pieces));
    return TarIndex.load(builder.finish().bytes);
  } catch (error) {
    if (error instanceof PlyfsError && (error.code === 'BAD_TAR' || error.code === 'OVER_LIMIT')) return error.message;
    throw error;
  }
}

test('damaged tars are read or refused, the same in whatever pieces they come', async (t) => {
  const file = join(tempDirectory(t), 'tar');
  let read = 0;
  const count = await search('tar', (random) => {
    const tar = withChecksums(damaged(random.pick(tarCorpus), random, random.pick(tarCorpus)));
    const whole = build(tar, tar.length || 1);
    const pieces = build(tar, 1 + random.below(600));
    if (typeof whole === 'string' || typeof pieces === 'string') {
      assert.equal(pieces, whole);
      return;
    }
    assert.equal(whole.bytes.equals(pieces.bytes), true);
    assert.ok(whole.entries <= 2 * limits.entries);
    read++;
    writeFileSync(file, tar);
    const fd = openSync(file, 'r');
    // Reading more than a file has would throw there; sizes of sparse files may be anything, so large ones are not read.
    if (whole.columns.size.every((size) => size < 1e7))
      dumpLayer(new TarLayer('fuzz', whole, { number: fd, close: () => undefined }, 0));
    closeSync(fd);
  });
  t.diagnostic(`${count} damaged tars, ${read} of them readable`);
  // Cases that are all refused, or all read, would look at half of the reader.
  if (!isRepeated) assert.ok(read > 0 && read < count);
});

test('damaged gzip streams are read or refused', async (t) => {
  const count = await search('gzip', async (random) => {
    const bytes = damaged(random.pick(gzipCorpus), random, random.pick(gzipCorpus));
    await drain(bytes, random);
  });
  t.diagnostic(`${count} damaged gzip streams`);
});

async function drain(bytes: Buffer, random: Random): Promise<void> {
  async function* source(): AsyncGenerator<Buffer> {
    for (let at = 0, size = 1 + random.below(3000); at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  }
  try {
    let total = 0;
    for await (const chunk of (await decompressed(source(), limits)).bytes) total += chunk.length;
    assert.ok(total <= limits.outputBytes);
  } catch (error) {
    assert.ok(error instanceof PlyfsError, String(error));
  }
}

/** A frame made by zstd 1.5.4 -19 of some 4 kB of repeated sentences, in hex. */
const zstdFrame = Buffer.from(
  '28b52ffd0468b5040092c81e16109f03830e3ae860d5b2495e426eb8001711000070201f648a627a40dcb76b381c877b90866d7ab730b3b54049ab3e18c38485218b961aa2d4521b0f04cf17704940177d7dcb624d805e6412ceaa77dd64087483eea76b75f4821f98eef8780eae4f9ef3c764edbefcb274fab75b7e6bbb71f8aa88d2f0936716060031a828c422f42287f04016426818dab9be283b545519425eb527',
  'hex',
);

test('damaged zstd streams are read or refused', { skip: hasLibzstd() ? false : 'no libzstd here' }, async (t) => {
  const count = await search(
    'zstd',
    async (random) => {
      const bytes = damaged(zstdFrame, random, zstdFrame);
      let total = 0;
      try {
        for await (const chunk of zstdDecompressed(oneChunk(bytes), 'library')) {
          total += chunk.length;
          if (total > limits.outputBytes) return;
        }
      } catch (error) {
        assert.ok(error instanceof PlyfsError, String(error));
      }
    },
    { keptSeeds: [2629325301] },
  );
  t.diagnostic(`${count} damaged zstd streams`);
});

/** A saved index with right checksums and wrong numbers. */
function damagedIndex(random: Random): Buffer {
  const bytes = Buffer.from(random.pick(indexCorpus));
  for (let i = random.below(6); i >= 0; i--) {
    const at = 24 + random.below(bytes.length - 24);
    if (random.below(2) === 0) bytes[at] = random.pick([0, 1, 2, 0x7f, 0x80, 0xff]);
    else bytes.fill(random.pick([0, 0xff]), at & ~7, (at & ~7) + 8);
  }
  bytes.writeBigUInt64LE(xxhash64(bytes.subarray(24)), 16);
  return bytes;
}

/** Everything that a view asks of an index; no file's bytes lie outside the tar. */
function useIndex(index: TarIndex): void {
  const layer = new TarLayer('fuzz', index, { number: -1, close: () => undefined }, 0);
  const listing = new Listing();
  for (let entry = 0; entry < index.entries; entry++) {
    const name = index.name(entry);
    index.path(entry);
    layer.stat(layer.root, name, entry, new Attributes());
    for (const key of layer.listxattr(layer.root, name, entry)) layer.getxattr(layer.root, name, entry, key);
    layer.namesOf(entry + 1);
    if (index.isDirectory(entry)) {
      listing.clear();
      layer.list(entry as LayerDir, listing); // a directory's number is its entry's
      for (const child of [...listing.names, ...listing.whiteouts]) layer.hides(entry as LayerDir, child);
    }
    if ((index.columns.mode[entry]! & 0o170000) !== 0o100000) continue;
    const { start, size, extents } = layer.open(layer.root, name, entry);
    const ranges = extents ?? [{ at: start, length: size }];
    for (const { at, length } of ranges)
      assert.ok(at >= 0 && length >= 0 && at + length <= index.archiveBytes, `${at}+${length}`);
  }
  layer.lowerLinks();
}

test('saved indexes with wrong numbers are refused, or read nothing outside themselves and the tar', async (t) => {
  let used = 0;
  const count = await search('index', (random) => {
    try {
      useIndex(TarIndex.load(damagedIndex(random)));
      used++;
    } catch (error) {
      // a RangeError is a read that the memory of the index itself stopped
      if (!(error instanceof PlyfsError || error instanceof FsError || error instanceof RangeError)) throw error;
    }
  });
  t.diagnostic(`${count} damaged indexes, ${used} of them used`);
});

async function* oneChunk(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}
