/** The target of a mount: whoever looks at it, the command before or the driver, says the same of it. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { PlyfsError } from '../../../src/base/errors.js';
import { clearTarget, unmountTarget } from '../../../src/fuse/mount-point.js';
import { prepareMount } from '../../../src/mount/mount-checks.js';
import { MountOptions } from '../../../src/mount/mount-option-values.js';
import * as libc from '../../support/libc.js';
import { needsRoot } from '../../support/scratch.js';

const base = mkdtempSync(join(tmpdir(), 'plyfs-target-'));
after(() => rmSync(base, { recursive: true, force: true }));

/** Code and sentence of the refusal. */
function refusalOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    assert.ok(error instanceof PlyfsError, String(error));
    return `${error.code}: ${error.message}`;
  }
  return 'done';
}

for (const [target, code] of [
  ['none', 'target-missing'],
  ['none/below', 'target-missing'],
  ['file', 'target-no-directory'],
  ['file/below', 'target-no-directory'],
] as const) {
  test(`the command and the driver refuse the target ${target} with ${code} and one sentence`, () => {
    mkdirSync(join(base, 'layer'), { recursive: true });
    writeFileSync(join(base, 'file'), '');
    const options = Object.assign(new MountOptions(), { layers: ['layer'] });
    const command = refusalOf(() => prepareMount({ options, target, cwd: base, makesUpper: false, isForeground: true }));
    assert.equal(
      command,
      refusalOf(() => clearTarget(join(base, target))),
    );
    assert.match(command, new RegExp(`^${code}: cannot mount on ${join(base, target)}: `));
  });
}

test('unmounting: what is in use is target-busy, lazily it goes, and gone already is no error', { skip: needsRoot }, async () => {
  const target = join(base, 'mnt');
  mkdirSync(target);
  libc.mount('none', target, 'tmpfs', 'size=64k');
  const user = spawn('sh', ['-c', 'echo; exec sleep 60'], { cwd: target, stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await once(user.stdout, 'data');
    assert.match(
      refusalOf(() => unmountTarget(target, false)),
      /^target-busy: .*mnt is in use: /,
    );
    unmountTarget(target, true);
    unmountTarget(target, false);
  } finally {
    user.kill('SIGKILL');
  }
});
