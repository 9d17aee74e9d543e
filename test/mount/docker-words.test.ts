/** Mounted containers by their names, and a remount that would change what it cannot. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeArchive } from '../support/archive.js';
import { type CliStage, cannotMount, withStage } from '../support/cli-stage.js';

const skip = cannotMount;

function withContainers(stage: CliStage): void {
  makeArchive(stage.path, 'app', [{ createdBy: 'ADD', script: 'echo a > a' }]);
  stage.sh('export PLYFS_ROOT=$PWD/store; $PLYFS load -q -i app.tar; $PLYFS create --name web app; $PLYFS create --name db app');
}

test(
  'umount and stats take the name of a mounted container',
  { skip },
  withStage((stage) => {
    withContainers(stage);
    const script = `export PLYFS_ROOT=$PWD/store; $PLYFS mount web mnt && $PLYFS mount db other && cat mnt/a
      $PLYFS stats web | head -n 1; id=$(cd store/containers && echo *); $PLYFS stats --json db | head -c 1
      $PLYFS umount nosuch web db; echo $?; $PLYFS umount web; echo $?`;
    const { stdout, stderr } = stage.sh(script);
    assert.equal(stdout, 'a\nRequests\n{1\n1\n');
    assert.match(stderr, /^plyfs: target .*nosuch does not exist: [^\n]*\nplyfs: container web is not mounted: [^\n]*\n$/);
  }),
);

test(
  'a path on which something is mounted goes before a container of that name',
  { skip },
  withStage((stage) => {
    withContainers(stage);
    const script = `export PLYFS_ROOT=$PWD/store; mkdir db; $PLYFS mount --layer base db && (cd store && $PLYFS mount db ../mnt) && $PLYFS umount db; ls mnt; ls db; (cd store && $PLYFS umount db); ls mnt`;
    const { stdout, stderr } = stage.sh(script);
    assert.deepEqual([stdout, stderr], ['a\n', '']);
  }),
);

test(
  'a remount says no to what only a new mount can have, and takes what the mount has',
  { skip },
  withStage((stage) => {
    const layers = `lowerdir=${stage.at('base')},upperdir=${stage.at('up')},workdir=${stage.at('wk')}`;
    stage.ok('mount', '-o', `${layers},timeout=7`, 'mnt');
    try {
      for (const [asked, named] of [
        ['timeout=5', 'timeout=5'],
        ['io=cached', 'io=cached'],
        ['volatile', 'volatile=on'],
        [`upperdir=${stage.at('other')}`, `upperdir=${stage.at('other')}`],
        ['ro,xino=on,static_nlink', 'static_nlink=on, xino=on'],
      ]) {
        const { status, stderr } = stage.plyfs('mount', '-o', `remount,${asked}`, 'mnt');
        assert.equal(status, 1, asked);
        assert.ok(
          stderr.startsWith(`plyfs: the mount on ${stage.at('mnt')} cannot get ${named} while it is mounted: unmount it`),
          stderr,
        );
      }
      assert.equal(stage.listed().isReadOnly, false, 'nothing was changed');
      stage.ok('mount', '-o', `remount,ro,timeout=7,${layers}`, 'mnt');
      assert.equal(stage.listed().isReadOnly, true);
      const byMount = stage.sh(
        'mount -i -o remount,rw mnt 2>&1; mount -i -o remount,ro,nosuid mnt 2>&1 && grep -c "$PWD/mnt.*ro,nosuid" /proc/self/mountinfo',
      );
      assert.match(byMount.stdout, /1\n$/);
    } finally {
      stage.ok('umount', 'mnt');
    }
  }),
);
