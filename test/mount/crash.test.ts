/** The daemon dies (SIGKILL) in the middle of an operation: a new mount must show the tree as it was before or as it is after, nothing
 *  half done and no leftover in the work directory, and the upper must still be one that kernel overlayfs shows the same. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crashPoints } from '../../src/overlay/crash-point.js';
import { direct, kernel, plyfs, processesNaming } from '../support/implementers.js';
import { Model } from '../support/model.js';
import { showData } from '../support/operations.js';
import { Random } from '../support/random.js';
import { firstSeed } from '../support/seed.js';
import { onStage, type Stage } from '../support/stage.js';
import { formatTree, patternBytes } from '../support/tree.js';

interface Crash {
  at: (typeof crashPoints)[number];
  lower: string;
  upper?: string;
  /** Done before, and synced by unmounting. */
  first?: string;
  run: string;
  /** The trees that may be there afterwards. */
  after: readonly string[];
}

const big = 'pattern=1:3000000';

const crashes: readonly Crash[] = [
  { at: 'copy-up-data', lower: 'file a = low', run: 'chmod a 0600', after: ['file a = low', 'file a 0600 = low'] },
  { at: 'copy-up-data', lower: `file a ${big}`, run: 'chmod a 0600', after: [`file a ${big}`, `file a 0600 ${big}`] },
  {
    at: 'copy-up-publish',
    lower: 'file a xattr:user.k=v = low',
    run: 'chmod a 0600',
    after: ['file a xattr:user.k=v = low', 'file a 0600 xattr:user.k=v = low'],
  },
  {
    at: 'copy-up-publish',
    lower: `dir d; file d/a ${big}`,
    run: 'setx d/a user.k "v"',
    after: [`dir d; file d/a ${big}`, `dir d; file d/a xattr:user.k=v ${big}`],
  },
  {
    at: 'copy-up-directory',
    lower: 'dir d 0700; file d/a = x',
    run: 'create d/b',
    after: ['dir d 0700; file d/a = x', 'dir d 0700; file d/a = x; file d/b'],
  },
  { at: 'create-publish', lower: 'file a = hidden', upper: 'whiteout a', run: 'mkdir a', after: ['', 'dir a'] },
  { at: 'unlink-whiteout', lower: 'file a = low; file b', run: 'unlink a', after: ['file a = low; file b', 'file b'] },
  {
    at: 'unlink-discard',
    lower: 'file a = low; file b',
    upper: 'file a = up',
    run: 'unlink a',
    after: ['file a = up; file b', 'file b'],
  },
  {
    at: 'rmdir-discard',
    lower: 'dir d; file d/a; file b',
    upper: 'dir d; whiteout d/a',
    run: 'rmdir d',
    after: ['dir d; file b', 'file b'],
  },
  {
    at: 'rename-redirect',
    lower: 'dir d; file d/a = 1; dir p',
    run: 'rename d p/e',
    after: ['dir d; file d/a = 1; dir p', 'dir p; dir p/e; file p/e/a = 1'],
  },
  {
    at: 'rename-move',
    lower: 'dir d; file d/a = 1; dir p',
    run: 'rename d p/e',
    after: ['dir d; file d/a = 1; dir p', 'dir p; dir p/e; file p/e/a = 1'],
  },
  {
    at: 'rename-move',
    lower: 'file a = low; file b = other',
    run: 'rename a b',
    after: ['file a = low; file b = other', 'file b = low'],
  },
  {
    at: 'rename-done',
    lower: 'file a = low; dir d; file d/x',
    run: 'rename a d/x',
    after: ['file a = low; dir d; file d/x', 'dir d; file d/x = low'],
  },
  {
    at: 'rename-done',
    lower: 'dir d; file d/low',
    upper: 'dir n; file n/up; dir d; whiteout d/low',
    run: 'rename n d',
    after: ['dir n; file n/up; dir d', 'dir d; file d/up'],
  },
];

const lost = /^(ENOTCONN|ECONNABORTED|EIO|EINTR)$/;

/** What the tree is after the crash, by plyfs; that the kernel shows the same; that nothing is left behind. */
async function treeAfter(stage: Stage): Promise<string> {
  await stage.unmount();
  await stage.mount(direct);
  const tree = formatTree(await timeless(stage));
  await stage.unmount();
  assert.deepEqual(stage.workLeftovers(), [], 'leftovers in the work directory after the next mount');
  await stage.mount(kernel);
  assert.equal(formatTree(await timeless(stage)), tree, 'kernel overlayfs shows the same');
  await stage.unmount();
  await stage.mount(direct);
  return tree;
}

async function timeless(stage: Stage) {
  const lines = await stage.dump();
  for (const line of lines) delete line.mtime;
  return lines;
}

