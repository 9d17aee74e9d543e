/** The case list on the engine in process: no mount, no daemon. Needs root, as the layers have owners and devices. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allCases } from '../../cases/all.js';
import { type Case, type Ground, parseScript, runCase } from '../../support/case.js';
import { InProcessView, openEngine } from '../../support/in-process.js';
import { onStage } from '../../support/stage.js';
import { assertTree } from '../../support/tree.js';

async function runInProcess(one: Case): Promise<void> {
  const plan = { lower: one.lower, upper: one.upper ?? (one.upper === null ? null : '') };
  const umask = process.umask();
  try {
    await onStage({ ...plan, ...(one.spelling === undefined ? {} : { spelling: one.spelling }) }, async (stage) => {
      const options = one.spelling === 'user' ? { userXattr: true } : {};
      let view = openEngine(stage.paths, options);
      const ground: Ground = {
        run: async (line) => view.run(line),
        dump: async () => view.dump(),
        dumpUpper: () => stage.dumpUpper(),
        dropCaches: () => undefined,
        async remount() {
          view.close();
          view = openEngine(stage.paths, options);
        },
      };
      try {
        await runCase(one, ground);
      } finally {
        view.close();
      }
      assert.deepEqual(stage.workLeftovers(), [], 'leftovers in the work directory');
      if (one.upperAfter !== undefined) assertTree(stage.dumpUpper(), one.upperAfter, 'the upper');
    });
  } finally {
    process.umask(umask);
  }
}

for (const one of allCases) {
  const unknown = parseScript(one.run ?? '').find(
    ({ operation }) => operation !== 'remount' && operation !== 'dropcaches' && !InProcessView.knows(operation),
  );
  const reason =
    process.geteuid?.() !== 0
      ? 'needs root'
      : (one.differs?.['in process'] ??
        (one.needsKernel ? 'needs a kernel between' : unknown && `${unknown.operation} needs a kernel`));
  test(one.name, { skip: reason ?? false }, () => runInProcess(one));
}
