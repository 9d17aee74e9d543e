/** What a reader of tars refuses, with the sentence that a person gets: it names the entry and the field. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PlyfsError } from '../../../../src/base/errors.js';
import { defaultLimits, type Limits } from '../../../../src/base/limits.js';
import { rawEntry, rawPax, rawTar } from '../../../support/tar-bytes.js';
import { indexOf } from '../../../support/tar-fixture.js';

const a = { name: 'a', data: 'one' };
const sparse = (map: string, size: string, data: string) =>
  rawTar({
    name: 's',
    data,
    pax: [
      ['GNU.sparse.size', size],
      ['GNU.sparse.numblocks', '1'],
      ['GNU.sparse.map', map],
    ],
  });
const pax = (body: string) => rawTar({ name: 'x', type: 'x', data: body }, a);

/** The case, the tar, and what the sentence says. */
const refused: [string, Buffer, RegExp, Partial<Limits>?][] = [
  [
    'a symlink longer than Linux reads',
    rawTar({ name: 'x', type: '2', pax: [['linkpath', 'n'.repeat(4096)]] }),
    /a linkname of 4096 bytes, Linux allows 4095/,
  ],
  [
    'directories without end',
    rawTar({ name: 'x', pax: [['path', 'n/'.repeat(3000)]] }),
    /more than 2048 directories deep \(limit depth;/,
  ],
  ['a tar cut off in a header', rawTar(a).subarray(0, 300), /at byte 0: the archive is cut off here/],
  [
    'a tar cut off in the data',
    rawTar({ name: 'a', data: 'x'.repeat(2000) }).subarray(0, 1000),
    /"a" at byte 1000: .*cut off.* 1512 bytes of its data are missing/,
  ],
  [
    'a tar cut off in a PAX header',
    rawTar({ name: 'a', pax: [['comment', 'c'.repeat(600)]] }).subarray(0, 700),
    /at byte 700: .*cut off/,
  ],
  [
    'a size that lies',
    rawTar({ name: 'a', data: 'abc', size: 1e9 }),
    /"a" at byte 2048: .*cut off here, 999998464 bytes of its data are missing/,
  ],
  ['a wrong checksum', rawTar(a, { name: 'b', spoil: (block) => void block.write('c') }), /at byte 1024: .*checksum is wrong/],
  ['what is no tar at all', Buffer.from('#!/bin/sh\n'.repeat(100)), /at byte 0: this is no tar header/],
  ['an entry behind a lone block of zeros', Buffer.concat([rawEntry(a), Buffer.alloc(512), rawTar(a)]), /single block of zeros/],
  [
    'a name that climbs out (L-3)',
    rawTar({ name: 'x/../../etc/passwd' }),
    /"x\/\.\.\/\.\.\/etc\/passwd" at byte 0: the name climbs above the root/,
  ],
  [
    'a hard link out of the image',
    rawTar({ name: 'l', type: '1', link: '../../etc/shadow' }),
    /target "..\/..\/etc\/shadow" is not in the image/,
  ],
  [
    'a hard link to a directory',
    rawTar({ name: 'd/', type: '5' }, { name: 'l', type: '1', link: 'd' }),
    /"l" at byte 512: its target "d" is a directory/,
  ],
  [
    'a hard link to a directory that comes later',
    rawTar({ name: 'l', type: '1', link: 'd' }, { name: 'd/x' }),
    /"d".*hard link to it, but it is a directory/,
  ],
  [
    'hard links in a circle',
    rawTar({ name: 'a', type: '1', link: 'b' }, { name: 'b', type: '1', link: 'a' }),
    /hard links to it make a circle/,
  ],
  ['a hard link to itself', rawTar({ name: 'a', type: '1', link: 'a' }), /circle/],
  ['a root that is a file', rawTar({ name: './', type: '2', link: 'x' }), /the root is not a directory/],
  ['an empty name', rawTar({ name: '', mode: 0o644 }), /at byte 0: the name is empty/],
  ['a symlink without a target', rawTar({ name: 'l', type: '2' }), /a symlink without a linkname/],
  [
    'a name component of 256 bytes',
    rawTar({ name: 'x', pax: [['path', 'n'.repeat(256)]] }),
    /a name of 256 bytes, Linux allows 255/,
  ],
  ['a name of 70 kB', rawTar({ name: 'x', pax: [['path', 'n/'.repeat(35_000)]] }), /the name has 70000 bytes \(limit pathBytes;/],
  [
    'a GNU long name of 70 kB',
    rawTar({ name: 'x', type: 'L', magic: 'gnu', data: 'n/'.repeat(35_000) }),
    /type L has 70000 bytes.*pathBytes/,
  ],
  [
    'a linkname of 70 kB',
    rawTar({ name: 'x', type: '2', pax: [['linkpath', 'n'.repeat(70_000)]] }),
    /the linkname has 70000 bytes/,
  ],
  [
    'a PAX header of 2 MB',
    rawTar({ name: 'x', pax: [['comment', 'c'.repeat(2_000_000)]] }),
    /type x has 20000\d\d bytes.*paxBytes/,
  ],
  ['a PAX header that says 8 GB', rawTar({ name: 'x', type: 'x', size: 8e9 }), /type x has 8000000000 bytes/],
  [
    'global xattrs without end',
    Buffer.concat([1, 2].map((i) => rawPax('g', [[`SCHILY.xattr.user.${i}`, 'v'.repeat(40_000)]]))),
    /global PAX headers hold \d+ bytes/,
  ],
  ['a PAX record longer than its header', pax('50 path=x\n'), /says 50 bytes, 10 are there/],
  ['a PAX record without a length', pax('path=x\n'), /does not begin with its length/],
  ['a PAX record without a newline', pax('10 path=xy'), /does not end in a newline/],
  ['a PAX record without a keyword', pax('6 =xy\n'), /no keyword/],
  ['a PAX size that is no number', rawTar({ name: 'a', pax: [['size', '1e9']] }), /the PAX size is not a number/],
  [
    'a PAX size beyond 2^53',
    rawTar({ name: 'a', pax: [['size', '9007199254740993']] }),
    /the PAX size is not a number below 2\^53/,
  ],
  ['a PAX time that is no time', rawTar({ name: 'a', pax: [['mtime', 'now']] }), /the PAX mtime is not a time \("now"\)/],
  ['a NUL in a PAX path', rawTar({ name: 'a', pax: [['path', 'a\0b']] }), /the PAX path holds a NUL/],
  ['a uid beyond 32 bits', rawTar({ name: 'a', pax: [['uid', '4294967296']] }), /"a".*the uid 4294967296 does not fit/],
  [
    'letters in the mode',
    rawTar({ name: 'a', edit: (block) => void block.write('rwxr-xr', 100) }),
    /"a".*the mode field holds no number/,
  ],
  [
    'a negative size',
    rawTar({ name: 'a', edit: (block) => void block.fill(0xff, 124, 136) }),
    /"a".*the size is negative \(-1\)/,
  ],
  ['a device number out of range', rawTar({ name: 'n', type: '3', device: [0o7777777, 1] }), /device major 2097151/],
  ['a file of another volume', rawTar({ name: 'm', type: 'M', magic: 'gnu' }), /another volume/],
  ['a sparse map that overlaps', sparse('0,2,1,2', '9', 'abcd'), /range 1\+2 of the sparse map overlaps/],
  ['a sparse map that leaves the file', sparse('0,2,8,2', '9', 'abcd'), /range 8\+2 .*leaves the file of 9 bytes/],
  ['a sparse map that lies about the data', sparse('0,2,8,1', '9', 'abcd'), /holds 3 bytes, 4 are stored/],
  ['a sparse map with half a range', sparse('0,2,8', '9', 'ab'), /offset without a length/],
  [
    'a sparse map in the data without an end',
    rawTar({
      name: 's',
      data: '9'.repeat(512),
      pax: [
        ['GNU.sparse.major', '1'],
        ['GNU.sparse.realsize', '9'],
      ],
    }),
    /something that is no number/,
  ],
  [
    'a sparse map in the data that is all there is',
    rawTar({
      name: 's',
      data: '400\n'.padEnd(512, '1\n'),
      pax: [
        ['GNU.sparse.major', '1'],
        ['GNU.sparse.realsize', '9'],
      ],
    }),
    /does not end within the data/,
  ],
  ['a whiteout of nothing (W-5)', rawTar({ name: 'd/.wh.' }), /"d\/.wh." at byte 0: the marker .wh. names nothing/],
  ['a whiteout of .. (W-5)', rawTar({ name: '.wh...' }), /the marker .wh... names nothing/],
  ['a file under a marker', rawTar({ name: '.wh.d/x' }), /under a name that begins with .wh./],
  ['more entries than allowed', rawTar(a, { name: 'b' }, { name: 'c' }), /more than 2 entries \(limit entries;/, { entries: 2 }],
  ['more implied directories than allowed', rawTar({ name: 'a/b/c/d/e/f' }, a), /implies.*over 4 entries/, { entries: 4 }],
  ['more sparse ranges than allowed', sparse('0,1,2,1', '9', 'ab'), /2 ranges \(limit sparseExtents;/, { sparseExtents: 1 }],
];

for (const [name, tar, sentence, limits] of refused) {
  test(`refused: ${name}`, () => {
    for (const piece of [tar.length, 1]) {
      assert.throws(
        () => indexOf(tar, piece, { ...defaultLimits, ...limits }),
        (error: unknown) => {
          assert.ok(error instanceof PlyfsError, String(error));
          assert.match(error.message, sentence);
          return true;
        },
      );
    }
  });
}

test('an archive that stops between entries or in its last padding is whole', () => {
  const whole = rawEntry(a);
  assert.equal(indexOf(whole).entries, 2);
  assert.equal(indexOf(whole.subarray(0, 600)).entries, 2);
  assert.equal(indexOf(Buffer.alloc(0), 1).entries, 1);
  assert.equal(indexOf(Buffer.alloc(1024)).entries, 1);
});

test('what follows the closing zeros does not count', () => {
  assert.equal(indexOf(Buffer.concat([rawTar(a), Buffer.from('rubbish')])).entries, 2);
});

test('a checksum added up from signed bytes is right too', () => {
  const signed = (block: Buffer) => {
    const sum = block.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 0x20 : byte >= 0x80 ? byte - 256 : byte), 0);
    block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  };
  assert.equal(indexOf(rawTar({ name: 'sm\xf8rrebr\xf8d', spoil: signed })).entries, 2);
});
