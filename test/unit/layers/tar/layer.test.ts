/** How the entries of a tar become a layer: clauses L-1 to L-9, L-11 to L-13 and W-1 to W-8, each a case; and real tars of three writers. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Name } from '../../../../src/base/name.js';
import { scanTar } from '../../../../src/layers/tar/tar-scan.js';
import { buildTree } from '../../../support/fixture.js';
import { dumpLayer } from '../../../support/layer-dump.js';
import { type RawEntry, rawEntry, rawPax, rawTar } from '../../../support/tar-bytes.js';
import { indexOf, layerOf, tempDirectory } from '../../../support/tar-fixture.js';
import { assertTree } from '../../../support/tree.js';

const a1: RawEntry = { name: 'a', data: 'one' };
const long = 'n'.repeat(255);

/** What the case shows, the entries, and the tree of the layer. */
const cases: [string, RawEntry[], string][] = [
  [
    'a file, a directory and their attributes',
    [
      { name: 'd/', type: '5', mode: 0o1777, uid: 5, gid: 6, mtime: 100 },
      { name: 'd/f', data: 'hello', mode: 0o4755, mtime: 77 },
    ],
    'dir d 01777 uid=5 gid=6 mtime=100; file d/f 04755 mtime=77 = hello',
  ],
  [
    'leading slashes and dots go, dots inside resolve (L-3)',
    [
      { name: '/x', data: '1' },
      { name: './y', data: '2' },
      { name: './/d/./e/../z', data: '3' },
      { name: '././w', data: '4' },
    ],
    'file x = 1; file y = 2; file d/z = 3; file w = 4',
  ],
  [
    'the root entry gives the root its attributes (L-3)',
    [{ name: './', type: '5', mode: 0o700, uid: 9 }, a1],
    'dir . 0700 uid=9; file a = one',
  ],
  ['the last entry of a name wins (L-4)', [a1, { name: 'a', data: 'two' }], 'file a = two'],
  [
    'two directory entries merge with the attributes of the later (L-4)',
    [
      { name: 'd', type: '5', mode: 0o700, pax: [['SCHILY.xattr.user.old', '1']] },
      { name: 'd/x', data: '1' },
      { name: 'd', type: '5', mode: 0o711 },
    ],
    'dir d 0711; file d/x = 1',
  ],
  [
    'a file in place of a directory takes its children away',
    [
      { name: 'd/x', data: '1' },
      { name: 'd', data: 'file' },
    ],
    'file d = file',
  ],
  [
    'a directory again after that begins empty',
    [
      { name: 'd/x', data: '1' },
      { name: 'd', data: 'file' },
      { name: 'd/y', data: '2' },
    ],
    'file d/y = 2',
  ],
  [
    'a symlink of the same layer that is used as a directory is followed, within the root',
    [
      { name: 'l', type: '2', link: '/etc' },
      { name: 'l/passwd', data: 'mine' },
      { name: 'out', type: '2', link: '../../up' },
      { name: 'out/x', data: '1' },
    ],
    'symlink l -> /etc; file etc/passwd = mine; symlink out -> ../../up; file up/x = 1',
  ],
  [
    'a marker is nothing where the layer has no directory, and below a symlink or a file',
    [
      { name: 'f', data: '1' },
      { name: 'f/.wh.x' },
      { name: 'f/y/.wh..wh..opq' },
      { name: 'l', type: '2', link: 'd' },
      { name: 'l/.wh.x' },
      { name: 'd/', type: '5' },
    ],
    'file f = 1; symlink l -> d; dir d',
  ],
  ['a directory header of V7 is a file with a slash', [{ name: 'd/', type: '\0', magic: 'v7', mode: 0o755 }], 'dir d'],
  [
    'symlinks, devices, FIFOs',
    [
      { name: 'l', type: '2', link: '../x y', mode: 0o777 },
      { name: 'c', type: '3', device: [5, 1] },
      { name: 'b', type: '4', device: [8, 300] },
      { name: 'p', type: '6' },
    ],
    'symlink l -> ../x y; chr c 5:1; blk b 8:300; fifo p',
  ],
  ['a hard link to an earlier entry', [a1, { name: 'b', type: '1', link: 'a' }], 'file a = one; link b -> a'],
  [
    'a hard link to a later entry (L-8)',
    [
      { name: 'b', type: '1', link: './z' },
      { name: 'z', data: 'one' },
    ],
    'file b = one; link z -> b',
  ],
  [
    'a chain of hard links to a later entry',
    [
      { name: 'a', type: '1', link: 'b' },
      { name: 'b', type: '1', link: 'c' },
      { name: 'c', data: 'one' },
    ],
    'file a = one; link b -> a; link c -> a',
  ],
  [
    'a hard link keeps the object when its first name is replaced',
    [a1, { name: 'b', type: '1', link: 'a' }, { name: 'a', data: 'two' }],
    'file a = two; file b = one',
  ],
  [
    'a hard link to a symlink links the symlink',
    [
      { name: 'l', type: '2', link: 'x', mode: 0o777 },
      { name: 'm', type: '1', link: 'l' },
    ],
    'symlink l -> x; link m -> l',
  ],
  [
    'a hard link to what only a lower layer has stays one (L-8)',
    [
      { name: 'd/b', type: '1', link: '/usr/bin/x' },
      { name: 'c', type: '1', link: 'd/b' },
    ],
    'dir d; link c -> /usr/bin/x; link d/b -> /usr/bin/x',
  ],
  [
    'a whiteout is decided by its base name, whatever its type (W-1)',
    [
      { name: 'd/.wh.x' },
      { name: '.wh.y', type: '1', link: 'd/.wh.x' },
      { name: '.wh.z/', type: '5' },
      { name: '.wh.w', data: 'not empty' },
    ],
    'dir d; whiteout d/x; whiteout y; whiteout z; whiteout w',
  ],
  [
    'a whiteout does not touch its own layer, before or after (W-2)',
    [{ name: '.wh.a' }, a1, { name: 'b', data: '1' }, { name: '.wh.b' }],
    'file a = one; file b = 1',
  ],
  [
    'a whiteout and the directory again: it hides the lower one (W-6)',
    [{ name: '.wh.d' }, { name: 'd/x', data: '1' }, { name: 'e/', type: '5' }, { name: '.wh.e' }],
    'dir d; opaque d; file d/x = 1; dir e; opaque e',
  ],
  [
    'a whiteout and whiteouts below it, before or after: the whiteout alone (W-6)',
    [{ name: '.wh.foo' }, { name: 'foo/.wh.bar' }, { name: 'bar/x/.wh.y' }, { name: '.wh.bar' }],
    'whiteout foo; whiteout bar',
  ],
  [
    'an opaque mark works in any order and needs no directory entry (W-3)',
    [{ name: 'd/x', data: '1' }, { name: 'd/.wh..wh..opq' }, { name: 'e/.wh..wh..opq' }, { name: 'd/', type: '5', mode: 0o700 }],
    'dir d 0700; opaque d; file d/x = 1; dir e; opaque e',
  ],
  ['an opaque root', [{ name: '.wh..wh..opq' }, a1], 'dir .; opaque .; file a = one'],
  [
    'leftovers of AUFS are skipped with what is in them (W-7)',
    [{ name: '.wh..wh.plnk/', type: '5' }, { name: '.wh..wh.plnk/12.34', data: 'x' }, { name: '.wh..wh.aufs' }, a1],
    'file a = one',
  ],
  [
    'GNU long names and link names',
    [
      { name: '././@LongLink', type: 'L', magic: 'gnu', data: `${'d/'.repeat(100)}f\0` },
      { name: 'short', magic: 'gnu', data: '1' },
      { name: '././@LongLink', type: 'K', magic: 'gnu', data: `${'t'.repeat(300)}\0` },
      { name: 'l', type: '2', magic: 'gnu', mode: 0o777 },
    ],
    `file ${'d/'.repeat(100)}f = 1; symlink l -> ${'t'.repeat(300)}`,
  ],
  [
    'a name of 255 bytes that is not UTF-8',
    [{ name: 'x', data: '1', pax: [['path', `\xff${long.slice(1)}`]] }],
    `file \\xff${long.slice(1)} = 1`,
  ],
  [
    'the prefix of ustar and of star',
    [
      { name: 'f', prefix: 'some/dir', data: '1' },
      { name: 'g', prefix: 'other', magic: 'star', data: '2' },
    ],
    'file some/dir/f = 1; file other/g = 2',
  ],
  ['the prefix field of GNU headers is no prefix', [{ name: 'f', magic: 'gnu', prefix: 'zzz', data: '1' }], 'file f = 1'],
  [
    'binary xattrs: NULs and newlines, = as GNU tar spells it (L-9)',
    [
      {
        name: 'f',
        pax: [
          ['SCHILY.xattr.user.a', 'x\0\n9 k=v\ny'],
          ['SCHILY.xattr.user.b%3Dc', '1'],
          ['SCHILY.xattr.user.e', ''],
        ],
      },
    ],
    'file f xattr:user.a=x\\x00\\x0a9\\x20k=v\\x0ay xattr:user.b=c=1 xattr:user.e=',
  ],
  [
    'libarchive xattrs in base64; SCHILY has precedence',
    [
      {
        name: 'f',
        pax: [
          ['LIBARCHIVE.xattr.user.a', 'AAEC'],
          ['SCHILY.xattr.user.b', 'raw'],
          ['LIBARCHIVE.xattr.user.b', 'AAEC'],
          ['LIBARCHIVE.xattr.user.%41%62', 'eA=='],
        ],
      },
    ],
    'file f xattr:user.a=\\x00\\x01\\x02 xattr:user.b=raw xattr:user.Ab=x',
  ],
  [
    'PAX times: fractions, before 1970, finer than nanoseconds',
    [
      { name: 'a', pax: [['mtime', '1.5']] },
      { name: 'b', pax: [['mtime', '-1.5']] },
      { name: 'c', pax: [['mtime', '-0.0000000001']] },
      { name: 'd', pax: [['mtime', '-3']] },
      { name: 'e', pax: [['mtime', '99999999999.123456789123']] },
    ],
    'file a mtime=1.5; file b mtime=-2.5; file c mtime=-1.999999999; file d mtime=-3; file e mtime=99999999999.123456789',
  ],
  [
    'ids and sizes beyond octal, from PAX and from base-256',
    [
      {
        name: 'a',
        data: 'xyz',
        size: 0,
        pax: [
          ['uid', '4000000000'],
          ['gid', '3000000'],
          ['size', '3'],
        ],
      },
      {
        name: 'b',
        magic: 'gnu',
        edit: (block) => {
          block.writeUInt32BE(0x80000000, 108);
          block.writeUInt32BE(4000000000, 112);
        },
      },
      {
        name: 'c',
        magic: 'gnu',
        edit: (block) => {
          block.fill(0xff, 136, 148);
          block[147] = 0xfe;
        },
      },
    ],
    'file a uid=4000000000 gid=3000000 = xyz; file b uid=4000000000; file c mtime=-2',
  ],
  [
    'a PAX size and path of the entry before do not linger',
    [
      {
        name: 'x',
        data: 'abc',
        size: 0,
        pax: [
          ['size', '3'],
          ['path', 'a'],
          ['uid', '7'],
        ],
      },
      { name: 'b', data: '12' },
    ],
    'file a uid=7 = abc; file b = 12',
  ],
  [
    'octal with leading blanks and without an end',
    [
      {
        name: 'a',
        uid: 0,
        edit: (block) => {
          block.write('   755 \0', 100);
          block.write('77777777', 108);
        },
      },
    ],
    'file a 0755 uid=16777215',
  ],
  [
    'links and directories have no data, whatever their size says',
    [a1, { name: 'b', type: '1', link: 'a', size: 3 }, { name: 'd/', type: '5', size: 4096 }, { name: 'c', data: '2' }],
    'file a = one; link b -> a; dir d; file c = 2',
  ],
  [
    'an unknown type with data is a file (L-13)',
    [
      { name: 'a', type: 'Z', data: 'what' },
      { name: 'b', data: '1' },
    ],
    'file a = what; file b = 1',
  ],
  [
    'an old GNU sparse file',
    [
      {
        name: 's',
        type: 'S',
        magic: 'gnu',
        data: Buffer.concat([Buffer.alloc(512, 'A'), Buffer.alloc(10, 'B')]),
        edit: (block) => {
          for (const [i, number] of [1024, 512, 4086, 10].entries())
            block.write(`${number.toString(8).padStart(11, '0')}\0`, 386 + i * 12);
          block.write(`${(4096).toString(8).padStart(11, '0')}\0`, 483);
        },
      },
    ],
    `file s size=4096 at=1024 = ${'A'.repeat(512)}${'\\x00'.repeat(2550)}${'B'.repeat(10)}`,
  ],
  [
    'a sparse file of format 0.0',
    [
      {
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
      },
    ],
    'file s = \\x00ab\\x00\\x00\\x00\\x00\\x00\\x00c',
  ],
  [
    'a sparse file of format 0.1',
    [
      {
        name: 'GNUSparseFile.1/s',
        data: 'abc',
        pax: [
          ['GNU.sparse.size', '6'],
          ['GNU.sparse.numblocks', '1'],
          ['GNU.sparse.map', '3,3'],
          ['GNU.sparse.name', 's'],
        ],
      },
    ],
    'file s = \\x00\\x00\\x00abc',
  ],
  [
    'a sparse file of format 1.0',
    [
      {
        name: 'GNUSparseFile.1/s',
        data: `${'1\n2\n3\n'.padEnd(512, '\0')}abc`,
        pax: [
          ['GNU.sparse.major', '1'],
          ['GNU.sparse.minor', '0'],
          ['GNU.sparse.name', 's'],
          ['GNU.sparse.realsize', '6'],
        ],
      },
    ],
    'file s = \\x00\\x00abc\\x00',
  ],
  [
    'a file that is all hole',
    [
      {
        name: 's',
        data: '0\n'.padEnd(512, '\0'),
        pax: [
          ['GNU.sparse.major', '1'],
          ['GNU.sparse.minor', '0'],
          ['GNU.sparse.name', 's'],
          ['GNU.sparse.realsize', '6'],
        ],
      },
    ],
    'file s size=6',
  ],
];

