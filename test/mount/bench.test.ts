/** plyfs bench on layers of the user's and on an image's: every step measured, its files whole, nothing left behind. */

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { cannotMount, withStage } from '../support/cli-stage.js';

const skip = cannotMount || (process.getuid?.() === 0 ? false : 'needs root');

test(
  'a stack of directories is measured and nothing stays mounted',
  { skip },
  withStage((stage) => {
    const script =
      'export PLYFS_BENCH_CACHE="$PWD/other/cache"; timeout 100 "$PLYFS" bench "$PWD/app:$PWD/base" --quick ' +
      '--workloads walk,read --subjects plyfs --json --svg other/out.svg >other/out.json && ! grep "$PWD" /proc/mounts';
    const ended = stage.sh(script);
    assert.equal(ended.status, 0, ended.stderr);
    const results = JSON.parse(readFileSync(stage.at('other/out.json'), 'utf8'));
    const steps = results.measurements.map((each: { step: string }) => each.step);
    assert.deepEqual(steps.slice(0, 6), [
      'mount to ready',
      'find first',
      'find second',
      'find warm',
      'stat warm',
      'open+close warm',
    ]);
    assert.deepEqual(results.gaps, []);
    assert.deepEqual(
      readdirSync(stage.at('other/cache')).filter((name) => name.startsWith('plyfs-bench-run')),
      [],
    );
    assert.equal(existsSync(stage.at('other/out-layers.svg')), false);
  }),
);

test(
  'a workload that does not exist is named, with those that do',
  { skip },
  withStage((stage) => {
    const ended = stage.sh('"$PLYFS" bench "$PWD/app:$PWD/base" --workloads wolk');
    assert.equal(ended.status, 2);
    assert.match(ended.stderr, /there is no workload "wolk"; there are: walk,/);
  }),
);
