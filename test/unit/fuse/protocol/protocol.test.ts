/** The wire format. The hex was written down by hand from the structures in include/uapi/linux/fuse.h (x86-64, little endian). */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Attributes } from '../../../../src/base/attributes.js';
import { FsError } from '../../../../src/base/errors.js';
import { type Name, nameFromText } from '../../../../src/base/name.js';
import { operations } from '../../../../src/fuse/direct/operations.js';
import { alignedBuffer, Request } from '../../../../src/fuse/direct/request.js';
import { lifetime, writeEntry, writeNegativeEntry, writeStatx } from '../../../../src/fuse/protocol/attributes.js';
import { opcode } from '../../../../src/fuse/protocol/constants.js';
import { direntplusSize, direntSize, writeDirent } from '../../../../src/fuse/protocol/dirent.js';
import * as notify from '../../../../src/fuse/protocol/notify.js';
import * as notifyWire from '../../../../src/fuse/protocol/notify-structs.js';
import { struct } from '../../../../src/fuse/protocol/struct.js';
import * as wire from '../../../../src/fuse/protocol/structs.js';

/** Buffer and words of hex text; blanks are for the reader. */
function message(hex: string): { bytes: Buffer; words: Uint32Array } {
  const source = Buffer.from(hex.replace(/\s/g, ''), 'hex');
  const bytes = alignedBuffer(source.length);
  source.copy(bytes);
  return { bytes, words: new Uint32Array(bytes.buffer) };
}

function hexOf(bytes: Buffer, length: number): string {
  return bytes.subarray(0, length).toString('hex');
}

function squeeze(hex: string): string {
  return hex.replace(/\s/g, '');
}

test('every structure has the size the kernel header gives it', () => {
  const sizes: Record<string, number> = {
    inHeader: 40,
    outHeader: 16,
    entryOut: 128,
    attrOut: 104,
    statxIn: 24,
    statxOut: 288,
    initIn: 64,
    initOut: 64,
    setattrIn: 88,
    mknodIn: 16,
    mkdirIn: 8,
    rename2In: 16,
    openIn: 8,
    createIn: 16,
    openOut: 16,
    releaseIn: 24,
    readIn: 40,
    writeIn: 40,
    kstatfs: 80,
    setxattrIn: 16,
    setxattrCompatIn: 8,
    fallocateIn: 32,
    lseekIn: 24,
    copyFileRangeIn: 56,
    dirent: 24,
    notifyInvalInode: 24,
    notifyInvalEntry: 16,
    notifyDelete: 24,
    notifyStore: 24,
    notifyPrune: 16,
  };
  const found = Object.fromEntries(
    Object.keys(sizes).map((name) => [
      name,
      ({ ...wire, ...notifyWire } as unknown as Record<string, { size: number }>)[name]?.size,
    ]),
  );
  assert.deepEqual(found, sizes);
});

test('a LOOKUP request is read from its bytes, with the group of the caller behind the name', () => {
  const { bytes } = message(`
    3e000000 01000000 2a00000000000000 0700000000000000 e8030000 e9030000 37010000 0200 0000
    6574632d6100
    10000000 20000000 01000000 0a000000`);
  const request = new Request(bytes);
  request.open(0x3e);
  assert.equal(request.opcode, opcode.LOOKUP);
  assert.equal(request.unique, '42');
  assert.equal(request.node, 7);
  assert.equal(request.name(), 'etc-a');
  assert.deepEqual(request.creator(0o22), { uid: 1000, gid: 1001, pid: 311, umask: 0o22, suppGroup: 10 });
});

test('a name without an end and a body that is too short are refused, not read past', () => {
  const { bytes } = message('2b000000 01000000 0000000000000000 0100000000000000 00000000 00000000 00000000 00000000 616263');
  const request = new Request(bytes);
  request.open(0x2b);
  assert.throws(() => request.name(), FsError);
  assert.throws(() => request.body(8), FsError);
  assert.throws(() => request.data(4), FsError);
  assert.throws(() => new Request(bytes).open(0x2a), FsError);
});

test('setattr times are signed 64-bit seconds', () => {
  const { words } = message(
    `20000000 00000000 ${'00'.repeat(8 * 4)} fbffffffffffffff ${'00'.repeat(8)} 01000000 ${'00'.repeat(28)}`,
  );
  const input = wire.setattrIn.read(words, 0);
  assert.equal(input.valid, 32);
  assert.equal(input.mtime, -5);
  assert.equal(input.atimensec, 1);
});

const attributes = Object.assign(new Attributes(), {
  ino: 0x1122334455,
  size: 0x200000001,
  blocks: 9,
  mode: 0o100644,
  nlink: 2,
  uid: 3,
  gid: 4,
  rdev: 5,
  atimeSec: -1,
  atimeNsec: 6,
  mtimeSec: 7,
  mtimeNsec: 8,
  ctimeSec: 9,
  ctimeNsec: 10,
  btimeSec: 11,
  btimeNsec: 12,
});

