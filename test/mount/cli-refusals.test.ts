/** Bad input of `plyfs mount`: one sentence that names the path, exit status 1 (2 for wrong usage), and nothing left behind. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CliStage, cannotMount, withStage } from '../support/cli-stage.js';

const skip = cannotMount;
const writable = 'lowerdir=base,upperdir=up,workdir=wk';

interface Refusal {
  name: string;
  words: string[];
  status?: 1 | 2;
  /** What stderr must say, and the path it must name, relative to the stage. */
  says: RegExp;
  path?: string;
  /** Shell commands before and after. */
  before?: string;
  after?: string;
}

const refusals: Refusal[] = [
  { name: 'a missing layer', words: ['--layer', 'gone', 'mnt'], says: /does not exist/, path: 'gone' },
  { name: 'a layer that is a file', words: ['--layer', 'base/f', 'mnt'], says: /not a directory/, path: 'base/f' },
  { name: 'no layer at all', words: ['mnt'], says: /no layer/, status: 2 },
  { name: 'a missing target', words: ['--layer', 'base', 'gone'], says: /does not exist/, path: 'gone' },
  { name: 'a target that is a file', words: ['--layer', 'base', 'app/g'], says: /not a directory/, path: 'app/g' },
  { name: 'no target', words: [], says: /no target/, status: 2 },
  { name: 'a target inside a layer', words: ['--layer', 'base', 'base/d'], says: /inside the layer/, path: 'base/d' },
  { name: 'a target that is a layer', words: ['--layer', 'base', 'base'], says: /inside the layer/, path: 'base' },
  {
    name: 'a target inside the upper',
    words: ['-o', writable, 'up/m'],
    says: /inside the upper/,
    path: 'up/m',
    before: 'mkdir up/m',
    after: 'rmdir up/m',
  },
  {
    name: 'a target that would hide a layer',
    words: ['-o', 'lowerdir=mnt/l', 'mnt'],
    says: /hidden/,
    path: 'mnt/l',
    before: 'mkdir mnt/l',
    after: 'rmdir mnt/l',
  },
  {
    name: 'a layer inside the upper',
    words: ['--layer', 'up/l', '--upper', 'up', 'mnt'],
    says: /inside the upper/,
    path: 'up/l',
    before: 'mkdir up/l',
    after: 'rmdir up/l',
  },
  {
    name: 'an upper inside a layer',
    words: ['-o', 'lowerdir=base,upperdir=base/d,workdir=wk', 'mnt'],
    says: /inside the layer/,
    path: 'base/d',
  },
  {
    name: 'upper and work directory in one',
    words: ['-o', 'lowerdir=base,upperdir=up,workdir=up', 'mnt'],
    says: /both/,
    path: 'up',
  },
  { name: 'an upper without a work directory', words: ['-o', 'lowerdir=base,upperdir=up', 'mnt'], says: /workdir/, status: 2 },
  {
    name: 'a missing upper',
    words: ['-o', 'lowerdir=base,upperdir=gone,workdir=wk', 'mnt'],
    says: /does not exist/,
    path: 'gone',
  },
  {
    name: 'a missing work directory',
    words: ['-o', 'lowerdir=base,upperdir=up,workdir=gone', 'mnt'],
    says: /does not exist/,
    path: 'gone',
  },
  {
    name: 'upper and work directory on different file systems',
    words: ['-o', 'lowerdir=base,upperdir=up,workdir=other/w', 'mnt'],
    says: /different mounts/,
    path: 'other/w',
    before: 'mount -t tmpfs none other && mkdir other/w',
    after: 'umount other',
  },
  {
    name: 'upper and work directory on one file system mounted twice',
    words: ['-o', 'lowerdir=base,upperdir=up,workdir=other', 'mnt'],
    says: /different mounts/,
    path: 'other',
    before: 'mount --bind wk other',
    after: 'umount other',
  },
  {
    name: 'a read-only upper',
    words: ['-o', 'lowerdir=base,upperdir=other/u,workdir=other/w', 'mnt'],
    says: /read-only file system/,
    path: 'other/u',
    before: 'mount -t tmpfs none other && mkdir other/u other/w && mount -o remount,ro other',
    after: 'umount other',
  },
  {
    name: 'an upper in use by another plyfs mount',
    words: ['-o', writable, 'mnt'],
    says: /in use/,
    path: 'up',
    before: '$PLYFS mount -o lowerdir=base,upperdir=up,workdir=app other',
    after: '$PLYFS umount other',
  },
  {
    name: 'a work directory in use by another plyfs mount',
    words: ['-o', 'lowerdir=base,upperdir=app,workdir=wk', 'mnt'],
    says: /in use/,
    path: 'wk',
    before: '$PLYFS mount -o lowerdir=base,upperdir=up,workdir=wk other',
    after: '$PLYFS umount other',
  },
  {
    name: 'an upper in use by kernel overlayfs',
    words: ['-o', writable, 'mnt'],
    says: /in use/,
    path: 'up',
    before: 'mount -t overlay none other -o "lowerdir=$PWD/base,upperdir=$PWD/up,workdir=$PWD/wk"',
    after: 'umount other && rm -rf wk/*',
  },
  {
    name: 'a target that is a plyfs mount',
    words: ['--layer', 'base', 'mnt'],
    says: /plyfs mount already/,
    path: 'mnt',
    before: '$PLYFS mount --layer app mnt',
    after: '$PLYFS umount mnt',
  },
  {
    name: 'an upper that a volatile mount has left',
    words: ['-o', writable, 'mnt'],
    says: /volatile/,
    path: 'wk/work/incompat/volatile',
    before: '$PLYFS mount -o lowerdir=base,upperdir=up,workdir=wk,volatile mnt && $PLYFS umount mnt',
  },
  { name: 'an unknown value of an option', words: ['-o', 'lowerdir=base,xino=maybe', 'mnt'], says: /xino cannot be "maybe"/ },
  { name: 'an unknown flag', words: ['--bogus', 'mnt'], says: /unknown option --bogus/, status: 2 },
  { name: 'an unknown driver', words: ['--driver', 'kernel', '--layer', 'base', 'mnt'], says: /use direct or fuse-native/ },
];

