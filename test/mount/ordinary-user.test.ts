/** What an ordinary user gets without a user namespace is what he gets in one of his own (unshare -Urm): the same container, byte for byte. And
 *  directories without write permission for their owner (0555, Go's module cache, nix) take what they take on a disk. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asUser, noUser, userId } from '../support/as-user.js';
import { cannotMount, withStage } from '../support/cli-stage.js';

const skip = cannotMount || noUser;

/** An image in which not everything is root's, nor writable: `img.tar`. */
const image = `mkdir -p user/i/etc user/i/home/u user/i/ro/s user/i/root; cd user/i; chmod 0755 . etc home home/u ro/s
  echo s > etc/shadow; echo g > etc/group; echo f > ro/f; echo x > ro/s/x; echo k > root/key; echo u > home/u/file; ln -s group etc/link
  chown -R 0:0 .; chown 0:42 etc/shadow; chown -R 1000:1000 home/u; chown 33:33 ro/f; chmod 640 etc/shadow; chmod 700 root; chmod 4755 etc/group
  chmod 444 root/key; chmod 555 ro .; touch -d @1000000000 etc/* ro/* ro/s/* root/* etc ro/s ro root .; tar -cf ../img.tar .`;
/** Times that a mount leaves are not in the comparison. */
const change = `cat mnt/etc/shadow mnt/root/key; chmod 0700 mnt/ro; echo new > mnt/etc/new; mkdir mnt/etc/dir
  rm mnt/ro/s/x; mv mnt/etc/link mnt/etc/moved; chmod 0555 mnt/ro; chmod u+w mnt/root/key; echo more >> mnt/root/key; touch mnt/ro/s/y
  find mnt ! -name shadow | xargs touch -h -d @1000000001 2>/dev/null; true`;
const use = (
  name: string,
): string => `$PLYFS create --name ${name} img >/dev/null && $PLYFS diff ${name} && $PLYFS export ${name} > ${name}0.tar
  mkdir -p mnt; $PLYFS mount ${name} mnt && { ${change}; $PLYFS umount mnt; }
  $PLYFS diff ${name}; $PLYFS export ${name} > ${name}.tar; $PLYFS commit ${name} ${name}:1 >/dev/null`;

test(
  'an ordinary user makes the container that he makes in a user namespace: diff, export and commit are the same',
  { skip },
  () =>
    withStage((stage) => {
      assert.equal(stage.sh(image).stderr, '');
      assert.equal(asUser(stage, 'SOURCE_DATE_EPOCH=0 $PLYFS import img.tar img >/dev/null').stderr, '');
      const own = asUser(stage, `${use('direct')}`);
      const inside = asUser(stage, `unshare -Urm sh -c '${use('inside').replaceAll("'", "'\\''")}'`);
      assert.deepEqual([own.stdout, own.stderr], [inside.stdout, inside.stderr]);
      assert.match(own.stdout, /^s\nk\nC \/etc\nA \/etc\/dir\n/);
      for (const tar of ['0.tar', '.tar']) {
        const listed = ['direct', 'inside'].map((name) => stage.sh(`tar -tv --numeric-owner -f user/${name}${tar}`).stdout);
        assert.equal(listed[0], listed[1], tar);
      }
      const layers = ['direct', 'inside'].map(
        (name) => asUser(stage, `$PLYFS inspect -f '{{json .RootFS.Layers}}' ${name}:1`).stdout,
      );
      assert.equal(layers[0], layers[1], 'the layer that was committed');
    })(),
);

test(
  'the image shows as his who mounts it: root’s files can be read, other owners stay, squash_to_uid commits root’s as root’s',
  { skip },
  () =>
    withStage((stage) => {
      stage.sh(image);
      const ended = asUser(
        stage,
        `mkdir mnt; $PLYFS import img.tar img >/dev/null; $PLYFS mount img mnt; cat mnt/root/key; stat -c '%u:%g %a %n' mnt mnt/etc/shadow mnt/ro/f mnt/home/u
      $PLYFS umount mnt; $PLYFS create --name cc img >/dev/null; $PLYFS mount -o squash_to_uid=${userId},squash_to_gid=${userId} cc mnt; stat -c %u:%g mnt/home/u
      chmod 0600 mnt/etc/group; chmod 0644 mnt/etc/shadow; chmod 0604 mnt/etc/shadow; $PLYFS umount mnt; $PLYFS export cc | tar -tv --numeric-owner | sed -n 's/^\\(.[^ ]*\\) \\([0-9/]*\\) .* \\(etc[^ ]*\\).*/\\1 \\2 \\3/p'`,
      );
      const shown = `k\n${userId}:${userId} 555 mnt\n${userId}:42 640 mnt/etc/shadow\n33:33 644 mnt/ro/f\n1000:1000 755 mnt/home/u\n${userId}:${userId}\n`;
      assert.equal(ended.stdout.startsWith(shown), true, ended.stdout + ended.stderr);
      assert.equal(
        ended.stdout.slice(shown.length),
        'drwxr-xr-x 0/0 etc/\n-rw------- 0/0 etc/group\nlrwxrwxrwx 0/0 etc/link\n-rw----r-- 0/42 etc/shadow\n',
      );
    })(),
);

