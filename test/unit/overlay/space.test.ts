/** A full disk, step by step: with room for none, one, two, ... of the objects and marks that an operation makes it either succeeds or
 *  answers ENOSPC and has changed nothing, in the view and after a remount; once there is room it succeeds. */

import assert from 'node:assert/strict';
import { closeSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { errno } from '../../../src/base/errno.js';
import type { Name } from '../../../src/base/name.js';
import { rootNode } from '../../../src/vfs/filesystem.js';
import { onDisk, withEngine } from '../../support/engine-stage.js';
import { needsRoot } from '../../support/scratch.js';
import { assertTree, formatTree } from '../../support/tree.js';

const lower = `dir d; file d/a = A; file d/b xattr:user.k=v = B; link d/c -> d/b; dir d/sub; file d/sub/x = X; dir d/empty
  symlink d/l -> a; fifo d/p; dir e; file e/f = F; file big pattern=3:20000`;
const upper = 'dir u; file u/own = own; dir u/empty; whiteout d/gone; dir e; file e/f2 = F2';

const operations: readonly string[] = [
  'create d/new',
  'put u/new "text"',
  'mkdir d/newdir',
  'create d/gone',
  'mkdir d/gone',
  'symlink target d/s',
  'mknod d/fifo fifo',
  'append d/a "1"',
  'append d/b "1"',
  'chmod d/b 0600',
  'chmod d 0700',
  'setx d/l trusted.k "v"',
  'setx d/a user.k "v"',
  'chown d/p 1:1',
  'link d/a d/a2',
  'link d/b d/b2',
  'link d/a d/gone',
  'unlink d/a',
  'unlink d/b',
  'unlink e/f2',
  'rmdir d/empty',
  'rmtree d/sub',
  'rename d/a d/moved',
  'rename d/a u/moved',
  'rename d/b d/gone',
  'rename d/sub u/sub',
  'rename d/sub d/gone',
  'rename u/own d/a',
  'rename u/empty d/empty',
  'rename d/a e/f exchange',
  'rename d/sub e exchange',
  'truncate big 5',
  'append big "1"',
];

/** Takes all inodes but `left`. Returns how to give them back. */
function fill(disk: string, left: number): () => void {
  const made: string[] = [];
  const spare: string[] = [];
  for (let i = 0; i < left; i++) {
    const path = join(disk, `spare${i}`);
    closeSync(openSync(path, 'w'));
    spare.push(path);
  }
  for (let i = 0; ; i++) {
    const path = join(disk, `filler${i}`);
    try {
      closeSync(openSync(path, 'w'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      break;
    }
    made.push(path);
  }
  for (const path of spare) rmSync(path);
  return () => {
    for (const path of made) rmSync(path);
  };
}

/** Takes all blocks but `left` pages. */
function fillBlocks(disk: string, left: number): () => void {
  const path = join(disk, 'filler');
  const fd = openSync(path, 'w');
  const page = Buffer.alloc(4096, 1);
  const free = Number(statfsSync(disk).bavail);
  for (let i = 0; i < free - left; i++) writeSync(fd, page);
  closeSync(fd);
  return () => rmSync(path);
}

/** Names of a lower file that are hidden count in st_nlink again after a remount. */
function withoutLinks(tree: string): string {
  return tree.replace(/ nlink=\d+/g, '');
}

/** One operation with `left` of something. Whether it was refused. */
async function starved(
  operation: string,
  left: number,
  take: (disk: string, left: number) => () => void,
  disk: string,
  remounts: boolean,
): Promise<boolean> {
  let isRefused = false;
  await withEngine({ lower: [lower], upper }, async (engine) => {
    const before = formatTree(engine.view.dump());
    const release = take(disk, left);
    let result: string;
    try {
      result = engine.view.run(operation);
    } finally {
      release();
    }
    if (result === 'ENOSPC') {
      isRefused = true;
      const isOneStep = !/^rmtree|^put/.test(operation);
      if (isOneStep) assertTree(engine.view.dump(), before, `${operation} with ${left} left`);
      if (isOneStep && remounts) engine.shows(before, `${operation} with ${left} left`);
      if (operation.startsWith('put')) engine.view.run(`unlink ${operation.split(' ')[1]}`);
      result = engine.view.run(operation);
    }
    assert.ok(!/^E/.test(result), `${operation} with ${left} left: ${result}`);
    const after = formatTree(engine.view.dump());
    assert.notEqual(after, before, operation);
    engine.remount();
    const again = formatTree(engine.view.dump());
    assert.equal(withoutLinks(again), withoutLinks(after), `${operation} with ${left} left, after a remount`);
  });
  return isRefused;
}

for (const [what, options, take, most] of [
  ['inodes', 'nr_inodes=120', fill, 16],
  ['blocks', 'size=1m', fillBlocks, 6],
] as const) {
  test(`a disk without ${what}: each operation happens altogether or not at all`, { skip: needsRoot }, () =>
    onDisk('tmpfs', options, async (disk) => {
      let refused = 0;
      for (const operation of operations) {
        for (let left = 0; left < most; left++) {
          const isRefused = await starved(operation, left, take, disk, true);
          if (!isRefused) break;
          await starved(operation, left, take, disk, false);
          refused++;
        }
      }
      assert.ok(refused > 5, `${refused} were refused`);
    }),
  );
}

test('a write that would end where no file ends is refused with EFBIG, without a copy-up', { skip: needsRoot }, () =>
  withEngine({ lower: ['file low = low'] }, async ({ view: { fs } }) => {
    const low = fs.lookup(rootNode, 'low' as Name)!;
    assert.throws(() => fs.write(low, 2 ** 53 - 1, Buffer.from('xy'), 0, 2, false), { errno: errno.EFBIG });
    assert.notEqual(fs.getxattr(low, 'user.plyfs.layer' as Name)?.toString(), 'upper');
  }),
);
