/** Scripts run as an ordinary user whose /dev/fuse is open to all, as udev makes it. */

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import type { CliStage, Ended } from './cli-stage.js';

export const noUser =
  spawnSync('setpriv', ['--version'], { stdio: 'ignore' }).error !== undefined
    ? 'needs setpriv (util-linux)'
    : spawnSync('fusermount3', ['-V'], { stdio: 'ignore' }).error !== undefined
      ? 'needs fusermount3 (fuse3)'
      : false;

/** `bin`: fusermount3 wants somebody whom /etc/passwd knows. */
export const userId = 2;

/** The script in the directory `user` of the stage, which is the user's; PLYFS_ROOT is a store in it. */
export function asUser(stage: CliStage, script: string): Ended {
  writeFileSync(stage.at('script'), `cd user\nexport HOME=$PWD PLYFS_ROOT=$PWD/store XDG_RUNTIME_DIR=$PWD\n${script}`);
  return stage.sh(`chmod 755 . && mkdir -p user && chown ${userId}:${userId} user && unshare -m sh -c "mknod .run/fuse c 10 229 &&
    chmod 666 .run/fuse && mount --bind .run/fuse /dev/fuse && rm .run/fuse &&
    exec setpriv --reuid=${userId} --regid=${userId} --clear-groups sh script"`);
}
