/** Unions on unions: a view is the ground of other overlays, of containers built in containers. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cannotMount, withStage } from '../support/cli-stage.js';

const skip = cannotMount;

test(
  'trusted xattrs are listed to who has CAP_SYS_ADMIN, whatever the user, and to no root of a container',
  { skip },
  withStage((stage) => {
    stage.ok('mount', '-o', 'lowerdir=base,upperdir=up,workdir=wk', 'mnt');
    stage.sh('setfattr -n trusted.t -v 1 mnt/f && setfattr -n user.u -v 1 mnt/f');
    const list = 'getfattr -m - mnt/f 2>&1 | grep -v "^#" | xargs';
    const callers = [
      ['', 'trusted.t user.u'],
      ['setpriv --bounding-set=-sys_admin', 'user.u'],
      ['setpriv --reuid=1000 --clear-groups', 'user.u'],
      ['setpriv --reuid=1000 --clear-groups --inh-caps=+sys_admin --ambient-caps=+sys_admin', 'trusted.t user.u'],
      ['unshare -Ur', 'user.u'],
    ] as const;
    const seen = callers.map(([caller]) => stage.sh(`chmod 755 . ; ${caller} sh -c '${list}'`).stdout.trim());
    stage.ok('umount', 'mnt');
    assert.deepEqual(
      seen,
      callers.map(([, expected]) => expected),
    );
  }),
);

test(
  'an overlay of the kernel can be mounted on a view whose files pass through',
  { skip },
  withStage((stage) => {
    for (const io of ['passthrough', 'cached']) {
      const script = `set -e
        mkdir -p t/m && mount -t tmpfs x t/m && mkdir t/m/up t/m/wk
        $PLYFS mount -o lowerdir=base,upperdir=up,workdir=wk,io=${io} mnt
        echo new > mnt/new && cat mnt/new
        mount -t overlay -o lowerdir=mnt,upperdir=t/m/up,workdir=t/m/wk x other
        cat other/f other/new && echo changed > other/f && rm other/new && cat other/f mnt/f && ls other
        umount other && rm mnt/new && $PLYFS umount mnt && umount t/m`;
      const ended = stage.sh(script);
      assert.deepEqual([ended.stdout, ended.stderr], ['new\nbase\nnew\nchanged\nbase\nd\nf\n', ''], io);
    }
  }),
);
