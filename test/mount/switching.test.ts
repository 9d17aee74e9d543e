/** One upper, several implementers in turn: what plyfs writes, kernel overlayfs and fuse-overlayfs show just so, and the reverse. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runScript } from '../support/case.js';
import { type ImplementerName, implementers } from '../support/implementers.js';
import { stageGround } from '../support/run-cases.js';
import { onStage, type Stage } from '../support/stage.js';
import { formatTree } from '../support/tree.js';

const lower = [
  'dir etc; file etc/passwd 0644 uid=1 mtime=5.5 = top; whiteout etc/gone; dir opt; file opt/a = A',
  `dir etc; file etc/passwd = bottom; file etc/gone; file etc/shadow 0600 xattr:user.k=v = secret; dir usr; dir usr/lib; file usr/lib/x pattern=1:5000
   file usr/lib/y = y; symlink usr/sym mtime=9.000000001 -> lib; dir opt; file opt/b = B; dir var; file var/log = log; file big size=3000000 at=2000000 = end`,
];

/** Each script is done by one implementer; together they meet every kind of marker. Directory renames are apart: fuse-overlayfs has none. */
const scripts: readonly string[] = [
  'write etc/passwd "TOP"\nunlink usr/lib/y\nmkdir new\nput new/f "1"\nrmtree opt\nmkdir opt\nput opt/c "C"\nchmod usr 0700\nsetx etc/shadow user.n "n"',
  'unlink etc/shadow\nrename usr/lib/x usr/lib/z\nput usr/lib/y "again"\nrmtree var\nput var "a file now"\nlink new/f new/g\nsymlink t new/s\nwrite big "B" 1000',
  'unlink var\nmkdir var\nput var/log "new log"\nunlink new/g\nrmtree new\nrename opt/c opt/d\nmknod fifo fifo\nunlink usr/sym\nchown etc 5:6',
  'rmtree usr\nmkdir usr\nmkdir usr/lib\nput usr/lib/q "q"\nunlink big\nrename etc/passwd passwd\nutimes passwd 1 77.000000009\nappend usr/lib/q "Q"',
];

const directoryScripts: readonly string[] = [
  'rename usr u2\nput u2/lib/new "n"\nrename etc u2/etc',
  'rename u2/lib lib\nmkdir u2/lib\nput u2/lib/x "other"\nunlink u2/etc/passwd',
  'rename u2 usr\nrename lib usr/lib exchange\nrename usr/lib/y usr/y\nrename opt usr/opt',
  'rmtree usr/lib\nrename usr/etc etc\nput etc/passwd "root"\nrename usr/opt/b usr/opt/c\nrename usr u3',
];

/** The view as text, without what fuse-overlayfs notes for itself and the kernel shows as an ordinary attribute. */
async function treeOf(stage: Stage): Promise<string> {
  const lines = await stage.dump();
  for (const line of lines) line.xattrs.delete('user.fuseoverlayfs.origin');
  return formatTree(lines);
}

/** Runs the scripts in turn by `turns`, and after each has every one of `turns` show the tree: all must show the same. */
async function takeTurns(turns: readonly ImplementerName[], work: readonly string[]): Promise<void> {
  await onStage({ lower }, async (stage) => {
    for (const [i, script] of work.entries()) {
      const by = implementers[turns[i % turns.length]!];
      await stage.mount(by);
      await runScript(script, stageGround(stage, by));
      // fuse-overlayfs moves the mtime of what was written once more when its caches go.
      if (by.name === 'fuse-overlayfs') await stageGround(stage, by).remount();
      const shown = await treeOf(stage);
      await stage.unmount();
      for (const other of turns) {
        await stage.mount(implementers[other]);
        assert.equal(await treeOf(stage), shown, `${other} shows what ${by.name} wrote in step ${i + 1}`);
        await stage.unmount();
      }
    }
  });
}

function declare(name: string, turns: readonly ImplementerName[], work: readonly string[]): void {
  const missing = turns.map((turn) => implementers[turn].unavailable()).find((reason) => reason !== undefined);
  test(name, { skip: missing ?? false }, () => takeTurns(turns, work));
}

declare('plyfs begins, kernel overlayfs goes on, back and forth', ['direct', 'kernel'], scripts);
declare('kernel overlayfs begins, plyfs goes on, back and forth', ['kernel', 'direct'], scripts);
declare('renamed directories, plyfs first', ['direct', 'kernel'], directoryScripts);
declare('renamed directories, kernel overlayfs first', ['kernel', 'direct'], directoryScripts);
declare('plyfs, fuse-overlayfs and kernel overlayfs in turn', ['direct', 'fuse-overlayfs', 'kernel'], scripts);
