/** Tars that the fuzz test begins from: one of each thing that a reader must understand. A tar that once broke something is added here. */

import { gzipSync } from 'node:zlib';
import { rawEntry, rawPax, rawTar } from './tar-bytes.js';

const oldSparse = rawTar({
  name: 's',
  type: 'S',
  magic: 'gnu',
  data: Buffer.alloc(1024, 'A'),
  edit(block) {
    for (const [i, number] of [0, 512, 4096, 512].entries())
      block.write(`${number.toString(8).padStart(11, '0')}\0`, 386 + i * 12);
    block.write(`${(9000).toString(8).padStart(11, '0')}\0`, 483);
  },
});

export const tarCorpus: readonly Buffer[] = [
  rawTar(
    { name: 'd/', type: '5' },
    { name: 'd/f', data: 'hello' },
    { name: 'd/g', type: '1', link: 'd/f' },
    { name: 'l', type: '2', link: 'd' },
  ),
  rawTar(
    { name: 'a', type: '1', link: 'b' },
    { name: 'b', type: '1', link: 'c' },
    { name: 'c', data: 'x' },
    { name: 'a', data: 'y' },
  ),
  rawTar({ name: 'c', type: '3', device: [1, 3] }, { name: 'b', type: '4', device: [7, 300] }, { name: 'p', type: '6' }),
  rawTar({ name: '.wh.x' }, { name: 'x/y' }, { name: 'd/.wh..wh..opq' }, { name: 'd/.wh.z' }, { name: '.wh..wh.plnk/1' }),
  rawTar(
    { name: '@', type: 'L', magic: 'gnu', data: `${'n/'.repeat(80)}f\0` },
    { name: 'x' },
    { name: '@', type: 'K', magic: 'gnu', data: 'target\0' },
    { name: 'y', type: '2' },
  ),
  rawTar(
    {
      name: 'f',
      data: 'abc',
      size: 0,
      pax: [
        ['size', '3'],
        ['path', 'long/path'],
        ['mtime', '-1.5'],
        ['uid', '70000'],
        ['SCHILY.xattr.user.a', 'x\0\ny'],
      ],
    },
    {
      name: 'g',
      data: '1',
      pax: [
        ['LIBARCHIVE.xattr.user.b', 'AAEC'],
        ['linkpath', 'z'],
      ],
    },
  ),
  Buffer.concat([
    rawPax('g', [
      ['uid', '5'],
      ['SCHILY.xattr.user.g', 'v'],
    ]),
    rawEntry({ name: 'a' }),
    rawTar({ name: './', type: '5' }),
  ]),
  oldSparse,
  rawTar({
    name: 's',
    data: 'abc',
    pax: [
      ['GNU.sparse.size', '10'],
      ['GNU.sparse.numblocks', '2'],
      ['GNU.sparse.offset', '1'],
      ['GNU.sparse.numbytes', '2'],
      ['GNU.sparse.offset', '9'],
      ['GNU.sparse.numbytes', '1'],
    ],
  }),
  rawTar({
    name: 's',
    data: 'abc',
    pax: [
      ['GNU.sparse.size', '9'],
      ['GNU.sparse.map', '0,1,4,2'],
    ],
  }),
  rawTar({
    name: 's',
    data: `${'2\n0\n1\n4\n2\n'.padEnd(512, '\0')}abc`,
    pax: [
      ['GNU.sparse.major', '1'],
      ['GNU.sparse.minor', '0'],
      ['GNU.sparse.name', 'n'],
      ['GNU.sparse.realsize', '9'],
    ],
  }),
  rawTar(
    { name: 'f', prefix: 'p/q', magic: 'star', data: 'x' },
    { name: 'V', type: 'V', magic: 'gnu' },
    { name: 'D', type: 'D', magic: 'gnu', data: 'Yf\0' },
  ),
];

export const gzipCorpus: readonly Buffer[] = tarCorpus.map((tar) => gzipSync(tar));
