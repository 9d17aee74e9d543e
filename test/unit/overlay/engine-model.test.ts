/** The model test on the engine in process: many seeds in little time. See test/mount/model.test.ts for the same over mounts. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openEngine } from '../../support/in-process.js';
import { Model } from '../../support/model.js';
import { Random, randomHandleOperation, randomLayer, randomOperation } from '../../support/random.js';
import { firstSeed, isRepeated } from '../../support/seed.js';
import { onStage } from '../../support/stage.js';
import { formatTree, type TreeLine } from '../../support/tree.js';

const seconds = Number(process.env.PLYFS_MODEL_SECONDS ?? 8);

/** Without times, and without the names of lower files that were whited out before the engine was opened: see native-notes. */
function comparable(lines: TreeLine[]): string {
  for (const line of lines) {
    delete line.mtime;
    const names = lines.filter((other) => other.kind === 'link' && other.target === line.path).length + 1;
    if ((line.nlink ?? 0) > names) delete line.nlink;
  }
  return formatTree(lines);
}

async function runSeed(seed: number): Promise<void> {
  const random = new Random(seed);
  const style = { hasDeepWhiteouts: true, hasLinks: true };
  const lower = [randomLayer(random, { ...style, hasMarkers: true }), randomLayer(random, style)];
  const upper = randomLayer(random, { hasDeepWhiteouts: true, hasMarkers: true });
  const model = new Model([upper, ...lower]);
  const log: string[] = [];
  const handles = new Set<string>();
  await onStage({ lower, upper }, async (stage) => {
    let view = openEngine(stage.paths);
    try {
      for (let i = 0; i < 300; i++) {
        const paths = model.paths();
        const kind = random.below(100);
        if (kind === 0) {
          log.push('remount');
          view.close();
          model.closeAll();
          handles.clear();
          view = openEngine(stage.paths);
        } else {
          const line =
            kind < 20 ? randomHandleOperation(random, paths, (name) => handles.has(name)) : randomOperation(random, paths);
          log.push(line);
          const is = view.run(line);
          assert.equal(is, model.run(line), line);
          if (line.includes('= open') && is === 'ok') handles.add(line.slice(0, 2));
          if (line.startsWith('close')) handles.delete(line.slice(6));
        }
        if (kind < 3) assert.equal(comparable(view.dump()), model.dump());
      }
      assert.equal(comparable(view.dump()), model.dump());
    } catch (error) {
      const story = [`lower0: ${lower[0]}`, `lower1: ${lower[1]}`, `upper: ${upper}`, ...log].join('\n');
      throw new Error(`PLYFS_SEED=${seed}: ${(error as Error).message}\n${isRepeated ? story : log.slice(-12).join('\n')}`, {
        cause: error,
      });
    } finally {
      view.close();
    }
  });
}

test('the engine in process does what the model does', {
  skip: process.geteuid?.() === 0 ? false : 'needs root',
}, async (context) => {
  const umask = process.umask();
  const end = Date.now() + seconds * 1000;
  let seed = firstSeed;
  try {
    do await runSeed(seed++);
    while (Date.now() < end && !isRepeated);
  } finally {
    process.umask(umask);
  }
  context.diagnostic(`seeds ${firstSeed} to ${seed - 1}`);
});
