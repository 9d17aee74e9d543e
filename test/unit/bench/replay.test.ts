/** Repeating a recorded trace in a plain directory: what is done there, what cannot be done, and what ends in another way. */

import assert from 'node:assert/strict';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Name } from '../../../src/base/name.js';
import { replay } from '../../../src/bench/replay.js';

const scratch = mkdtempSync(join(tmpdir(), 'plyfs-replay-'));
after(() => rmSync(scratch, { recursive: true }));

/** A directory with `f` (3 bytes) and `d/g`, and what `lines` (a request and its answer each) do in it. */
function replayed(name: string, lines: readonly (readonly [asked: string, answered: string])[]) {
  const path = join(scratch, name);
  mkdirSync(join(path, 'd'), { recursive: true });
  writeFileSync(join(path, 'f'), 'abc');
  writeFileSync(join(path, 'd/g'), 'g');
  const text = lines
    .map(([asked, answered], at) => `> ${at} ${asked} pid=1\n${answered === '' ? '' : `< ${at} ${answered}\n`}`)
    .join('');
  // The path is ASCII.
  return { path, ...replay(text, path as Name)! }; // there are requests
}

const counts = (rows: readonly { op: string; count: number; otherwise: number }[]) =>
  Object.fromEntries(rows.map(({ op, count, otherwise }) => [op, otherwise === 0 ? count : `${count}, ${otherwise} otherwise`]));

test('nodes are followed through lookups, listings and renames', () => {
  const { path, rows, differences, skipped } = replayed('names', [
    ['READDIRPLUS node=1 offset=0 size=4096', 'ok 9us 300 bytes 2="f" 3="d"'],
    ['LOOKUP node=3 name="g"', 'ok 9us node=4 file 0644 0:0 size=1'],
    ['RENAME2 node=1 newdir=1 flags=0x1 name="d" name="e"', 'ok 9us'],
    ['SETATTR node=4 valid=0x1 mode=0100600', 'ok 9us file 0600 0:0 size=1'],
    ['MKDIR node=3 mode=0777 umask=022 name="new"', 'ok 9us node=5 dir 0755 0:0 size=4096'],
    ['SYMLINK node=5 name="l" name="to"', 'ok 9us node=6 symlink 0777 0:0 size=2'],
    ['WRITE node=2 offset=3 size=2', 'ok 9us size=2'],
    ['LOOKUP node=1 name="none"', 'ok 9us absent'],
    ['RMDIR node=1 name="e"', 'ENOTEMPTY 9us'],
  ]);
  assert.deepEqual([differences, skipped], [[], {}]);
  assert.deepEqual(counts(rows), { READDIRPLUS: 1, LOOKUP: 2, RENAME2: 1, SETATTR: 1, MKDIR: 1, SYMLINK: 1, WRITE: 1, RMDIR: 1 });
  assert.deepEqual(readdirSync(path).sort(), ['e', 'f']);
  assert.equal(lstatSync(join(path, 'e/g')).mode & 0o777, 0o600);
  assert.equal(lstatSync(join(path, 'e/new')).mode & 0o777, 0o755);
  assert.equal(readlinkSync(join(path, 'e/new/l')), 'to');
  assert.match(readFileSync(join(path, 'f'), 'utf8'), /^abc..$/);
});

test('a file that loses its name while it is used is written all the same', () => {
  const { path, rows, differences, skipped } = replayed('unlinked', [
    ['LOOKUP node=1 name="f"', 'ok 9us node=2 file 0644 0:0 size=3'],
    ['UNLINK node=1 name="f"', 'ok 9us'],
    ['WRITE node=2 offset=0 size=2', 'ok 9us size=2'],
    ['GETATTR node=2', 'ok 9us file 0644 0:0 size=3'],
    ['MKNOD node=1 mode=0100666 rdev=0 umask=022 name="n"', 'ok 9us node=2 file 0644 0:0 size=0'],
    ['WRITE node=2 offset=0 size=5', 'ok 9us size=5'],
  ]);
  assert.deepEqual(differences, []);
  assert.deepEqual(counts(rows), { LOOKUP: 1, UNLINK: 1, WRITE: 2, MKNOD: 1 });
  assert.deepEqual(skipped, { 'the trace does not tell a name that the node had then': 1 });
  assert.equal(existsSync(join(path, 'f')), false);
  assert.equal(lstatSync(join(path, 'n')).size, 5);
});

test('what ends in another way than in the trace is told, and what no call asks for is counted', () => {
  const { rows, differences, skipped } = replayed('otherwise', [
    ['LOOKUP node=1 name="gone"', 'ok 9us node=2 file 0644 0:0 size=3'],
    ['UNLINK node=1 name="f"', 'EROFS 9us'],
    ['FORGET node=2 nlookup=1', ''],
    ['READ node=77 offset=0 size=10', 'ok 9us 10 bytes'],
    ['OPEN node=2 flags=0x8000', 'ENOSYS 9us'],
    ['GETATTR node=1', ''],
  ]);
  assert.deepEqual(differences, ['LOOKUP node=1 "gone": ok then, absent now', 'UNLINK node=1 "f": EROFS then, ok now']);
  assert.deepEqual(counts(rows), { LOOKUP: '1, 1 otherwise', UNLINK: '1, 1 otherwise' });
  assert.deepEqual(skipped, {
    'no call of a program asks for it alone': 1,
    'the trace does not tell a name that the node had then': 1,
    'the driver left it to the kernel': 1,
    'it was not answered when it was recorded': 1,
  });
});

test('a text without requests is no recording', () => {
  assert.equal(replay('2026-11-28 info nothing\n', '/nowhere' as Name), undefined);
});
