/** The saved form of an index: what is not exactly what was saved is refused. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PlyfsError } from '../../../../src/base/errors.js';
import type { Name } from '../../../../src/base/name.js';
import { xxhash64 } from '../../../../src/base/xxhash.js';
import { TarIndex } from '../../../../src/layers/tar/tar-index.js';
import { rawTar } from '../../../support/tar-bytes.js';
import { indexOf } from '../../../support/tar-fixture.js';

const tar = rawTar(
  { name: 'd/', type: '5' },
  { name: 'd/f', data: 'hello', pax: [['SCHILY.xattr.user.a', 'b']] },
  { name: 'd/g', type: '1', link: 'd/f' },
  { name: 'l', type: '2', link: 'target' },
  {
    name: 's',
    data: 'c',
    pax: [
      ['GNU.sparse.size', '9'],
      ['GNU.sparse.map', '8,1'],
    ],
  },
  { name: '.wh.gone' },
);

function isBadIndex(error: unknown): boolean {
  return error instanceof PlyfsError && error.code === 'BAD_INDEX';
}

test('an index is the same however the tar was cut, and for each building', () => {
  const whole = indexOf(tar);
  for (const piece of [1, 511, 512, 513, 3000]) assert.deepEqual(indexOf(tar, piece).bytes, whole.bytes);
});

test('a byte changed anywhere, or an end cut off, is refused', () => {
  const { bytes } = indexOf(tar);
  for (let at = 0; at < bytes.length; at++) {
    const damaged = Buffer.from(bytes);
    damaged[at]! ^= 0x40;
    // Four bytes of the header are not used.
    if (at < 12 || at >= 16) assert.throws(() => TarIndex.load(damaged), isBadIndex, `byte ${at}`);
    assert.throws(() => TarIndex.load(bytes.subarray(0, at)), isBadIndex, `cut at ${at}`);
  }
});

test('an index with a right checksum and wrong numbers is refused or reads nothing outside itself', () => {
  const { bytes } = indexOf(tar);
  for (let at = 24; at < bytes.length; at++) {
    for (const value of [0, 0x7f, 0xff]) {
      const damaged = Buffer.from(bytes);
      damaged[at] = value;
      try {
        walk(TarIndex.load(sealed(damaged)));
      } catch (error) {
        assert.ok(isBadIndex(error) || error instanceof RangeError, String(error));
      }
    }
  }
});

function sealed(bytes: Buffer): Buffer {
  bytes.writeBigUInt64LE(xxhash64(bytes.subarray(24)), 16);
  return bytes;
}

function walk(index: TarIndex): void {
  for (let entry = 0; entry < index.entries; entry++) {
    index.path(entry);
    if (index.isDirectory(entry)) index.find(entry, 'f' as Name);
    index.groupOf(entry);
    index.xattrs(entry, () => false);
    if (index.has(entry, 16)) index.extents(entry);
  }
}

test('an index that lies at an odd place in memory is read', () => {
  const { bytes } = indexOf(tar);
  const shifted = Buffer.concat([Buffer.alloc(3), bytes]).subarray(3);
  assert.equal(TarIndex.load(shifted).findPath('d/f' as Name) > 0, true);
});

test('names are found among many, and none that is not there', () => {
  const names = Array.from({ length: 300 }, (_, i) => `file-${(i * 7919) % 1000}`);
  const index = indexOf(rawTar(...names.map((name) => ({ name }))));
  for (const name of names) assert.equal(index.name(index.findPath(name as Name)), name);
  for (const name of ['', 'file-', 'file-1000', 'zzz', 'a', 'file-1x']) assert.equal(index.find(0, name as Name), -1);
});
