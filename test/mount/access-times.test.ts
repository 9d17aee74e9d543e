/** Access times: of the upper as the mount's flags say, in every io mode; of layers never. Compared with what the disk itself keeps. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cannotMount, withStage } from '../support/cli-stage.js';

/** Which of the upper's file and directory move when they are read. */
const rules = [
  { flags: 'relatime', moved: 'file dir' },
  { flags: 'strictatime', moved: 'file dir' },
  { flags: 'nodiratime', moved: 'file' },
  { flags: 'noatime', moved: '' },
] as const;

const read = `cat mnt/own/file >/dev/null; ls mnt/own >/dev/null; cat mnt/low/file >/dev/null; ls mnt/low >/dev/null
  for p in own/file own low/file low; do echo $p $(stat -c %X mnt/$p) $(stat -c %X $(ls -d up/$p base/$p 2>/dev/null)); done`;

for (const io of ['cached', 'writeback', 'passthrough']) {
  for (const { flags, moved } of rules) {
    test(
      `io=${io},${flags}: reading moves ${moved || 'nothing'} of the upper, on the disk and in stat`,
      { skip: cannotMount },
      withStage((stage) => {
        stage.sh(`mkdir up/own base/low; for p in up/own/file base/low/file up/own base/low; do echo x > $p 2>/dev/null
          touch -d @1000000000 $p; done`);
        const options = `lowerdir=base,upperdir=up,workdir=wk,io=${io},${flags}`;
        const ended = stage.sh(
          `$PLYFS -o ${options} mnt && { stat mnt/own/file mnt/own mnt/low >/dev/null; ${read}; }; $PLYFS umount mnt`,
        );
        assert.deepEqual([ended.status, ended.stderr], [0, '']);
        const seen = ended.stdout
          .trimEnd()
          .split('\n')
          .map((line) => line.split(' '));
        const didMove = Object.fromEntries(seen.map(([name = '', time]) => [name, time !== '1000000000']));
        for (const [name, shown, onDisk] of seen) assert.equal(shown, onDisk, name);
        const wanted = { 'own/file': moved.includes('file'), own: moved.includes('dir'), 'low/file': false, low: false };
        assert.deepEqual(didMove, wanted);
      }),
    );
  }
  test(
    `io=${io}: a read-only view of the same files moves nothing`,
    { skip: cannotMount },
    withStage((stage) => {
      stage.sh(`mkdir up/own base/low; for p in up/own/file base/low/file up/own base/low; do echo x > $p 2>/dev/null
        touch -d @1000000000 $p; done`);
      const ended = stage.sh(`$PLYFS -o ro,lowerdir=up:base,io=${io} mnt && { ${read}; }; $PLYFS umount mnt`);
      assert.deepEqual([ended.status, ended.stderr], [0, '']);
      assert.deepEqual([...new Set(ended.stdout.match(/\b\d{5,}\b/g))], ['1000000000']);
    }),
  );
}
