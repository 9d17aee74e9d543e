/** A trace of one mount, repeated on another of the same layers, does the same there. */

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { test } from 'node:test';
import { type CliStage, cannotMount, withStage } from '../support/cli-stage.js';

/** Reads, misses, listings, every kind of change, and a descriptor that outlives its name. */
const work = `set -e
  cat mnt/f mnt/d/deep/1 >/dev/null; find mnt | xargs -d '\\n' stat >/dev/null; ! cat mnt/nothing 2>/dev/null
  echo new > mnt/new; echo more >> mnt/f; mv mnt/new mnt/d/moved; rm mnt/g; mkdir -m 0700 mnt/dir; ln -s target mnt/link; readlink mnt/link
  chmod 0600 mnt/f; chown 5:6 mnt/f; truncate -s 1 mnt/d/deep/1; touch -d @5.25 mnt/d/deep/2; mv mnt/d/deep mnt/dir/; ln mnt/f mnt/f2
  cp mnt/f "mnt/$(printf '\\377 "q"')"; mkfifo mnt/p; exec 3>mnt/gone; rm mnt/gone; echo late >&3; exec 3>&-; rm -r mnt/dir/deep; stat -f mnt >/dev/null`;

interface Report {
  rows: { op: string; count: number; otherwise: number; replayedUs: number }[];
  differences: string[];
}

/** The upper as it lies on the disk, without times and without contents, of which a trace knows the lengths. */
const shape = (stage: CliStage, upper: string) =>
  stage
    .ok('dump', '--layers', stage.at(upper))
    .replaceAll(/^#.*\n| mtime=(?!5\.25)[\d.]+| sha=\w+/gm, '')
    .replaceAll(/ = (.*)$/gm, (_, content: string) => ` size=${content.replaceAll(/\\x../g, '.').length}`);

test(
  'a recorded trace, repeated on a mount of the same layers, makes the same upper',
  { skip: cannotMount, timeout: 120_000 },
  withStage((stage) => {
    for (const name of ['up2', 'wk2', 'mnt2', 'base/d/deep']) mkdirSync(stage.at(name));
    const mounted = (target: string, upper: string, workdir: string) =>
      `"$PLYFS" mount --layer base --layer app --upper ${upper} --work ${workdir} ${target}`;
    const ended = stage.sh(`for i in 1 2 3; do echo $i > base/d/deep/$i; done
    PLYFS_TRACE=fuse ${mounted('mnt', 'up', 'wk')} 2>first && ${mounted('mnt2', 'up2', 'wk2')} && (${work}) && "$PLYFS" stats --trace mnt > trace &&
    timeout 60 "$PLYFS" bench --replay trace mnt2 --json; status=$?
    "$PLYFS" umount mnt2; "$PLYFS" umount mnt; exit $status`);
    assert.deepEqual([ended.status, ended.stderr], [0, '']);
    const { rows, differences } = JSON.parse(ended.stdout.slice(ended.stdout.indexOf('{'))) as Report;
    assert.deepEqual(differences, []);
    const count = (op: string) => rows.find((row) => row.op === op)?.count ?? 0;
    for (const op of ['LOOKUP', 'READ', 'WRITE', 'MKNOD', 'MKDIR', 'SYMLINK', 'LINK', 'UNLINK', 'RMDIR', 'SETATTR', 'RENAME2'])
      assert.ok(count(op) > 0, `${op} was repeated`);
    assert.equal(shape(stage, 'up2'), shape(stage, 'up'));
    assert.match(shape(stage, 'up2'), /^file f 0600 uid=5 gid=6/m);
  }),
);

test(
  'what cannot be recorded or repeated is said in a sentence',
  { skip: cannotMount, timeout: 120_000 },
  withStage((stage) => {
    const said = (...words: string[]) => {
      const { status, stderr } = stage.plyfs(...words);
      return `${status} ${stderr.split('\n')[0]}`;
    };
    stage.ok('mount', '--layer', stage.at('base'), stage.at('mnt'));
    try {
      assert.match(
        said('stats', '--trace', 'mnt'),
        /^1 plyfs: the mount on .*mnt traces no requests: mount it with PLYFS_TRACE=fuse/,
      );
    } finally {
      stage.ok('umount', stage.at('mnt'));
    }
    assert.match(said('stats', '--trace', 'mnt'), /^1 plyfs: plyfs has mounted nothing on /);
    assert.match(said('bench', '--replay', 'base/f', 'mnt'), /^1 plyfs: base\/f has no requests: plyfs stats --trace prints/);
    assert.match(said('bench', '--replay', 'missing', 'mnt'), /^1 plyfs: there is no file missing/);
    assert.match(said('bench', '--replay', 'base/f'), /^2 plyfs: --replay needs a directory/);
    assert.match(said('bench', '--replay', 'base/f', 'nowhere'), /^2 plyfs: there is no directory nowhere/);
  }),
);
