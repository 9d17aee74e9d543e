/** Tars written here: what they hold, that they are the same bytes each time, and that others read them as we do. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { extract } from 'tar-stream';
import type { Name } from '../../../src/base/name.js';
import type { WriteEntry } from '../../../src/tar/entry.js';
import { type FileData, TarWriter } from '../../../src/tar/writer.js';
import { dumpTree } from '../../support/dump.js';
import { dumpLayer } from '../../support/layer-dump.js';
import { tarOfLayer } from '../../support/layer-tar.js';

import { layerOf, tempDirectory } from '../../support/tar-fixture.js';
import { assertTree, patternBytes } from '../../support/tree.js';
import { tarOfTree } from '../../support/tree-tar.js';

const plain = { mode: 0o644, uid: 0, gid: 0, mtimeSec: 0, mtimeNsec: 0 };
const name = (text: string) => text as Name;

function fileOf(bytes: Buffer): FileData {
  return { size: bytes.length, read: (buffer, at, length, offset) => bytes.copy(buffer, at, offset, offset + length) };
}

function written(entries: readonly (readonly [WriteEntry, FileData?])[], options?: { nanoseconds?: boolean }): Buffer {
  const writer = new TarWriter(options);
  const parts: Buffer[] = [];
  for (const [entry, data] of entries) for (const chunk of writer.add(entry, data)) parts.push(Buffer.from(chunk));
  for (const chunk of writer.finish()) parts.push(Buffer.from(chunk));
  return Buffer.concat(parts);
}

test('the empty layer is the 1024 zeros that every registry knows (T-8)', () => {
  const digest = createHash('sha256').update(written([])).digest('hex');
  assert.equal(digest, '5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef');
});

test('an entry that fits ustar has no PAX header, and no uname or gname', () => {
  const bytes = written([
    [{ ...plain, type: 'file', path: name('d/f'), uid: 5, mtimeSec: 1e9, mtimeNsec: 7 }, fileOf(Buffer.from('hello'))],
  ]);
  assert.equal(bytes.length, 512 + 512 + 1024);
  assert.equal(bytes.toString('latin1', 0, 4), 'd/f\0');
  assert.equal(bytes.toString('latin1', 257, 265), 'ustar\x0000');
  assert.equal(bytes.subarray(265, 329).equals(Buffer.alloc(64)), true);
});

/** Trees written, the option, and what of it is read back if it is less. */
const trees: [string, string, boolean, string?][] = [
  [
    'kinds, modes, owners',
    'dir d 01777 uid=3; file d/f 04755 gid=9 = x; symlink l -> d/f; chr n 0600 1:3; blk b 0600 8:300; fifo p; file e',
    true,
  ],
  ['hard links: the first name has the data (T-5)', 'file a nlink=3 = data; link d/b -> a; link z -> a', true],
  ['markers (T-4)', 'dir d; opaque d; whiteout d/w; file d/f = 1; whiteout gone', true],
  ['ids beyond octal', 'file f uid=4294967294 gid=2097152 = x; file g uid=2097151 gid=2097151', true],
  [
    'times with nanoseconds',
    'file a mtime=1.000000001; file b mtime=-1.5; file c mtime=-3.25; file d mtime=99999999999.5; dir e mtime=7.5',
    true,
  ],
  ['times without them', 'file a mtime=1.9; file b mtime=99999999999.5', false, 'file a mtime=1; file b mtime=99999999999'],
  [
    'binary xattrs',
    'file f xattr:user.b=\\x00\\x0a=\\xff xattr:user.a=1 xattr:user.x%y=z xattr:user.empty=; dir d xattr:user.d=2',
    true,
  ],
  ['names of every length', [99, 100, 101, 254, 255].map((length) => `file ${'n'.repeat(length)} = ${length}`).join(';'), true],
  [
    'paths of many lengths',
    [90, 98, 99, 100, 140, 153, 154, 155, 156, 250]
      .map((length) => `file ${'d'.repeat(length)}/${'f'.repeat(100)} = x; dir ${'d'.repeat(length)}/e`)
      .join(';'),
    true,
  ],
  [
    'link targets of every length',
    [99, 100, 101, 3000].map((length) => `symlink l${length} -> ${'t'.repeat(length)}`).join(';'),
    true,
  ],
  ['names that are not UTF-8', `file \\xff\\xfe = 1; dir ${'\\xe9'.repeat(120)}; symlink l -> ${'\\xe9'.repeat(120)}`, true],
  [
    'contents around the buffer',
    [511, 512, 513, 524287, 524288, 524289, 1600000].map((length) => `file f${length} pattern=${length}:${length}`).join(';'),
    true,
  ],
];

