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

/** What an overlay does whose layers, upper and work directory lie in a view; `$INNER` mounts it. Shown: its tree, now and when both are
 *  mounted again, then the upper's names in the view. */
const within = `set -e
  mkdir -p base/in/l/gone base/in/l/kept base/in/u base/in/w base/in/m && echo 1 > base/in/l/a && echo 2 > base/in/l/gone/b && echo 3 > base/in/l/kept/k
  eval "$OUTER" && cd mnt/in && eval "$INNER"
  rm m/a && rm -r m/gone && mkdir m/gone && echo n > m/gone/new && mv m/kept m/moved
  (cd m && find . | sort | xargs) && umount m && cd ../..
  until umount mnt 2>/dev/null; do sleep 0.05; done
  eval "$OUTER" && cd mnt/in && eval "$INNER" && (cd m && find . | sort | xargs) && umount m && cd ../..
  until umount mnt 2>/dev/null; do sleep 0.05; done`;

const outers = {
  plyfs: '$PLYFS mount -o lowerdir=base,upperdir=up,workdir=wk mnt',
  'plyfs with io=passthrough': '$PLYFS mount -o lowerdir=base,upperdir=up,workdir=wk,io=passthrough mnt',
  "the kernel's overlay": 'mount -t overlay -o lowerdir=base,upperdir=up,workdir=wk x mnt',
};
const inners = {
  plyfs: '$PLYFS mount -o lowerdir=l,upperdir=u,workdir=w m',
  'fuse-overlayfs': 'fuse-overlayfs -o lowerdir=l,upperdir=u,workdir=w m 2>/dev/null',
};

for (const [outer, mountsOuter] of Object.entries(outers)) {
  for (const [inner, mountsInner] of Object.entries(inners)) {
    test(
      `what is deleted in ${inner} within ${outer} stays deleted`,
      { skip },
      withStage((stage) => {
        const ended = stage.sh(`OUTER='${mountsOuter}' INNER='${mountsInner}'\n${within}`);
        const shown = '. ./gone ./gone/new ./moved ./moved/k\n';
        assert.deepEqual([ended.stdout, ended.stderr], [shown + shown, '']);
      }),
    );
  }
}

test(
  'names that begin with .wh. are refused where no overlay needs them, and kept where one does',
  { skip },
  withStage((stage) => {
    const script = `mkdir base/in; $PLYFS mount -o lowerdir=base,upperdir=up,workdir=wk mnt
      touch mnt/.wh.f 2>/dev/null && echo made; mknod mnt/in/f c 0 0 2>/dev/null && echo made
      touch mnt/in/.wh.f && ls -A mnt/in && ls mnt && $PLYFS umount mnt
      $PLYFS mount -o lowerdir=base,upperdir=up,workdir=wk mnt
      ls -A mnt/in && touch mnt/.wh.f 2>/dev/null && echo made; mv mnt/in/.wh.f mnt/in/.wh.g && rm mnt/in/.wh.g && ls -A mnt/in && $PLYFS umount mnt`;
    const ended = stage.sh(script);
    assert.deepEqual([ended.stdout, ended.stderr], ['.wh.f\nd\nf\nin\n.wh.f\n', '']);
  }),
);