for (const { name, words, status = 1, says, path, before, after } of refusals) {
  test(
    `${name} is refused in one sentence, and nothing is left behind`,
    { skip },
    withStage((stage) => {
      runScript(stage, before);
      const [paths, mounts, records] = [stage.paths(), stage.mounts(), stage.records()];
      const ended = stage.plyfs('mount', ...words);
      assert.deepEqual([stage.paths(), stage.mounts(), stage.records()], [paths, mounts, records]);
      runScript(stage, after);
      assert.equal(ended.status, status, ended.stderr);
      assert.match(ended.stderr, says);
      if (path !== undefined) assert.ok(ended.stderr.includes(stage.at(path)), `${ended.stderr} names ${path}`);
      assert.match(ended.stderr, /^plyfs: [^\n]+\n$/, 'one line');
      assert.equal(ended.stdout, '');
    }),
  );
}

test(
  'a missing upper of a refused mount is not made',
  { skip },
  withStage((stage) => {
    const paths = stage.paths();
    assert.equal(stage.plyfs('mount', '--layer', 'base', '--upper', 'new', 'base/d').status, 1);
    assert.deepEqual(stage.paths(), paths);
  }),
);

test(
  'without /dev/fuse the sentence says how to get it',
  { skip },
  withStage((stage) => {
    const ended = stage.sh(
      'unshare -m sh -c "mount -t tmpfs none /dev && mknod /dev/null c 1 3 && $PLYFS mount --layer base --upper new mnt"',
    );
    assert.equal(ended.status, 1);
    assert.match(ended.stderr, /^plyfs: \/dev\/fuse is missing: [^\n]+\n$/);
    assert.ok(!stage.paths().some((path) => path.includes('/new')));
  }),
);

test(
  'an ordinary user who may not open the device is told what to do',
  { skip },
  withStage((stage) => {
    const ended =
      stage.sh(`chmod 755 . && chown nobody mnt .run && unshare -m sh -c "mknod .run/fuse c 10 229 && chmod 600 .run/fuse &&
      mount --bind .run/fuse /dev/fuse && rm -f .run/fuse && setpriv --reuid=65534 --regid=65534 --clear-groups $PLYFS mount --layer base mnt"`);
    assert.equal(ended.status, 1);
    assert.match(ended.stderr, /\/dev\/fuse.*chmod 666 \/dev\/fuse/);
  }),
);

test(
  'the wrong command and help: exit 2 and 0',
  { skip: false },
  withStage((stage) => {
    assert.equal(stage.plyfs('frobnicate').status, 2);
    assert.equal(stage.plyfs('umount').status, 2);
    assert.equal(stage.plyfs('mounts', '--bogus').status, 2);
    assert.equal(stage.plyfs('stats', 'mnt').status, 1);
    assert.equal(stage.plyfs('umount', 'mnt').status, 1);
    for (const command of ['mount', 'umount', 'mounts', 'stats']) {
      assert.match(stage.ok(command, '--help'), new RegExp(`plyfs ${command}[\\s\\S]*Examples?:`));
      assert.match(stage.ok('help', command), new RegExp(`plyfs ${command}`));
    }
    assert.match(stage.ok('--help'), /Commands:/);
    assert.match(stage.ok('--version'), /^plyfs \d/);
  }),
);

function runScript(stage: CliStage, script: string | undefined): void {
  if (script === undefined) return;
  const ended = stage.sh(script);
  assert.deepEqual([ended.status, ended.stderr], [0, ''], script);
}