/** A layer from lines of the tree language, through raw tar bytes. */
for (const [what, tree, nanoseconds, less] of trees) {
  test(`written and read back: ${what}`, (t) => {
    const source = layerOf(t, tarOfTree(tree));
    const bytes = tarOfLayer(source, { nanoseconds });
    const back = layerOf(t, bytes);
    assertTree(dumpLayer(back), less ?? tree, what);
    assert.deepEqual(tarOfLayer(back, { nanoseconds }), bytes, 'written again it is the same');
  });
}

test('a sparse file is written out as zeros without reading them', (t) => {
  const size = 3_000_000;
  const read: string[] = [];
  const data: FileData = {
    size,
    extents: [
      { offset: 1_000_000, length: 10 },
      { offset: 2_000_000, length: 5 },
    ],
    read(buffer, at, length, offset) {
      read.push(`${offset}+${length}`);
      buffer.fill('x', at, at + length);
      return length;
    },
  };
  const bytes = written([[{ ...plain, type: 'file', path: name('s') }, data]]);
  const whole = Buffer.alloc(size);
  whole.fill('x', 1_000_000, 1_000_010);
  whole.fill('x', 2_000_000, 2_000_005);
  assert.deepEqual(read, ['1000000+10', '2000000+5']);
  const line = dumpLayer(layerOf(t, bytes)).find(({ path }) => path === 's')!;
  assert.equal(line.content!.equals(whole), true);
});

test('a file that became shorter is filled up with zeros and told', (t) => {
  const writer = new TarWriter();
  const short: FileData = { ...fileOf(Buffer.from('only this')), size: 700_000 };
  const parts: Buffer[] = [];
  for (const chunk of writer.add({ ...plain, type: 'file', path: name('f') }, short)) parts.push(Buffer.from(chunk));
  for (const chunk of writer.add({ ...plain, type: 'file', path: name('g') }, fileOf(Buffer.from('next'))))
    parts.push(Buffer.from(chunk));
  for (const chunk of writer.finish()) parts.push(Buffer.from(chunk));
  assert.deepEqual(writer.shortened, ['f']);
  assertTree(dumpLayer(layerOf(t, Buffer.concat(parts))), 'file f size=700000 = only this; file g = next', 'shortened');
});

test('a size beyond octal is in a PAX record', () => {
  const size = 2 ** 33;
  const writer = new TarWriter();
  const hole: FileData = { size, extents: [], read: () => 0 };
  let head = Buffer.alloc(0);
  let total = 0;
  for (const chunk of writer.add({ ...plain, type: 'file', path: name('big') }, hole)) {
    if (head.length === 0) head = Buffer.from(chunk.subarray(0, 2048));
    total += chunk.length;
  }
  for (const chunk of writer.finish()) total += chunk.length;
  assert.match(head.toString('latin1'), /19 size=8589934592\n/);
  assert.equal(total, 512 + 512 + 512 + size + 1024);
});

test('the bytes stay as they are: a golden digest', (t) => {
  // Made by this writer on 2026-11-22; a change of it changes the digest of every layer that people commit.
  const bytes = tarOfLayer(
    layerOf(
      t,
      tarOfTree(
        trees
          .slice(0, 6)
          .map(([, tree], i) => tree.replaceAll(/(^|; *)(\w+) /g, `$1$2 t${i}/`).replaceAll(' -> ', ` -> t${i}/`))
          .join(';'),
      ),
    ),
  );
  assert.equal(
    createHash('sha256').update(bytes).digest('hex'),
    'fb92e589b69916b9f000e45756c9455b87dd7fb44263c7a1af5288ceb907a3bb',
  );
});