test('an entry reply is these bytes', () => {
  const { bytes, words } = message('ff'.repeat(128));
  writeEntry(words, 0, 7, attributes, lifetime(1.5));
  assert.equal(
    hexOf(bytes, 128),
    squeeze(`
    0700000000000000 0000000000000000 0100000000000000 0100000000000000 0065cd1d 0065cd1d
    5544332211000000 0100000002000000 0900000000000000 ffffffffffffffff 0700000000000000 0900000000000000
    06000000 08000000 0a000000 a4810000 02000000 03000000 04000000 05000000 00100000 00000000`),
  );
  assert.equal(wire.entryOut.read(words, 0).atime, -1);
  writeNegativeEntry(words, 0, lifetime(2));
  assert.equal(hexOf(bytes, 48), squeeze(`${'00'.repeat(16)} 0200000000000000 ${'00'.repeat(24)}`));
});

test('a statx reply tells the birth time where there is one', () => {
  const { bytes, words } = message('ff'.repeat(288));
  writeStatx(words, 0, attributes, lifetime(Number.POSITIVE_INFINITY));
  assert.equal(
    hexOf(bytes, 176),
    squeeze(`
    0000008000000000 00000000 00000000 0000000000000000 0000000000000000
    ff0f0000 00100000 0000000000000000 02000000 03000000 04000000 a481 0000
    5544332211000000 0100000002000000 0900000000000000 0000000000000000
    ffffffffffffffff 06000000 00000000 0b00000000000000 0c000000 00000000
    0900000000000000 0a000000 00000000 0700000000000000 08000000 00000000
    00000000 05000000 00000000 00000000`),
  );
});

test('directory entries are padded to eight bytes and keep the bytes of their names', () => {
  const { bytes, words } = message('ff'.repeat(64));
  const name = '\xff\x01a' as Name;
  assert.equal(writeDirent(bytes, words, 8, name, 0x1_0000_0002, 8, 3), direntSize(3));
  assert.equal(
    hexOf(bytes, 48).slice(16),
    squeeze('0200000001000000 0300000000000000 03000000 08000000 ff01610000000000 ffffffffffffffff'),
  );
  assert.equal(direntplusSize(8), 128 + 32);
  assert.equal(direntplusSize(9), 128 + 40);
});

test('notifications are these bytes', () => {
  const name = nameFromText('ab');
  assert.equal(
    notify.invalInode(7, -1, 0).toString('hex'),
    squeeze('28000000 02000000 0000000000000000 0700000000000000 ffffffffffffffff 0000000000000000'),
  );
  assert.equal(
    notify.invalEntry(7, name).toString('hex'),
    squeeze('23000000 03000000 0000000000000000 0700000000000000 02000000 00000000 616200'),
  );
  assert.equal(
    notify.deleteEntry(7, 8, name).toString('hex'),
    squeeze('2b000000 06000000 0000000000000000 0700000000000000 0800000000000000 02000000 00000000 616200'),
  );
  assert.equal(
    notify.store(7, 4096, Buffer.from('x')).toString('hex'),
    squeeze('29000000 04000000 0000000000000000 0700000000000000 0010000000000000 01000000 00000000 78'),
  );
  assert.equal(notify.resend().toString('hex'), squeeze('10000000 07000000 0000000000000000'));
  assert.equal(
    notify.prune([7, 8]).toString('hex'),
    squeeze('30000000 09000000 0000000000000000 02000000 00000000 0000000000000000 0700000000000000 0800000000000000'),
  );
});

test('a 64-bit number beyond 2^53 is refused instead of rounded', () => {
  const { words } = message('ffffffffffff1f00 ffffffffffffffff');
  assert.equal(wire.linkIn.read(words, 0).oldnodeid, Number.MAX_SAFE_INTEGER);
  assert.throws(() => wire.linkIn.read(words, 2), FsError);
  const signed = struct('signed', [['value', 'i64']]);
  assert.equal(signed.read(words, 2).value, -1);
  words[3] = 0x80000000;
  assert.throws(() => signed.read(words, 2), FsError);
});

test('an offset beyond 2^53 is the bound: beyond the end of every file, on its side', () => {
  const { words } = message('ffffffffffffff7f 0000000000000080 ffffffffffffffff 0100000000000000');
  const offset = struct('offset', [['value', 'offset']]);
  assert.deepEqual(
    [0, 2, 4, 6].map((at) => offset.read(words, at).value),
    [2 ** 53, -(2 ** 53), -1, 1],
  );
});

test('a misaligned table is refused when it is declared', () => {
  assert.throws(
    () =>
      struct('bad', [
        ['a', 'u32'],
        ['b', 'u64'],
      ]),
    /bad.b lies at 4/,
  );
});

test('the operations table has one row for each opcode', () => {
  const numbers = operations.map((row) => row.opcode).sort((a, b) => a - b);
  assert.deepEqual(
    numbers,
    Object.values(opcode)
      .filter((number) => number !== opcode.NOTIFY_REPLY)
      .sort((a, b) => a - b),
  );
});