for (const [name, entries, tree] of cases) {
  test(name, (t) => {
    const tar = rawTar(...entries);
    assertTree(dumpLayer(layerOf(t, tar)), tree, 'in one piece');
    assertTree(dumpLayer(layerOf(t, tar, 1)), tree, 'byte by byte');
    assertTree(dumpLayer(layerOf(t, tar, 700)), tree, 'in pieces of 700 bytes');
  });
}

test('local PAX records beat global ones, and a global path means no file (L-9)', (t) => {
  const tar = Buffer.concat([
    rawPax('g', [
      ['uid', '5'],
      ['mtime', '9'],
      ['path', 'evil'],
      ['SCHILY.xattr.user.g', 'global'],
      ['SCHILY.xattr.user.h', 'global'],
    ]),
    rawEntry({
      name: 'a',
      pax: [
        ['uid', '6'],
        ['SCHILY.xattr.user.h', 'local'],
      ],
    }),
    rawEntry({ name: 'b' }),
  ]);
  const tree =
    'file a uid=6 mtime=9 xattr:user.g=global xattr:user.h=local; file b uid=5 mtime=9 xattr:user.g=global xattr:user.h=global';
  assertTree(dumpLayer(layerOf(t, tar)), tree, 'without the closing zeros');
});

test('implied directories are told, and stop being so when the entry comes', (t) => {
  const layer = layerOf(t, rawTar({ name: 'd/e/f' }, { name: 'd/', type: '5' }));
  const d = layer.find(layer.root, 'd' as Name)!;
  const dir = layer.directory(layer.root, 'd' as Name, d.ref);
  const e = layer.find(dir, 'e' as Name)!;
  assert.equal(layer.isImplied(layer.root), true);
  assert.equal(layer.isImplied(dir), false);
  assert.equal(layer.isImplied(layer.directory(dir, 'e' as Name, e.ref)), true);
  assert.equal(layer.find(dir, 'none' as Name), undefined);
});

