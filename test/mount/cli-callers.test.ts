/** Those who call plyfs instead of a person: mount(8), fstab, containers/storage, ordinary users, user namespaces. */

import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { type CliStage, cannotMount, type Ended, soon, withStage } from '../support/cli-stage.js';

const skip = cannotMount;
const noHelper =
  existsSync('/usr/sbin/mount.fuse3') || existsSync('/sbin/mount.fuse3') ? false : 'needs mount.fuse3 (Debian package fuse3)';
const noFusermount = existsSync('/usr/bin/fusermount3') ? false : 'needs fusermount3 (Debian package fuse3)';
const noSetpriv = existsSync('/usr/bin/setpriv') ? false : 'needs setpriv (Debian package util-linux)';

function says(stage: CliStage, script: string, stdout: string): void {
  const ended = stage.sh(script);
  assert.deepEqual([ended.status, ended.stdout, ended.stderr], [0, stdout, ''], script);
}

/** Runs the script in a mount namespace of its own in which plyfs is where `npm link` would put it. */
function installed(script: string): string {
  return `unshare -m sh -c 'mkdir -p .run/bin && ln -sf "$PLYFS" .run/bin/plyfs && mount --bind .run/bin /usr/local/bin && ${script}'`;
}

test(
  'mount -t fuse.plyfs, and umount',
  { skip: skip || noHelper },
  withStage((stage) => {
    const options = 'lowerdir=$PWD/app:$PWD/base,upperdir=$PWD/up,workdir=$PWD/wk';
    const script = `mount -t fuse.plyfs none mnt -o "${options}" && cat mnt/f && echo x > mnt/x && grep -c "none .* fuse.plyfs" /proc/mounts && umount mnt && cat up/x`;
    says(stage, installed(script), 'base\n1\nx\n');
  }),
);

test(
  'a line of fstab',
  { skip: skip || noHelper },
  withStage((stage) => {
    const options = `lowerdir=${stage.at('app')}:${stage.at('base')},ro,nofail,x-systemd.requires=x,nodev`;
    writeFileSync(stage.at('other/fstab'), `plyfs ${stage.at('mnt')} fuse.plyfs ${options} 0 0\n`);
    says(stage, installed('mount --fstab other/fstab "$PWD/mnt" && cat mnt/g && umount mnt'), 'app\n');
  }),
);

test(
  'mount -o remount makes a mount read-only and writable again, unless a file is open for writing or it was made read-only',
  { skip: skip || noHelper },
  withStage((stage) => {
    const options = 'lowerdir=$PWD/base,upperdir=$PWD/up,workdir=$PWD/wk';
    says(
      stage,
      installed(`mount -t fuse.plyfs none mnt -o "${options}" && mount -o remount,ro,nosuid mnt && { ! touch mnt/x; } 2>/dev/null &&
        grep -c "mnt fuse.plyfs ro,nosuid" /proc/mounts && "$PLYFS" mounts --json | grep -A4 "$PWD/mnt" | grep -c isReadOnly.*true &&
        mount -o remount,rw mnt && echo x > mnt/x && exec 5> mnt/y && { mount -o remount,ro mnt 2>&1 || :; } && exec 5>&- && umount mnt`).replaceAll(
        '\n',
        ' ',
      ),
      `1\n1\nplyfs: ${stage.at('mnt')} cannot become read-only: files on it are open for writing; close them first\n`,
    );
    const refused = stage.sh(
      installed('mount -t fuse.plyfs none mnt -o lowerdir=$PWD/base && { mount -o remount,rw mnt; s=$?; umount mnt; exit $s; }'),
    );
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /was made read-only: unmount it and mount it writable/);
    const missing = stage.sh('$PLYFS mount -o remount,ro mnt');
    assert.equal(missing.status, 1);
    assert.match(missing.stderr, /is not a plyfs mount: there is nothing to remount/);
  }),
);