const missing = direct.unavailable() ?? kernel.unavailable() ?? false;

for (const crash of crashes) {
  test(
    `killed at ${crash.at} of ${crash.run}: before or after, never between [${crash.lower.slice(0, 40)}]`,
    { skip: missing },
    () =>
      onStage({ lower: [crash.lower], upper: crash.upper ?? '' }, async (stage) => {
        await stage.mount(plyfs('direct', { PLYFS_CRASH_AT: crash.at }));
        const result = await stage.run(crash.run);
        assert.match(result, lost, `${crash.at} was not reached: ${result}`);
        const tree = await treeAfter(stage);
        const allowed = crash.after.map((text) => new Model([text]).dump());
        assert.ok(allowed.includes(tree), `neither before nor after:\n${tree}`);
      }),
  );
}

test('every crash point has a case', () => {
  assert.deepEqual(
    crashPoints.filter((point) => !crashes.some((crash) => crash.at === point)),
    [],
  );
});

test('what fsync acknowledged is there after a kill', { skip: missing }, () =>
  onStage({ lower: [`file low ${big}`] }, async (stage) => {
    await stage.mount(direct);
    for (const line of [
      'f = open low rw',
      'pwrite f 1500000 "SYNCED"',
      'fsync f',
      'g = open new rw creat',
      'pwrite g 0 pattern:7:2000000',
      'fdatasync g',
    ]) {
      assert.doesNotMatch(await stage.run(line), /^E/);
    }
    killDaemon(stage);
    await stage.unmount();
    await stage.mount(direct);
    assert.equal(await stage.run('h = open low r'), 'ok');
    assert.equal(await stage.run('pread h 1499999 8'), await patched());
    assert.equal(await stage.run('read new'), showData(patternBytes(7, 2000000)));
  }),
);

/** The bytes around the patch of the case above, as a read shows them. */
async function patched(): Promise<string> {
  const model = new Model([`file low ${big}`]);
  model.run('write low "SYNCED" 1500000');
  model.run('h = open low r');
  return model.run('pread h 1499999 8');
}

function killDaemon(stage: Stage): void {
  for (const pid of processesNaming(stage.paths.target)) process.kill(pid, 'SIGKILL');
}

const names = ['a', 'b', 'd', 'd/a', 'd/b', 'd/c', 'e', 'e/x', 'e/d'];

/** Operations that are one step each and move no data of a writer's: an acknowledged one must survive the daemon. */
function nameOperation(random: Random): string {
  const [one, two] = [random.pick(names), random.pick(names)];
  return random.pick([
    `mkdir ${one}`,
    `unlink ${one}`,
    `rmdir ${one}`,
    `rename ${one} ${two}`,
    `rename ${one} ${two}`,
    `rename ${one} ${two} exchange`,
    `link ${one} ${two}`,
    `symlink /nowhere ${one}`,
    `mknod ${one} sock`,
    `chmod ${one} 0700`,
    `setx ${one} trusted.k "${random.below(9)}"`,
  ]);
}

test('killed at random moments: every acknowledged operation is there, the one under way is done or not', {
  skip: missing,
}, async (context) => {
  const seed = firstSeed;
  context.diagnostic(`PLYFS_SEED=${seed}`);
  const random = new Random(seed);
  const lower = `file a = low; dir d; file d/a = da; dir d/c; file d/c/deep pattern=1:100000; dir e; file e/x; symlink e/d -> /nowhere`;
  await onStage({ lower: [lower] }, async (stage) => {
    const log: string[] = [];
    await stage.mount(direct);
    for (let round = 0; round < Number(process.env.PLYFS_CRASHES ?? 12); round++) {
      const until = random.below(25);
      for (let i = 0; i < until; i++) log.push(await acknowledged(stage, nameOperation(random)));
      const before = new Model([lower]);
      for (const line of log) before.run(line);
      const last = nameOperation(random);
      const pending = stage.run(last);
      await new Promise((resolve) => setTimeout(resolve, random.below(4)));
      killDaemon(stage);
      const result = await pending;
      const after = new Model([lower]);
      for (const line of [...log, last]) after.run(line);
      const tree = await treeAfter(stage);
      const story = `PLYFS_SEED=${seed} round ${round}: ${log.join('; ')}; killed in: ${last} (${result})`;
      if (lost.test(result))
        assert.ok([before.dump(), after.dump()].includes(tree), `${story}\nneither before nor after:\n${tree}`);
      else assert.equal(tree, after.dump(), story);
      if (tree === after.dump()) log.push(last);
    }
  });
});

async function acknowledged(stage: Stage, line: string): Promise<string> {
  const result = await stage.run(line);
  assert.doesNotMatch(result, lost, line);
  return line;
}
