/** Declares one node:test per case on an implementer, with the skips and differences that the list states. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Case, type Ground, runCase } from './case.js';
import type { Implementer } from './implementers.js';
import { dropCaches, type Stage, withStage } from './stage.js';
import { assertTree } from './tree.js';

/** A ground that is a stage mounted by `by`. */
export function stageGround(stage: Stage, by: Implementer): Ground {
  return {
    run: (line) => stage.run(line),
    dump: () => stage.dump(),
    dumpUpper: () => stage.dumpUpper(),
    dropCaches: () => dropCaches(),
    async remount() {
      await stage.unmount();
      await stage.mount(by);
    },
  };
}

async function runOn(one: Case, by: Implementer): Promise<void> {
  const plan = { lower: one.lower, upper: one.upper ?? (one.upper === null ? null : ''), options: one.options ?? '' };
  await withStage({ ...plan, ...(one.spelling === undefined ? {} : { spelling: one.spelling }) }, by, async (stage) => {
    await runCase(one, stageGround(stage, by));
    await stage.unmount();
    if (one.upperAfter !== undefined) assertTree(stage.dumpUpper(), one.upperAfter, 'the upper');
  });
}

/** One test per case. A case that the kernel or libfuse answers otherwise must fail there: its reason stays true. */
export function declareCases(cases: readonly Case[], by: Implementer): void {
  const missing = by.unavailable();
  for (const one of cases) {
    const reason = one.differs?.[by.name as 'kernel' | 'direct' | 'fuse-native'];
    if (missing !== undefined) test(one.name, { skip: missing }, () => undefined);
    else if (reason === undefined) test(one.name, () => runOn(one, by));
    else if (by.name === 'kernel' || by.name === 'fuse-native')
      test(`${one.name} [not ${by.name}: ${reason}]`, () => assert.rejects(runOn(one, by), assert.AssertionError));
    else test(one.name, { skip: reason }, () => undefined);
  }
}