test('every name of a file with several is found by its inode', (t) => {
  const layer = layerOf(
    t,
    rawTar({ name: 'z/a', data: '1' }, { name: 'b', type: '1', link: 'z/a' }, { name: 'c/d/e', type: '1', link: 'b' }, a1),
  );
  const b = layer.find(layer.root, 'b' as Name)!;
  assert.deepEqual(layer.namesOf(b.ino).sort(), ['b', 'c/d/e', 'z/a']);
  assert.deepEqual(layer.namesOf(layer.find(layer.root, 'a' as Name)!.ino), []);
});

/** A tree with something of everything that a tar can carry. */
const shortNames = `
  dir d 01777; file d/plain = text; file d/empty; link d/same -> d/plain; symlink d/link -> ../elsewhere/\\xff; fifo p 0600
  chr n 0600 1:3; blk b 0660 7:9; file u 04755 uid=70000 gid=80000 mtime=1000000000.123456789 = x
  file ${'dir-'.repeat(20)}/${'name-'.repeat(15)} = deep; file bin\\xff\\x01 = y; dir empty 0700
`;
const everything = `${shortNames}; file ${'long-'.repeat(30)}/${'name-'.repeat(30)} = deep; dir ${'e'.repeat(250)}`;
const withXattrs = `${everything}; file x xattr:user.bin=\\x00\\x0a\\xff xattr:user.text=v xattr:trusted.t=1; dir xd xattr:user.d=1`;
const holes = 'file s size=3000000 at=1000000 = middle; file t pattern=3:70000; file h size=500000';

