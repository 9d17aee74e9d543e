/** An upper on a disk without extended attributes (ramfs): markers are `.wh.` files, directories with lower parts cannot be renamed, and
 *  all else is as on any disk. */

import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { onDisk } from '../../support/engine-stage.js';
import { openEngine } from '../../support/in-process.js';
import { Model } from '../../support/model.js';
import { Random, randomHandleOperation, randomLayer, randomOperation } from '../../support/random.js';
import { needsRoot } from '../../support/scratch.js';
import { firstSeed, isRepeated } from '../../support/seed.js';
import { onStage } from '../../support/stage.js';
import { formatTree, parseTree, type TreeLine } from '../../support/tree.js';

/** How long the random stacks go on. */
const seconds = 4;

/** Without times, without xattrs, which the disk does not keep, and without the counts of lower files, of which names are hidden. */
function comparable(lines: TreeLine[]): string {
  for (const line of lines) {
    delete line.mtime;
    delete line.nlink;
    line.xattrs.clear();
  }
  return formatTree(lines);
}

async function runSeed(seed: number, disk: string): Promise<void> {
  const random = new Random(seed);
  const lower = [randomLayer(random, { hasMarkers: true, hasDeepWhiteouts: true }), randomLayer(random, {})];
  const model = new Model(lower);
  const log: string[] = [];
  await onStage({ lower }, async (stage) => {
    const upper = join(disk, `upper${seed}`);
    const work = join(disk, `work${seed}`);
    for (const path of [upper, work]) {
      mkdirSync(path);
      chmodSync(path, 0o755);
    }
    const open = () => openEngine({ ...stage.paths, upper, work });
    let view = open();
    const handles = new Set<string>();
    try {
      for (let i = 0; i < 200; i++) {
        const paths = model.paths();
        const kind = random.below(100);
        if (kind < 2) {
          log.push('remount');
          view.close();
          model.closeAll();
          handles.clear();
          view = open();
          assert.equal(comparable(view.dump()), comparable(parseTree(model.dump())), 'after a remount');
          continue;
        }
        const line =
          kind < 20 ? randomHandleOperation(random, paths, (name) => handles.has(name)) : randomOperation(random, paths);
        if (/^(setx|getx|rmx) /.test(line)) continue;
        log.push(line);
        const is = view.run(line);
        if (is === 'EXDEV') continue;
        assert.equal(is, model.run(line), line);
        if (line.includes('= open') && is === 'ok') handles.add(line.slice(0, 2));
        if (line.startsWith('close')) handles.delete(line.slice(6));
      }
      assert.equal(comparable(view.dump()), comparable(parseTree(model.dump())));
      assert.deepEqual(readdirSync(join(work, 'work')), [], 'leftovers');
    } catch (error) {
      throw new Error(`PLYFS_SEED=${seed}: ${(error as Error).message}\n${lower.join('\n--\n')}\n${log.join('\n')}`, {
        cause: error,
      });
    } finally {
      view.close();
    }
  });
}

test('an upper without extended attributes does what the model does', { skip: needsRoot }, () =>
  onDisk('ramfs', '', async (disk) => {
    delete process.env.PLYFS_TEST_DIR;
    const until = Date.now() + seconds * 1000;
    let seed = firstSeed;
    do await runSeed(seed++, disk);
    while (Date.now() < until && !isRepeated);
  }),
);
