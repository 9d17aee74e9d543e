/** The bytes of files in layers: whoever reads them gets the same, and a layer that was cut off is an error to everybody. */

import assert from 'node:assert/strict';
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { errno } from '../../../src/base/errno.js';
import { chunksOf, openContent } from '../../../src/image/tree/content.js';
import { untilEnd } from '../../../src/layers/content.js';
import type { Content } from '../../../src/layers/layer.js';
import { readBytes } from '../../../src/overlay/content.js';
import { refuses } from '../../support/scratch.js';
import { patternBytes } from '../../support/tree.js';

const base = mkdtempSync(join(tmpdir(), 'plyfs-content-'));
const fd = openSync(join(base, 'layer'), 'w+');
const archive = patternBytes(7, 8192);
writeSync(fd, archive);
after(() => {
  closeSync(fd);
  rmSync(base, { recursive: true });
});

const close = (): void => undefined;
const plain: Content = { fd, start: 512, size: 5000, close };
const parts = [
  { offset: 100, length: 1000, at: 512 },
  { offset: 3000, length: 2000, at: 1536 },
];
const sparse: Content = { fd, start: 512, size: 6000, extents: parts, close };
const onDisk: Content = { fd, start: 0, size: untilEnd, close };

const withHoles = Buffer.alloc(6000);
for (const { offset, length, at } of parts) archive.copy(withHoles, offset, at, at + length);

const readers: [string, (content: Content, size: number) => Buffer][] = [
  [
    'the mount',
    (content, size) => {
      const bytes = Buffer.alloc(size + 100, 0xff);
      return bytes.subarray(0, readBytes(content, 0, bytes, 0, bytes.length));
    },
  ],
  ['a view that prints', (content) => Buffer.concat([...chunksOf(content, 0, Number.POSITIVE_INFINITY)])],
  [
    'a view that packs',
    (content, size) => {
      const bytes = Buffer.alloc(size, 0xff);
      const file = openContent(content, size, 16, new Map());
      for (let at = 0; at < size; ) at += file.read(bytes, at, Math.min(700, size - at), at);
      return bytes;
    },
  ],
];

for (const [reader, read] of readers) {
  test(`${reader} reads a file of a tar, one with holes and one on disk to their ends`, () => {
    assert.deepEqual(read(plain, 5000), archive.subarray(512, 5512));
    assert.deepEqual(read(sparse, 6000), withHoles);
    assert.deepEqual(read(onDisk, 8192), archive);
  });
}

test('a part of a file with holes that begins or ends anywhere is what it is in the whole', () => {
  for (const [from, to] of [
    [0, 50],
    [50, 150],
    [100, 1100],
    [1099, 1101],
    [1100, 3000],
    [2999, 5001],
    [4999, 6000],
    [5500, 6000],
  ] as const) {
    const bytes = Buffer.alloc(to - from, 0xff);
    assert.equal(readBytes(sparse, from, bytes, 0, to - from), to - from);
    assert.deepEqual(bytes, withHoles.subarray(from, to), `${from} to ${to}`);
  }
});

test('a layer that was cut off since it was opened is EIO in a mount and `truncated` in a view, with holes or without', () => {
  ftruncateSync(fd, 2000);
  try {
    for (const content of [plain, sparse]) {
      refuses(errno.EIO, () => readers[0]![1](content, content.size));
      for (const [, read] of readers.slice(1)) assert.throws(() => read(content, content.size), { code: 'truncated' });
    }
    assert.deepEqual(readBytes(plain, 0, Buffer.alloc(1000), 0, 1000), 1000, 'what is there is read');
  } finally {
    writeSync(fd, archive, 0, archive.length, 0);
  }
});