const gnu = ['tar', '--sort=name', '--numeric-owner', '-C'];
const bsd = ['bsdtar', '--numeric-owner', '-C'];
const python = (format: string) => [
  'python3',
  '-c',
  `import sys,tarfile,os
os.chdir(sys.argv[1]); t=tarfile.open(fileobj=sys.stdout.buffer, mode='w|', format=tarfile.${format}, encoding='utf-8', errors='surrogateescape'); t.add('.'); t.close()`,
];

/** The writer, the tree, and what of it the format cannot say. */
const writers: [string, string[], string, ((tree: string) => string)?][] = [
  ['GNU tar, gnu', [...gnu, 'DIR', '--format=gnu', '-cf', '-', '.'], everything, wholeSeconds],
  ['GNU tar, oldgnu', [...gnu, 'DIR', '--format=oldgnu', '-cf', '-', '.'], everything, wholeSeconds],
  ['GNU tar, pax with xattrs', [...gnu, 'DIR', '--format=pax', '--xattrs', '--xattrs-include=*', '-cf', '-', '.'], withXattrs],
  ['GNU tar, sparse, gnu', [...gnu, 'DIR', '--format=gnu', '-S', '-cf', '-', '.'], holes],
  ['GNU tar, sparse 0.0', [...gnu, 'DIR', '--format=pax', '-S', '--sparse-version=0.0', '-cf', '-', '.'], holes],
  ['GNU tar, sparse 0.1', [...gnu, 'DIR', '--format=pax', '-S', '--sparse-version=0.1', '-cf', '-', '.'], holes],
  ['GNU tar, sparse 1.0', [...gnu, 'DIR', '--format=pax', '-S', '--sparse-version=1.0', '-cf', '-', '.'], holes],
  ['GNU tar, ustar', [...gnu, 'DIR', '--format=ustar', '-cf', '-', '.'], wholeSeconds(shortNames)],
  ['GNU tar, v7', [...gnu, 'DIR', '--format=v7', '-cf', '-', '.'], 'dir d; file d/a = 1; symlink l -> d/a; link m -> d/a'],
  [
    'bsdtar, pax with xattrs',
    [...bsd, 'DIR', '--format=pax', '--xattrs', '-cf', '-', '.'],
    withXattrs.replace(' xattr:trusted.t=1', ''),
  ],
  ['bsdtar, gnutar', [...bsd, 'DIR', '--format=gnutar', '-cf', '-', '.'], everything, wholeSeconds],
  ['bsdtar, ustar', [...bsd, 'DIR', '--format=ustar', '-cf', '-', '.'], wholeSeconds(shortNames)],
  ['python, PAX', [...python('PAX_FORMAT'), 'DIR'], everything.replace('.123456789', '')],
  ['python, GNU', [...python('GNU_FORMAT'), 'DIR'], everything, wholeSeconds],
];

