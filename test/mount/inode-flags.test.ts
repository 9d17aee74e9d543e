/** chattr(1): what +i and +a forbid on a disk they forbid in the view, over remounts, for the kernel's overlay too; and the times of files that
 *  a shared map changes past the daemon (after xfstests generic/080, 215, 424, 545, 553, 555). */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { type CliStage, cannotMount, withStage } from '../support/cli-stage.js';

const noChattr = spawnSync('chattr', ['-V'], { stdio: 'ignore' }).error === undefined ? false : 'needs chattr (e2fsprogs)';
const noPython = spawnSync('python3', ['-V'], { stdio: 'ignore' }).error === undefined ? false : 'needs python3';
/** What protects a file or directory, and what it does not forbid; everything else of `attempts` is EPERM. */
const rules: Record<string, string> = { 'i f': 'read', 'a f': 'read append touch', 'i d': 'change', 'a d': 'change create' };
// Without OPEN requests a refused write is told by write(2), with a writeback cache by fsync(2): dd asks for both.
const attempts: Record<string, Record<string, string>> = {
  f: {
    read: 'cat mnt/f',
    append: 'echo more | dd of=mnt/f oflag=append conv=notrunc,fsync',
    overwrite: 'echo less | dd of=mnt/f conv=notrunc,fsync',
    truncate: 'truncate -s 0 mnt/f',
    chmod: 'chmod 0600 mnt/f',
    chown: 'chown 5 mnt/f',
    touch: 'touch -c mnt/f',
    date: 'touch -d @5 mnt/f',
    xattr: 'setfattr -n user.x -v 1 mnt/f',
    link: 'ln mnt/f mnt/again',
    rename: 'mv mnt/f mnt/elsewhere',
    cover: 'mv mnt/g mnt/f',
    unlink: 'rm -f mnt/f',
  },
  d: { change: 'echo x >> mnt/d/in', create: 'mkdir mnt/d/new', rename: 'mv mnt/d/in mnt/out', unlink: 'rm -f mnt/d/in' },
};

function mount(stage: CliStage, io: string): void {
  stage.ok('-o', `lowerdir=app:base,upperdir=up,workdir=wk,io=${io}`, 'mnt');
}

for (const io of ['cached', 'writeback', 'passthrough']) {
  for (const [protectedBy, allowed] of Object.entries(rules)) {
    const [flag = '', name = ''] = protectedBy.split(' ');
    test(
      `chattr +${flag} on ${name === 'f' ? 'a file' : 'a directory'}, io=${io}: EPERM but for ${allowed}; after a remount too`,
      {
        skip: cannotMount || noChattr,
      },
      () =>
        withStage((stage) => {
          stage.sh('echo in > base/d/in');
          mount(stage, io);
          assert.equal(stage.sh(`chattr +${flag} mnt/${name}`).stderr, '');
          for (const when of ['at once', 'after a remount']) {
            for (const [what, command] of Object.entries(attempts[name] ?? {})) {
              const { status } = stage.sh(`{ ${command}; } >/dev/null 2>&1`);
              assert.equal(status === 0, allowed.split(' ').includes(what), `${what} ${when}`);
              if (what === 'create') stage.sh('mv mnt/d/new mnt/new; rmdir up/d/new');
            }
            stage.ok('umount', 'mnt');
            mount(stage, io);
          }
          assert.match(stage.sh(`lsattr -d mnt/${name}`).stdout, new RegExp(`^\\S*${flag}`));
          assert.equal(stage.sh(`getfattr --only-values -n trusted.overlay.protattr up/${name}`).stdout, flag);
          assert.equal(stage.sh(`chattr -${flag} mnt/${name} && rm -r mnt/${name}`).stderr, '');
          stage.ok('umount', 'mnt');
        })(),
    );
  }
}

test(
  'chattr of what the kernel’s overlay has protected is understood, and the other way round',
  {
    skip: cannotMount || noChattr,
  },
  () =>
    withStage((stage) => {
      const kernel = 'mount -t overlay -o lowerdir=base,upperdir=up,workdir=wk overlay mnt';
      assert.equal(stage.sh(`${kernel} && chattr +i mnt/f && umount mnt`).stderr, '');
      mount(stage, 'cached');
      assert.equal(
        stage.sh('lsattr mnt/f | grep -q "^[^ ]*i" && ! rm -f mnt/f 2>/dev/null && chattr -i mnt/f && chattr +a mnt/d').stderr,
        '',
      );
      stage.ok('umount', 'mnt');
      assert.equal(
        stage.sh(`${kernel}; rm mnt/f; ! rmdir mnt/d 2>/dev/null && lsattr -d mnt/d | grep -q "^[^ ]*a"; echo $?`).stdout,
        '0\n',
      );
      assert.equal(stage.sh('chattr -a mnt/d; umount mnt').stderr, '');
    })(),
);

const mapped = `
import mmap, os, time
for name in ("mnt/old", "mnt/new"):
    fd = os.open(name, os.O_RDWR | os.O_CREAT); os.ftruncate(fd, 8192); map = mmap.mmap(fd, 8192)
    times = []
    for at in (0, 4096):
        times.append(os.stat(name)); time.sleep(0.03); map[at] = 65; map.flush()
        if at == 0: os.close(fd)
    times.append(os.stat(name))
    print(name, all(a.st_mtime_ns < b.st_mtime_ns and a.st_ctime_ns < b.st_ctime_ns for a, b in zip(times, times[1:])))`;

for (const io of ['cached', 'writeback', 'passthrough']) {
  test(
    `io=${io}: what is written through a shared map moves mtime and ctime, also once the file is closed`,
    {
      skip: cannotMount || noPython,
    },
    () =>
      withStage((stage) => {
        stage.sh('head -c 8192 /dev/zero > up/old');
        mount(stage, io);
        assert.equal(stage.sh(`python3 -c '${mapped}'`).stdout, 'mnt/old True\nmnt/new True\n');
        stage.ok('umount', 'mnt');
      })(),
  );
}

test(
  'a time that no disk keeps becomes the last one that the upper’s keeps, as on that disk',
  { skip: cannotMount || noPython },
  () =>
    withStage((stage) => {
      mount(stage, 'cached');
      for (const time of ['2**53 + 1', '-(2**53) - 1', '2**62'])
        stage.sh(`for f in mnt/f up/here; do : >> $f; python3 -c 'import os; os.utime("'$f'", (${time}, ${time}))'; done`);
      const { stdout } = stage.sh('stat -c %Y mnt/f up/here up/f');
      assert.equal(new Set(stdout.trim().split('\n')).size, 1, stdout);
      stage.ok('umount', 'mnt');
    })(),
);
