/** Disks that fill up, layers that change, views upon views, many at work at once: the mount lives on and loses nothing. */

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runScript } from '../support/case.js';
import { buildTree } from '../support/fixture.js';
import { direct, kernel } from '../support/implementers.js';
import * as libc from '../support/libc.js';
import { stageGround } from '../support/run-cases.js';
import { Stage, type StagePlan, withStage } from '../support/stage.js';
import { assertTree, patternBytes } from '../support/tree.js';

const skip = direct.unavailable() ?? false;

/** A stage on a small file system of its own. */
async function onSmallDisk(size: string, plan: StagePlan, use: (stage: Stage) => Promise<void>): Promise<void> {
  const disk = mkdtempSync(join(tmpdir(), 'plyfs-disk-'));
  chmodSync(disk, 0o755);
  libc.mount('tmpfs', disk, 'tmpfs', `size=${size}`);
  const before = process.env.PLYFS_TEST_DIR;
  process.env.PLYFS_TEST_DIR = disk;
  try {
    await withStage(plan, direct, use);
  } finally {
    if (before === undefined) delete process.env.PLYFS_TEST_DIR;
    else process.env.PLYFS_TEST_DIR = before;
    libc.umount(disk, 2);
    rmSync(disk, { recursive: true });
  }
}

test('a full disk is ENOSPC to the writer, and the mount lives on', { skip }, () =>
  onSmallDisk('24m', { lower: ['file big pattern=1:10000000; file small = s'] }, async (stage) => {
    const ground = stageGround(stage, direct);
    await runScript('put filler pattern:2:8000000', ground);
    await runScript(
      `chmod big 0600 -> ENOSPC
       get big mode -> 0644
       write big "x" -> ENOSPC
       put more pattern:3:8000000 -> ENOSPC
       read small -> "s"
       unlink more
       unlink filler
       chmod big 0600
       get big size -> 10000000`,
      ground,
    );
    await ground.remount();
    assertTree(await stage.dump(), 'file big 0600 pattern=1:10000000; file small = s', 'the view');
  }),
);

test('a write that fills the disk says how much of it was written, and so does the size', { skip }, () =>
  onSmallDisk('6m', { lower: ['file small = s'] }, async (stage) => {
    const script = `dd if=/dev/zero of=${stage.paths.target}/more bs=20M count=1 iflag=fullblock 2>&1; stat -c %s ${stage.paths.target}/more`;
    const said = spawnSync('sh', ['-c', script], { timeout: 30_000, encoding: 'utf8' }).stdout;
    assert.match(said, /No space left on device/);
    const written = /^(\d+) bytes/m.exec(said)?.[1];
    assert.equal(said.trim().split('\n').at(-1), written, said);
    assert.ok(Number(written) % (1 << 20) !== 0, `${written}: a part of the last request fitted as well`);
  }),
);

test('what was changed in the upper while nothing was mounted shows (OV-25)', { skip }, () =>
  withStage({ lower: ['file a; file b = low; dir d; file d/x; file d/y'] }, direct, async (stage) => {
    const ground = stageGround(stage, direct);
    await runScript('append a "1"\nput d/new "n"', ground);
    await stage.unmount();
    buildTree(stage.paths.upper ?? '', 'file c = by hand; whiteout d/x; whiteout b');
    libc.unlink(`${stage.paths.upper}/a`);
    await stage.mount(direct);
    assertTree(await stage.dump(), 'file a; file c = by hand; dir d; file d/new = n; file d/y', 'the view');
  }),
);

test('a lower or upper that is changed under a live mount does no harm to what is not changed (OV-24)', { skip }, async () => {
  const stage = new Stage({ lower: ['dir d; file d/x = x; file d/y = y; file z = z; dir e; file e/q'] });
  try {
    await stage.mount(direct);
    await runScript('ls d\nread d/x\nput d/up "1"\nls e', stageGround(stage, direct));
    libc.unlink(`${stage.paths.lower[0]}/d/x`);
    libc.unlink(`${stage.paths.upper}/d/up`);
    libc.unlink(`${stage.paths.lower[0]}/e/q`);
    libc.rmdir(`${stage.paths.lower[0]}/e`);
    for (const line of [
      'read d/x',
      'write d/x "1"',
      'read d/up',
      'append d/up "2"',
      'unlink d/up',
      'ls e',
      'put e/new "1"',
      'rename e f',
      'rmtree d',
    ]) {
      await stage.run(line);
    }
    await runScript('read z -> "z"\nput fresh "f"\nread fresh -> "f"', stageGround(stage, direct));
    await stage.unmount();
    // The lower was written, by us: what close compares is as we left it.
    buildTree(stage.paths.lower[0] ?? '', 'file d/x = x; dir e; file e/q');
  } finally {
    await stage.unmount();
    rmSync(stage.directory, { recursive: true, force: true });
  }
});

test('a view is a layer of another view, of plyfs and of the kernel (OV-36)', { skip }, () =>
  withStage({ lower: ['file a = low; dir d; file d/x'], upper: 'file b = up; whiteout d/x' }, direct, async (inner) => {
    await inner.run('setx a user.k "v"');
    for (const by of [direct, kernel]) {
      const outer = new Stage({ lower: ['file c = outer'] });
      const paths = { ...outer.paths, lower: [...outer.paths.lower, inner.paths.target] };
      try {
        by.mount(paths, 'trusted');
        const script =
          'cat a b c; ls d; echo more >> a; rm b; mv d e; echo n > e/n; cat a; ls .; getfattr --only-values -n user.k a';
        const shown = spawnSync('timeout', ['20', 'sh', '-ec', script], { cwd: paths.target, encoding: 'utf8' });
        assert.equal(shown.stdout, 'lowupouterlowmore\na\nc\ne\nv', `${by.name}: ${shown.stderr}`);
      } finally {
        by.unmount(paths.target);
        await outer.close();
      }
    }
    assertTree(await inner.dump(), 'file a xattr:user.k=v = low; file b = up; dir d', 'the inner view');
  }),
);

test('many at work at once: trees copied, changed and removed side by side', { skip }, () =>
  withStage(
    { lower: [`dir seed; ${Array.from({ length: 40 }, (_, i) => `file seed/f${i} pattern=${i}:${i * 997}`).join('; ')}`] },
    direct,
    async (stage) => {
      const source = fileURLToPath(new URL('..', import.meta.url));
      const script = (n: number) =>
        `mkdir w${n}; cp -r ${source} w${n}/copy; diff -r ${source} w${n}/copy; for i in $(seq 0 39); do ln seed/f$i w${n}/l$i; mv w${n}/l$i w${n}/m$i; done
       cp -r seed w${n}/seed; rm -r w${n}/copy/cases; mv w${n}/copy w${n}/moved; [ $(ls w${n} | wc -l) = 42 ]; diff -r seed w${n}/seed; rm -r w${n}/moved`;
      const results = await Promise.all(
        [1, 2, 3, 4].map(
          (n) =>
            new Promise<string>((resolve) => {
              const child = spawn('timeout', ['100', 'sh', '-ec', script(n)], { cwd: stage.paths.target });
              let said = '';
              child.stderr.on('data', (text) => (said += text));
              child.stdout.on('data', (text) => (said += text));
              child.on('exit', (status) => resolve(`${status}${said}`));
            }),
        ),
      );
      assert.deepEqual(results, ['0', '0', '0', '0']);
      for (const i of [0, 1, 20, 39]) assert.equal(await stage.run(`get seed/f${i} nlink`), '5');
      assert.equal(await stage.run('get w3/seed/f39 size'), `${patternBytes(39, 39 * 997).length}`);
    },
  ),
);
