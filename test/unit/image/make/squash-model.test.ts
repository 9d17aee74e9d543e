/** Random layers, and those above each one squashed: the tree must stay what it was, which names are one file included. And moved onto the
 *  base that they have, they meet no conflict. PLYFS_SEED repeats a run, PLYFS_MODEL_SECONDS makes it longer. */

import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { sha256Of } from '../../../../src/base/digest.js';
import { dirType } from '../../../../src/base/mode.js';
import { type Name, textFromName } from '../../../../src/base/name.js';
import { diffTrees } from '../../../../src/image/changes/diff.js';
import { LayerTar } from '../../../../src/image/make/layer-writer.js';
import { findConflicts } from '../../../../src/image/make/rebase-conflicts.js';
import { compareTrees } from '../../../../src/image/tree/compare.js';
import { StackedView } from '../../../../src/image/tree/stacked-view.js';
import { TreeView } from '../../../../src/image/tree/tree-view.js';
import { TarLayer } from '../../../../src/layers/tar/tar-layer.js';
import { Random, randomLayer } from '../../../support/random.js';
import { linksOf } from '../../../support/same-tree.js';
import { firstSeed, isRepeated } from '../../../support/seed.js';
import { indexOf } from '../../../support/tar-fixture.js';
import { parseTree } from '../../../support/tree.js';
import { tarOfTree } from '../../../support/tree-tar.js';

const seconds = Number(process.env.PLYFS_MODEL_SECONDS ?? 3);

const scratch = mkdtempSync(join(tmpdir(), 'plyfs-squash-model-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

function tarLayer(tar: Buffer): TarLayer {
  const file = join(scratch, 'layer.tar');
  writeFileSync(file, tar);
  const fd = openSync(file, 'r');
  rmSync(file);
  return new TarLayer(sha256Of(tar), indexOf(tar), { number: fd, close: () => closeSync(fd) }, 0);
}

/** Bottom first. Upper layers may link to files of the tree below them. */
function randomLayers(random: Random): string[] {
  const layers: string[] = [];
  for (let count = 2 + random.below(3); count > 0; count--) {
    const text = randomLayer(random, { hasMarkers: layers.length > 0, hasDeepWhiteouts: true, hasLinks: true });
    const own = parseTree(text);
    const targets =
      layers.length === 0
        ? []
        : filesOf(layers).filter((to) => !own.some(({ path }) => to === path || to.startsWith(`${path}/`)));
    const links = Array.from({ length: targets.length === 0 ? 0 : random.below(3) }, (_, i) => {
      return `link low${layers.length}${i} -> ${random.pick(targets).replaceAll('\xff', '\\xff')}`;
    });
    layers.push([text, ...links].join('; '));
  }
  return layers;
}

function opened(texts: readonly string[]): TarLayer[] {
  return texts.map((text) => tarLayer(tarOfTree(text))).reverse();
}

function filesOf(texts: readonly string[]): Name[] {
  const tree = new TreeView('below', opened(texts));
  const steps = [...compareTrees(undefined, tree, 'whole')];
  const files = steps.flatMap((step) => (step.kind === 'object' && tree.type(step.after) === dirType.reg ? [step.path] : []));
  tree.close();
  return files;
}

function runSeed(seed: number): void {
  const random = new Random(seed);
  const texts = randomLayers(random);
  const stack = opened(texts);
  try {
    for (let above = 1; above < stack.length; above++) {
      const [upper, kept] = [stack.slice(0, above), stack.slice(above)];
      const tar = new LayerTar(new TreeView('kept', kept), new StackedView('view', stack, above), {
        nanoseconds: true,
        explicitWhiteouts: random.below(2) === 0,
      });
      const parts: Buffer[] = [];
      for (const chunk of tar.chunks()) parts.push(Buffer.from(chunk));
      const squashed = tarLayer(Buffer.concat(parts));
      const [view, result] = [new TreeView('view', stack), new TreeView('result', [squashed, ...kept])];
      for (const content of [false, true]) {
        const changes = diffTrees(view, result, 'whole', { xattrs: true, content });
        assert.deepEqual(
          changes.map(({ kind, path, aspects }) => `${kind} /${textFromName(path)} ${aspects}`),
          [],
        );
      }
      assert.deepEqual(linksOf(result), linksOf(view));
      assert.deepEqual(findConflicts({ oldBase: kept, newBase: kept, moved: upper }), []);
      squashed.close();
    }
  } catch (error) {
    const story = isRepeated ? texts.join('\n') : '';
    throw new Error(`PLYFS_SEED=${seed}: ${(error as Error).message}\n${story}`, { cause: error });
  } finally {
    for (const layer of stack) layer.close();
  }
}

test('squashed at any layer, a random image is the same tree; moved onto its own base it meets no conflict', (context) => {
  const end = Date.now() + seconds * 1000;
  let seed = firstSeed;
  do runSeed(seed++);
  while (Date.now() < end && !isRepeated);
  context.diagnostic(`seeds ${firstSeed} to ${seed - 1}`);
});
