import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { aclFromText, textFromAcl } from '../../support/acl.js';
import { dumpTree } from '../../support/dump.js';
import { buildTree, spellings } from '../../support/fixture.js';
import { assertTree, digestOf, formatTree, parseTree } from '../../support/tree.js';

const isRoot = process.geteuid?.() === 0;

const everything = `
  dir d 0700 uid=5 gid=6 mtime=1.5 xattr:user.k=v
  file d/a 0640 uid=1 mtime=-1.25 = some content
  link d/b -> d/a
  file d/empty
  file d/sparse size=200000 at=100000 = x
  file n\\xff\\x20\\x5c 04755 = a\\x3b b
  symlink l -> d/a
  chr c 0600 1:3
  fifo f
  sock s
  file p acl=u::rw-,u:7:r--,g::r--,m::rw-,o::---`;

function inDirectory(use: (directory: string) => void): void {
  const directory = mkdtempSync(join(tmpdir(), 'plyfs-tree-'));
  try {
    use(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

test('a tree built from text is dumped as the same text', { skip: isRoot ? false : 'needs root' }, () => {
  inDirectory((directory) => {
    buildTree(directory, everything);
    const { lines, problems } = dumpTree(directory);
    assert.deepEqual(problems, []);
    // The mask of an ACL is the group's bits of the mode.
    assertTree(
      lines.filter((line) => line.path !== ''),
      everything.replace('file p acl', 'file p 0660 acl'),
      'the dump',
    );
  });
});

test('markers are read back from every spelling', { skip: isRoot ? false : 'needs root' }, () => {
  for (const spelling of spellings) {
    inDirectory((directory) => {
      const text = 'whiteout a; dir d; opaque d; file d/x; dir e; whiteout e/y';
      buildTree(directory, text, spelling);
      assertTree(
        dumpTree(directory, { isLayer: true }).lines.filter((line) => line.path !== ''),
        text,
        spelling,
      );
    });
  }
});

test('a canonical text parses to itself', () => {
  const text = formatTree(parseTree(everything));
  assert.equal(formatTree(parseTree(text)), text);
});

for (const [what, actual, expected] of [
  ['another mode', 'file a 0600', 'file a'],
  ['another owner', 'file a uid=1', 'file a'],
  ['other content', 'file a = x', 'file a = y'],
  ['a missing object', 'dir d', 'dir d; file d/a'],
  ['an object too many', 'dir d; file d/a', 'dir d'],
  ['an xattr', 'file a xattr:user.a=1', 'file a'],
  ['a time that is stated', 'file a mtime=1', 'file a mtime=2'],
  ['two files for two names of one', 'file a; file b', 'file a; link b -> a'],
  ['a further name outside the tree', 'file a nlink=2', 'file a'],
  ['long content that differs in one byte', 'file a size=100000 at=50000 = x', 'file a size=100000 at=50001 = x'],
] as const) {
  test(`assertTree fails on ${what}`, () => {
    assert.throws(() => assertTree(parseTree(actual), expected, 'it'), assert.AssertionError);
  });
}

test('assertTree takes a time that is not stated', () => {
  assertTree(parseTree('file a mtime=1'), 'file a', 'it');
});

test('a digest tells zeros from nothing only by size, and sees a shifted block', () => {
  const block = Buffer.alloc(4096, 'x');
  const zeros = Buffer.alloc(4096);
  assert.equal(digestOf(Buffer.concat([block, zeros])), digestOf(block));
  assert.notEqual(digestOf(Buffer.concat([zeros, block])), digestOf(block));
});

test('an ACL is the same as text and as bytes', () => {
  const text = 'u::rwx,u:1000:r--,u:2000:-w-,g::r-x,g:5:---,m::rwx,o::--x';
  assert.equal(textFromAcl(aclFromText(text)), text);
  assert.throws(() => aclFromText('x::rwx'));
});