const full = `
  dir d 01777; file d/plain = text; file d/empty; link d/same -> d/plain; symlink d/link -> ../elsewhere/\\xff; fifo p 0600
  chr n 0600 1:3; blk b 0660 7:9; file u 04755 uid=70000 gid=3000000 mtime=1000000000.123456789 = x; file old mtime=-5.5 = y
  file ${'long-'.repeat(30)}/${'name-'.repeat(30)} = deep; dir ${'e'.repeat(250)}; file bin\\xff\\x01 = y; dir empty 0700
  file x xattr:user.bin=\\x00\\x0a\\xff xattr:user.text=v xattr:trusted.t=1; dir xd xattr:user.d=1; file c pattern=5:600000
`;

const readers: [string, string[], string][] = [
  ['GNU tar', ['tar', '--xattrs', '--xattrs-include=*', '--numeric-owner', '-xpf', '-', '-C'], full],
  [
    'bsdtar',
    ['bsdtar', '--xattrs', '--numeric-owner', '-xpf', '-', '-C'], // libarchive adds the fraction of a negative time where it should take it away (pax_time).
    full.replace('mtime=-5.5', 'mtime=-4.5'),
  ],
  [
    'python',
    // Its times are floating-point numbers, its xattrs are not read.
    [
      'python3',
      '-c',
      'import sys,tarfile\ntarfile.open(fileobj=sys.stdin.buffer,mode="r|",encoding="utf-8",errors="surrogateescape").extractall(sys.argv[1],numeric_owner=True)',
    ],
    full.replaceAll(/ xattr:[^; \n]+/g, '').replace('.123456789', '.123456835'),
  ],
];

for (const [what, command, tree] of readers) {
  const reason =
    process.getuid?.() !== 0
      ? 'only root makes devices'
      : spawnSync(command[0]!, ['--version']).error
        ? `${command[0]} is not installed`
        : false;
  test(`${what} reads what is written here`, { skip: reason }, (t) => {
    const directory = join(tempDirectory(t), 'out');
    mkdirSync(directory);
    const run = spawnSync(command[0]!, [...command.slice(1), directory], { input: tarOfLayer(layerOf(t, tarOfTree(full))) });
    assert.equal(run.status, 0, run.stderr.toString());
    assertTree(dumpTree(directory).lines, tree, what);
  });
}

test('tar-stream reads what is written here, name for name and byte for byte', async (t) => {
  const tree = 'dir d; file d/f = hello; symlink l -> d/f; file big pattern=3:300000; link m -> d/f';
  const seen: string[] = [];
  const reader = extract();
  reader.on('entry', (header, stream, next) => {
    const parts: Buffer[] = [];
    stream.on('data', (chunk) => parts.push(chunk as Buffer)); // its streams give Buffers
    stream.on('end', () => {
      const digest = createHash('sha256').update(Buffer.concat(parts)).digest('hex').slice(0, 8);
      seen.push(`${header.type} ${header.name} ${header.linkname ?? '-'} ${header.size} ${digest}`);
      next();
    });
  });
  const done = new Promise<void>((resolve, reject) => {
    reader.on('finish', () => resolve());
    reader.on('error', reject);
  });
  reader.end(tarOfLayer(layerOf(t, tarOfTree(tree))));
  await done;
  const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex').slice(0, 8);
  const none = digest(Buffer.alloc(0));
  assert.deepEqual(seen, [
    `file big - 300000 ${digest(patternBytes(3, 300000))}`,
    `directory d/ - 0 ${none}`,
    `file d/f - 5 ${digest(Buffer.from('hello'))}`,
    `symlink l d/f 0 ${none}`,
    `link m d/f 0 ${none}`,
  ]);
});