test(
  'a mount(8) that fails says why',
  { skip: skip || noHelper },
  withStage((stage) => {
    const ended = stage.sh(installed('mount -t fuse.plyfs none mnt -o lowerdir=/nowhere'));
    assert.equal(ended.status, 1);
    assert.match(ended.stderr, /^plyfs: layer \/nowhere does not exist/);
  }),
);

test(
  'the mount_program contract of containers/storage: short links from its directory, fusermount3 -u, the daemon gone',
  { skip: skip || noFusermount },
  withStage((stage) => {
    says(stage, 'mkdir l && ln -s ../base l/BASE && ln -s ../app l/APP', '');
    const options = 'lowerdir=l/APP:l/BASE,upperdir=up,workdir=wk,context="system_u:object_r:t:s0:c1,c2"';
    const made = stage.sh(`$PLYFS -o '${options}' "$PWD/mnt"`);
    assert.equal(made.status, 0, made.stderr);
    says(stage, 'cat mnt/f mnt/g; echo x > mnt/x; fusermount3 -u mnt', 'base\napp\n');
    const mapped = stage.sh(
      `$PLYFS -o lowerdir=l/BASE,uidmapping=0:1000:1:1:100000:65536,gidmapping=0:1001:1:1:100000:65536 mnt`,
    );
    assert.deepEqual([mapped.status, mapped.stderr], [0, '']);
    says(stage, 'stat -c %u:%g mnt/f; $PLYFS umount mnt', '1000:1001\n');
    says(stage, '$PLYFS -o lowerdir=l/BASE,squash_to_uid=7,squash_to_gid=8 mnt; stat -c %u:%g mnt/f; $PLYFS umount mnt', '7:8\n');
  }),
);

/** Runs the script as an ordinary user whose /dev/fuse is open to all, as udev makes it. */
function asUser(stage: CliStage, script: string): Ended {
  writeFileSync(stage.at('script'), script);
  return stage.sh(`chmod 755 . && chown nobody:nogroup base app up wk mnt .run && unshare -m sh -c "mknod .run/fuse c 10 229 &&
    chmod 666 .run/fuse && mount --bind .run/fuse /dev/fuse && rm .run/fuse &&
    exec setpriv --reuid=65534 --regid=65534 --clear-groups sh script"`);
}

test(
  'an ordinary user mounts through fusermount3',
  { skip: skip || noFusermount || noSetpriv },
  withStage((stage) => {
    const made =
      '$PLYFS mount --layer base --layer app --upper up --work wk mnt && cat mnt/f && echo mine > mnt/new && cat up/new';
    for (const end of ['$PLYFS umount mnt', 'fusermount3 -u mnt']) {
      const ended = asUser(stage, `${made} && ${end}`);
      assert.deepEqual([ended.status, ended.stdout, ended.stderr], [0, 'base\nmine\n', '']);
    }
  }),
);

test(
  'the dead mount of an ordinary user is replaced',
  { skip: skip || noFusermount || noSetpriv },
  withStage((stage) => {
    const ended = asUser(
      stage,
      `$PLYFS mount --layer base mnt
      kill -9 $($PLYFS mounts --json | sed -n 's/.*"pid": \\([0-9]*\\),/\\1/p')
      while stat mnt >/dev/null 2>&1; do sleep 0.01; done
      $PLYFS mount --layer app mnt
      cat mnt/g
      $PLYFS umount mnt`,
    );
    assert.equal(ended.stdout, 'app\n', ended.stderr);
  }),
);

test(
  'root of a user namespace mounts without fusermount3',
  { skip: skip || noSetpriv },
  withStage(async (stage) => {
    const script =
      '$PLYFS mount --layer base --upper up --work wk mnt && cat mnt/f && echo mine > mnt/new && $PLYFS umount mnt && cat up/new';
    says(stage, `unshare -Urm sh -c '${script}'`, 'base\nmine\n');
    await soon(() => assert.deepEqual(stage.records(), []));
  }),
);