function wholeSeconds(tree: string): string {
  return tree.replace('.123456789', '');
}

for (const [name, command, tree, loss] of writers) {
  const program = command[0]!;
  const reason =
    process.getuid?.() !== 0
      ? 'only root makes devices'
      : spawnSync(program, ['--version']).error
        ? `${program} is not installed`
        : false;
  test(`a tar of ${name} is the tree it was made from`, { skip: reason }, (t) => {
    const directory = join(tempDirectory(t), 'tree');
    spawnSync('mkdir', [directory]);
    buildTree(directory, tree);
    const made = spawnSync(
      program,
      command.slice(1).map((word) => (word === 'DIR' ? directory : word)),
      { maxBuffer: 1 << 26 },
    );
    assert.equal(made.status, 0, made.stderr.toString());
    assertTree(dumpLayer(layerOf(t, made.stdout)), loss === undefined ? tree : loss(tree), name);
  });
}

test('a tar in a file is indexed without reading its data, to the same index', (t) => {
  const tar = rawTar(
    { name: 'a', data: Buffer.alloc(3_000_000, 'a') },
    { name: 'd/b', data: Buffer.alloc(100, 'b') },
    { name: 'c', data: Buffer.alloc(700_001, 'c') },
  );
  const file = join(tempDirectory(t), 'archive');
  writeFileSync(file, Buffer.concat([Buffer.alloc(99), tar, Buffer.alloc(5000)]));
  const fd = openSync(file, 'r');
  t.after(() => closeSync(fd));
  assert.deepEqual(scanTar(fd, 99, tar.length).index.bytes, indexOf(tar).bytes);
  assert.throws(() => scanTar(fd, 99, tar.length - 2000), /"c" at byte .* cut off here/);
});
