/** The end of a mount: what it was made from is free at once, and nothing happens to it any more. */

import assert from 'node:assert/strict';
import { mkdirSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { cannotMount, processesIn, soon, withStage } from '../support/cli-stage.js';
import * as libc from '../support/libc.js';

const skip = cannotMount;

test(
  'the file system of the upper can be unmounted when plyfs umount has returned',
  { skip },
  withStage((stage) => {
    mkdirSync(stage.at('disk'));
    for (const options of ['', ',volatile', ',io=passthrough']) {
      libc.mount('tmpfs', stage.at('disk'), 'tmpfs', '');
      try {
        mkdirSync(stage.at('disk/up'));
        mkdirSync(stage.at('disk/wk'));
        stage.ok('mount', '-o', `lowerdir=base,upperdir=disk/up,workdir=disk/wk${options}`, 'mnt');
        const ended = stage.sh('echo x > mnt/f && rm mnt/f && mkdir mnt/new && $PLYFS umount mnt && umount disk');
        assert.deepEqual([ended.status, ended.stderr], [0, ''], `with "${options}"`);
      } finally {
        if (stage.mounts().includes(stage.at('disk'))) libc.umount(stage.at('disk'), 2);
      }
    }
  }),
);

test(
  'once the mount is gone nothing is made in upper and work, by whatever it was unmounted (podman deletes them then)',
  { skip },
  withStage(async (stage) => {
    for (const umount of ['umount mnt', 'fusermount3 -u mnt', 'umount -l mnt', '$PLYFS umount mnt']) {
      stage.sh('mkdir -p up wk');
      stage.ok('mount', '-o', 'lowerdir=base,upperdir=up,workdir=wk,volatile', 'mnt');
      const ended = stage.sh(`rm mnt/f && echo x > mnt/new && ${umount} && rm -r up wk`);
      assert.deepEqual([ended.status, ended.stderr], [0, ''], umount);
      await soon(() => assert.deepEqual(processesIn(stage.at('mnt')), []));
      const left = readdirSync(stage.path).filter((name) => name === 'up' || name === 'wk');
      assert.deepEqual(left, [], umount);
    }
  }),
);

test(
  'the mark of a volatile mount stays where it lies, and the work directory has nothing else',
  { skip },
  withStage((stage) => {
    stage.ok('mount', '-o', 'lowerdir=base,upperdir=up,workdir=wk,volatile', 'mnt');
    assert.equal(stage.sh('rm mnt/f && rmdir mnt/d && umount mnt').stderr, '');
    assert.equal(stage.sh('cd wk && find . | sort').stdout, '.\n./work\n./work/incompat\n./work/incompat/volatile\n');
  }),
);
