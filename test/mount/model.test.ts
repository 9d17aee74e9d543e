/** Random operations on a view and on the model: every errno, every result, and every so often the whole tree must be the same, over
 *  remounts, cache drops and changes of the implementer. PLYFS_SEED repeats a run, PLYFS_MODEL_SECONDS makes it longer. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Implementer, type ImplementerName, implementers } from '../support/implementers.js';
import { Model } from '../support/model.js';
import { type LayerStyle, Random, randomHandleOperation, randomLayer, randomOperation } from '../support/random.js';
import { firstSeed, isRepeated } from '../support/seed.js';
import { dropCaches, type Stage, withStage } from '../support/stage.js';
import { formatTree } from '../support/tree.js';

const seconds = Number(process.env.PLYFS_MODEL_SECONDS ?? 8);
const operationsPerSeed = 300;

/** One seed: layers, operations, comparisons. Throws AssertionError that names seed and operation. */
async function runSeed(seed: number, takeTurns: readonly Implementer[], style: LayerStyle): Promise<void> {
  const random = new Random(seed);
  const lower = [randomLayer(random, { ...style, hasMarkers: true }), randomLayer(random, style)];
  const upper = randomLayer(random, { ...style, hasMarkers: true, hasLinks: false });
  const model = new Model([upper, ...lower]);
  const log: string[] = [];
  try {
    await withStage({ lower, upper }, random.pick(takeTurns), async (stage) => {
      await compareTrees(stage, model);
      for (let i = 0; i < operationsPerSeed; i++) {
        await step(stage, model, random, takeTurns, log);
        if (random.below(60) === 0) await compareTrees(stage, model);
      }
      await compareTrees(stage, model);
      model.closeAll();
    });
  } catch (error) {
    const story = [`lower0: ${lower[0]}`, `lower1: ${lower[1]}`, `upper: ${upper}`, ...log].join('\n');
    throw new Error(
      `PLYFS_SEED=${seed} after ${log.length} operations: ${(error as Error).message}\n${isRepeated ? story : log.slice(-12).join('\n')}`,
      {
        cause: error,
      },
    );
  }
}

const openHandles = new Set<string>();

async function step(stage: Stage, model: Model, random: Random, takeTurns: readonly Implementer[], log: string[]): Promise<void> {
  const kind = random.below(120);
  if (kind === 0) {
    const next = random.pick(takeTurns);
    log.push(`remount ${next.name}`);
    await stage.unmount();
    model.closeAll();
    openHandles.clear();
    await stage.mount(next);
    await compareTrees(stage, model);
  } else if (kind === 1) {
    log.push('dropcaches');
    dropCaches('2');
  } else {
    const paths = model.paths();
    const any =
      kind < 25 ? randomHandleOperation(random, paths, (handle) => openHandles.has(handle)) : randomOperation(random, paths);
    const line = takeTurns.includes(implementers['fuse-native']) ? await forLibfuse(any, stage, model, log) : any;
    const is = await stage.run(line);
    const should = model.run(line);
    log.push(`${line} -> ${is}`);
    assert.equal(is, should, `${line}: gave ${is}, should give ${should}`);
    if (line.includes('= open') && is === 'ok') openHandles.add(line.slice(0, 2));
    if (line.startsWith('close')) openHandles.delete(line.slice(6));
  }
}

/** `line` without what libfuse 2 cannot express (unsupported.ts): flags of rename, and files that are open in a removed directory. */
async function forLibfuse(line: string, stage: Stage, model: Model, log: string[]): Promise<string> {
  if (/^(rename|rmdir|rmtree)/.test(line)) {
    for (const handle of openHandles) {
      const close = `close ${handle}`;
      log.push(close);
      assert.equal(await stage.run(close), model.run(close), close);
    }
    openHandles.clear();
  }
  return line.replace(/^(rename .*) (noreplace|exchange)$/, '$1');
}

async function compareTrees(stage: Stage, model: Model): Promise<void> {
  const lines = await stage.dump();
  for (const line of lines) {
    delete line.mtime;
    // A lower file with several names counts those that were whited out before the mount: its layer is not searched for them.
    const names = lines.filter((other) => other.kind === 'link' && other.target === line.path).length + 1;
    if ((line.nlink ?? 0) > names) delete line.nlink;
  }
  const is = formatTree(lines).split('\n');
  const should = model.dump().split('\n');
  const missing = should.filter((line) => !is.includes(line)).map((line) => `- ${line}`);
  const extra = is.filter((line) => !should.includes(line)).map((line) => `+ ${line}`);
  assert.equal(
    [...missing, ...extra].join('\n'),
    '',
    `trees differ (- missing, + too much):\n${[...missing, ...extra].join('\n')}`,
  );
}

/** Seeds until the time is up. */
function declare(name: string, turns: readonly ImplementerName[], style: LayerStyle): void {
  const takeTurns = turns.map((turn) => implementers[turn]);
  const reason = takeTurns.map((turn) => turn.unavailable()).find((missing) => missing !== undefined);
  test(name, { skip: reason ?? false }, async (context) => {
    const end = Date.now() + seconds * 1000;
    let seed = firstSeed;
    do {
      openHandles.clear();
      await runSeed(seed++, takeTurns, style);
    } while (Date.now() < end && !isRepeated);
    context.diagnostic(`seeds ${firstSeed} to ${seed - 1}, ${operationsPerSeed} operations each`);
  });
}

declare('kernel overlayfs does what the model does: the oracle of the model', ['kernel'], {});
declare('the direct driver does what the model does', ['direct'], { hasDeepWhiteouts: true, hasLinks: true });
declare('plyfs and kernel overlayfs taking turns on one upper do what the model does', ['direct', 'kernel'], {});
declare('both drivers taking turns on one upper do what the model does', ['fuse-native', 'direct'], {
  hasDeepWhiteouts: true,
  hasLinks: true,
});
