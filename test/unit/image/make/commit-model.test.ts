/** Random operations on the engine, and after each batch of them a commit: the layer on the lower layers must be the view, and the changes
 *  found in the upper those that a full comparison finds. PLYFS_SEED repeats a run, PLYFS_MODEL_SECONDS makes it longer. */

import assert from 'node:assert/strict';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { textFromName } from '../../../../src/base/name.js';
import { type Change, diffTrees } from '../../../../src/image/changes/diff.js';
import { LayerTar } from '../../../../src/image/make/layer-writer.js';
import { StillView } from '../../../../src/image/tree/still-view.js';
import { TreeView } from '../../../../src/image/tree/tree-view.js';
import { Descriptors } from '../../../../src/layers/directory/descriptors.js';
import { DirectoryLayer } from '../../../../src/layers/directory/directory-layer.js';
import { TarLayer } from '../../../../src/layers/tar/tar-layer.js';
import { Store } from '../../../../src/store/store.js';
import { openEngine } from '../../../support/in-process.js';
import { Model } from '../../../support/model.js';
import { Random, randomLayer, randomOperation } from '../../../support/random.js';
import { needsRoot } from '../../../support/scratch.js';
import { firstSeed, isRepeated } from '../../../support/seed.js';
import { onStage, type Stage } from '../../../support/stage.js';
import { indexOf } from '../../../support/tar-fixture.js';

const seconds = Number(process.env.PLYFS_MODEL_SECONDS ?? 5);
const batches = 4;
const operationsPerBatch = 50;

function linesOf(changes: readonly Change[]): string[] {
  return changes.map(({ kind, path, aspects }) => `${kind} /${textFromName(path)} ${aspects}`.trimEnd());
}

/** Commits the upper of the stage and compares. */
function check(stage: Stage, explicitWhiteouts: boolean): void {
  const { lower, upper } = stage.paths;
  const descriptors = new Descriptors(64);
  const open = (path: string) => new DirectoryLayer(path, path, descriptors);
  const lowers = lower.map(open);
  const top = open(upper ?? '');
  const before = new TreeView('before', lowers);
  const after = new TreeView('view', [top, ...lowers], true);
  let committed: TarLayer | undefined;
  try {
    const found = linesOf(diffTrees(before, after, 'upper', { xattrs: true }));
    assert.deepEqual(found, linesOf(diffTrees(before, after, 'whole', { xattrs: true })), 'changes in the upper');
    const layer = new LayerTar(before, after, { nanoseconds: true, explicitWhiteouts });
    const parts: Buffer[] = [];
    for (const chunk of layer.chunks()) parts.push(Buffer.from(chunk));
    const bytes = Buffer.concat(parts);
    assert.ok(stillTar(stage, before, explicitWhiteouts).equals(bytes), 'taken while held it is the same layer');
    committed = tarLayer(stage, bytes);
    const sockets = new Set(layer.warnings.map((warning) => / \/(.*) of view is a socket/.exec(` ${warning}`)?.[1]));
    const view = new TreeView('committed', [committed, ...lowers]);
    for (const content of [false, true]) {
      const lines = linesOf(diffTrees(after, view, 'whole', { xattrs: true, content }));
      // A layer holds no socket; the parent of one that is missing is listed too.
      const wrong =
        sockets.size === 0
          ? lines
          : lines.filter((line) => line.startsWith('A') || (line.startsWith('C') && line.split(' ').length > 2));
      assert.deepEqual(wrong, [], 'the view against the layer on the lower layers');
    }
  } finally {
    committed?.close();
    descriptors.close();
    after.close();
  }
}

/** The layer as a commit takes it of a mounted container. */
function stillTar(stage: Stage, before: TreeView, explicitWhiteouts: boolean): Buffer {
  const descriptors = new Descriptors(64);
  const layers = [stage.paths.upper ?? '', ...stage.paths.lower].map((path) => new DirectoryLayer(path, path, descriptors));
  const store = new Store(join(stage.directory, 'store'));
  store.ensure();
  const still = new StillView('view', layers, { store, copies: new Set() });
  const steps = still.take(before);
  const parts: Buffer[] = [];
  const layer = new LayerTar(before, still, { nanoseconds: true, explicitWhiteouts });
  for (const chunk of layer.chunks(steps)) parts.push(Buffer.from(chunk));
  assert.deepEqual(still.changedSince(), []);
  descriptors.close();
  still.close();
  return Buffer.concat(parts);
}

function tarLayer(stage: Stage, tar: Buffer): TarLayer {
  const file = join(stage.directory, 'layer.tar');
  writeFileSync(file, tar);
  const fd = openSync(file, 'r');
  return new TarLayer('sha256:committed', indexOf(tar), { number: fd, close: () => closeSync(fd) }, 0);
}

async function runSeed(seed: number): Promise<void> {
  const random = new Random(seed);
  const style = { hasDeepWhiteouts: true, hasLinks: true };
  const lower = [randomLayer(random, { ...style, hasMarkers: true }), randomLayer(random, style)];
  const upper = randomLayer(random, { hasDeepWhiteouts: true, hasMarkers: true });
  const model = new Model([upper, ...lower]);
  const log: string[] = [];
  await onStage({ lower, upper }, async (stage) => {
    try {
      for (let batch = 0; batch <= batches; batch++) {
        check(stage, random.below(2) === 0);
        const view = openEngine(stage.paths);
        try {
          for (let i = 0; i < operationsPerBatch; i++) {
            const line = randomOperation(random, model.paths());
            log.push(line);
            assert.equal(view.run(line), model.run(line), line);
          }
        } finally {
          view.close();
        }
      }
      check(stage, false);
    } catch (error) {
      const story = [`lower0: ${lower[0]}`, `lower1: ${lower[1]}`, `upper: ${upper}`, ...log].join('\n');
      throw new Error(`PLYFS_SEED=${seed}: ${(error as Error).message}\n${isRepeated ? story : ''}`, {
        cause: error,
      });
    }
  });
}

test('after any operations a commit is the view', { skip: needsRoot }, async (context) => {
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
