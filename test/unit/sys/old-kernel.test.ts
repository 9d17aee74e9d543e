/** sys/ where newer calls are missing (ENOSYS) or forbidden by a sandbox (EPERM): the same tests in a process that is refused them. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { errno } from '../../../src/base/errno.js';
import { nameFromText } from '../../../src/base/name.js';
import { O_RDONLY } from '../../../src/sys/constants.js';
import { copyFileRange } from '../../../src/sys/file.js';
import { closeFd, openBeneath, openTree } from '../../../src/sys/open.js';
import { refuses, withScratch } from '../../support/scratch.js';

const refusedWith = Number(process.env.PLYFS_TEST_REFUSE ?? 0);

if (refusedWith === 0) {
  for (const [name, number] of [
    ['ENOSYS', errno.ENOSYS],
    ['EPERM', errno.EPERM],
  ] as const) {
    test(`everything works where newer calls answer ${name}`, () => {
      const pass = runRefused(number);
      assert.ok(pass > 15, `${pass} tests ran`);
    });
  }
} else {
  test(
    'without openat2 and open_tree no symlink is followed and no name leads upwards',
    withScratch((dir, path) => {
      refuses(refusedWith, () => copyFileRange(dir, 0, dir, 0, 1));
      mkdirSync(`${path}/sub`);
      writeFileSync(`${path}/sub/file`, '');
      symlinkSync('file', `${path}/sub/link`);
      symlinkSync('sub', `${path}/aside`);
      for (let i = 0; i < 2; i++) {
        closeFd(openBeneath(dir, nameFromText('sub/file'), O_RDONLY));
        refuses(errno.ELOOP, () => openBeneath(dir, nameFromText('sub/link'), O_RDONLY));
        refuses(errno.ENOENT, () => openBeneath(dir, nameFromText('none'), O_RDONLY));
        refuses(errno.ENOTDIR, () => openBeneath(dir, nameFromText('aside/file'), O_RDONLY));
        refuses(errno.EXDEV, () => openBeneath(dir, nameFromText('sub/../sub/file'), O_RDONLY));
        refuses(errno.EXDEV, () => openBeneath(dir, nameFromText('/etc/passwd'), O_RDONLY));
      }
      assert.equal(openTree(path), undefined);
    }),
  );
}

/** Runs the tests of this floor with the calls refused (those about the calls themselves skip); how many passed. */
function runRefused(number: number): number {
  const here = (file: string) => fileURLToPath(new URL(file, import.meta.url));
  const env: NodeJS.ProcessEnv = { ...process.env, PLYFS_TEST_REFUSE: String(number) };
  // Set by the runner of this test: the inner one would report to it.
  delete env.NODE_TEST_CONTEXT;
  let passed = 0;
  for (const file of ['files', 'xattr', 'old-kernel']) {
    const words = ['--import', here('../../support/old-kernel.js'), '--test-reporter=tap'];
    const run = spawnSync(process.execPath, [...words, here(`./${file}.test.js`)], { env, encoding: 'utf8', timeout: 60000 });
    assert.equal(run.status, 0, run.stdout + run.stderr);
    passed += Number(/^# pass (\d+)$/m.exec(run.stdout)?.[1]);
  }
  return passed;
}
