/** Images as mounts: an archive is a directory at once, writable with an upper, and says which layer every file came from. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { makeArchive } from '../support/archive.js';
import { fuseNative } from '../support/implementers.js';

const canMount = process.getuid?.() === 0 && existsSync('/dev/fuse');
const skip = canMount ? false : 'mounting needs root and /dev/fuse';
const cli = new URL('../../../bin/plyfs', import.meta.url).pathname;

let directory = '';
let archive = '';
let diffIds: string[] = [];
let target = '';

before(() => {
  directory = mkdtempSync(join(tmpdir(), 'plyfs-image-'));
  target = join(directory, 'mnt');
  mkdirSync(target);
  ({ path: archive, diffIds } = makeArchive(directory, 'app', [
    { createdBy: 'ADD base', script: 'mkdir bin etc; echo tool > bin/tool; echo v1 > etc/release; ln bin/tool bin/same' },
    { createdBy: 'RUN upgrade', script: 'mkdir bin etc; echo v2 > etc/release; touch bin/.wh.same' },
  ]));
});

after(() => {
  sh(`mountpoint -q ${target} && umount -l ${target}; true`);
  rmSync(directory, { recursive: true, force: true });
});

/** Runs a shell line with a time limit; returns its status and what it printed. `plyfs` is this build, with a store of its own. */
function sh(line: string): { status: number | null; output: string } {
  const script = `plyfs() { sh ${cli} "$@"; }; ${line}`;
  const env = { ...process.env, PLYFS_ROOT: join(directory, 'store') };
  const run = spawnSync('timeout', ['60', 'sh', '-c', script], { cwd: directory, env, encoding: 'utf8' });
  return { status: run.status, output: run.stdout + run.stderr };
}

function ok(line: string): string {
  const { status, output } = sh(line);
  assert.equal(status, 0, `${line}: ${output}`);
  return output;
}

function withMount(words: string, body: () => void): void {
  ok(`plyfs mount ${words} ${target}`);
  try {
    body();
  } finally {
    ok(`plyfs umount ${target}`);
  }
}

test('an archive is a read-only directory at once, with its whiteouts and hard links', { skip }, () => {
  withMount(archive, () => {
    assert.equal(ok(`cat ${target}/etc/release ${target}/bin/tool`), 'v2\ntool\n');
    assert.equal(ok(`ls ${target}/bin`), 'tool\n');
    assert.match(sh(`touch ${target}/new`).output, /Read-only file system/);
  });
});

test('every file says which layer it came from, what made that layer, and which layers have versions of it', { skip }, () => {
  withMount(archive, () => {
    const ask = (key: string, path: string) =>
      ok(`getfattr --absolute-names --only-values -n user.plyfs.${key} ${target}/${path}`);
    assert.equal(ask('layer', 'etc/release'), diffIds[1]);
    assert.equal(ask('layer', 'bin/tool'), diffIds[0]);
    assert.equal(ask('history', 'bin/tool'), 'ADD base');
    assert.equal(ask('versions', 'etc/release'), `${diffIds[1]} file\n${diffIds[0]} file\n`);
    assert.equal(ask('versions', ''), `${diffIds[1]} dir\n${diffIds[0]} dir\n`, 'the root');
    assert.equal(ok(`getfattr --absolute-names -d -m - ${target}/etc/release`), '', 'they are not listed');
  });
});

test('an upper makes an image writable and takes the changes', { skip }, () => {
  withMount(`--upper ${directory}/upper ${archive}`, () => {
    ok(`echo more >> ${target}/etc/release; rm ${target}/bin/tool`);
    assert.equal(ok(`cat ${target}/etc/release`), 'v2\nmore\n');
    assert.equal(ok(`getfattr --absolute-names --only-values -n user.plyfs.layer ${target}/etc/release`), 'upper');
    ok(`cp -a ${target}/etc/release ${target}/copy; cmp ${target}/copy ${target}/etc/release; rm ${target}/copy`);
    for (const change of ['-n user.plyfs.layer -v x', '-x user.plyfs.layer'])
      assert.match(sh(`setfattr ${change} ${target}/etc`).output, /Operation not permitted/);
  });
  withMount(`--upper ${directory}/upper ${archive}`, () =>
    assert.equal(ok(`cd ${target}; find . -type f; cat etc/release`), './etc/release\nv2\nmore\n'),
  );
});

test('--upto and --layer show the image as of a layer, and a layer alone', { skip }, () => {
  withMount(`--upto 1 ${archive}`, () => assert.equal(ok(`cat ${target}/etc/release; ls ${target}/bin`), 'v1\nsame\ntool\n'));
  withMount(`--layer 2 ${archive}`, () => assert.equal(ok(`find ${target} -type f`), `${target}/etc/release\n`));
  assert.match(sh(`plyfs mount --upto 3 ${archive} ${target}`).output, /has layers 1 to 2, not 3/);
});

test('a stored image is mounted by its name, and is not removed while it is', { skip }, () => {
  ok(`plyfs load -i ${archive}`);
  withMount('app:latest', () => {
    const { status, output } = sh('plyfs rmi app:latest');
    assert.equal(status, 1);
    assert.match(output, /is used by mount .*mnt: end it first/);
  });
  ok('plyfs rmi app:latest');
});

const withoutNative = fuseNative.unavailable() ?? false;

test('the fuse-native driver shows an image too', { skip: skip === false ? withoutNative : skip }, () => {
  withMount(`--driver fuse-native ${archive}`, () => {
    assert.equal(ok(`cat ${target}/etc/release ${target}/bin/tool`), 'v2\ntool\n');
    assert.equal(ok(`getfattr --absolute-names --only-values -n user.plyfs.layer ${target}/bin/tool`), diffIds[0]);
  });
});

test('what is no image is refused with a sentence, and nothing is mounted', { skip }, () => {
  const { status, output } = sh(`plyfs mount nothing:1 ${target}`);
  assert.equal(status, 1);
  assert.match(output, /no such image or file: nothing:1/);
  assert.notEqual(sh(`mountpoint -q ${target}`).status, 0);
});

test('a container is mounted by its name with its upper, and --rw makes one', { skip }, () => {
  ok(`plyfs load -i ${archive}; plyfs create --name web app:latest`);
  withMount('web', () => ok(`echo new > ${target}/etc/new`));
  withMount('web', () => assert.equal(ok(`cat ${target}/etc/new ${target}/etc/release`), 'new\nv2\n'));
  withMount('--rw app:latest', () => ok(`test ! -e ${target}/etc/new; echo other > ${target}/etc/new`));
  assert.equal(ok('plyfs ps -a -q | wc -l').trim(), '2');
  ok('plyfs rm -f $(plyfs ps -a -q); plyfs rmi app:latest');
});