test('what he copies into a container is root’s there, and a container of unwritable directories can be removed', { skip }, () =>
  withStage((stage) => {
    stage.sh(image);
    const ended = asUser(
      stage,
      `$PLYFS import img.tar img >/dev/null; $PLYFS create --name cc img >/dev/null; echo x > mine; $PLYFS cp -a mine cc:/ro/kept
      $PLYFS cp mine cc:/etc/; $PLYFS export cc | tar -tv --numeric-owner | grep -c ' 0/0 .*\\(ro/kept\\|etc/mine\\)$'; $PLYFS rm cc
      find store/containers store/tmp -mindepth 1`,
    );
    assert.deepEqual([ended.stdout, ended.stderr], ['2\ncc\n', '']);
  })(),
);

test('what he copies into a mounted container lies in its unwritable directories too, whose permissions stay', { skip }, () =>
  withStage((stage) => {
    stage.sh(image);
    const ended = asUser(
      stage,
      `mkdir mnt dir; $PLYFS import img.tar img >/dev/null; $PLYFS create --name cc img >/dev/null; $PLYFS mount cc mnt; echo x > mine; echo y > dir/in
      ln -s in dir/link; $PLYFS cp mine cc:/ro/kept; $PLYFS cp mine cc:/ro/f; $PLYFS cp dir cc:/ro/; $PLYFS cp dir cc:/ro/; tar -c mine | $PLYFS cp - cc:/ro
      cat mnt/ro/kept mnt/ro/f mnt/ro/mine mnt/ro/dir/link; stat -c %a mnt/ro mnt; chmod 0555 dir; $PLYFS cp cc:/ro/f dir/; $PLYFS umount mnt; $PLYFS diff cc`,
    );
    const copied = 'C /ro\nA /ro/dir\nA /ro/dir/in\nA /ro/dir/link\nC /ro/f\nA /ro/kept\nA /ro/mine\n';
    assert.equal(ended.stdout, `x\nx\nx\ny\n555\n555\n${copied}`);
    assert.equal(
      ended.stderr,
      'plyfs: /ro/f could not be copied: permission denied\n',
      'a directory of his own disk is as it is',
    );
  })(),
);

/** Done to a copy each of `ro`: 0555, with a file 0644, one 0444, and a directory 0755 with a file. */
const operations = [
  'chmod 0755 D',
  'touch -d @5 D',
  'chmod 0600 D/f',
  'echo x >> D/f',
  'truncate -s 1 D/f',
  'touch -d @5 D/f',
  'setfattr -n user.x -v 1 D/f',
  'ln D/f linked-D',
  'mv D moved-D',
  'mkdir D/s/new',
  'rm D/s/x',
  'mv D/s/x out-D',
  'exec 3>> D/f; chmod 0444 D/f; echo y >&3',
  'chmod 0400 D/s && chmod 0755 D/s',
  'mv D into',
  'touch D/new',
  'rm -f D/f',
  'setfattr -n user.x -v 1 D',
  'chmod 0644 D/k; echo z >> D/k',
  'chmod 0755 D && rm -r D',
  'mkdir -m 0555 new-D && rmdir new-D',
  'chmod 0755 D && rm D/f && chmod 0555 D && echo x >> D/s/x',
];

test('what goes in directories of mode 0555 on a disk goes in a mount of an ordinary user, and nothing else', { skip }, () =>
  withStage((stage) => {
    stage.sh(`mkdir -p user/lower/into user/native; cd user; for i in $(seq ${operations.length}); do mkdir -p lower/ro$i/s; cd lower/ro$i; echo f > f
      echo k > k; echo x > s/x; chmod 0444 k; chmod 0555 .; cd ../..; done; cp -a lower/. native; mkdir up wk mnt; chown -R ${userId}:${userId} .`);
    const script = operations
      .map((operation, i) => `(${operation.replaceAll('D', `ro${i + 1}`)}) 2>/dev/null; echo ${i}: $?`)
      .join('\n');
    const look = "find . -printf '%m %y %p\\n' | sort; find . -type f -readable | sort | xargs cat";
    const ended = asUser(
      stage,
      `run() { cd $1; ${script}\n ${look}; cd ..; }\nrun native > native.txt\n$PLYFS -o lowerdir=lower,upperdir=up,workdir=wk mnt && run mnt > mount.txt
      $PLYFS umount mnt; $PLYFS -o lowerdir=lower,upperdir=up,workdir=wk mnt && cd mnt && { ${look}; } > ../again.txt; cd ..; $PLYFS umount mnt
      diff native.txt mount.txt && sed '/^[0-9]*: /d' mount.txt | diff - again.txt; find wk -mindepth 2`,
    );
    assert.deepEqual([ended.stdout, ended.stderr], ['', '']);
  })(),
);
