/** Redirects and hard links behind them, on the engine in process. The kernel's opinion: test/mount/robust-redirects.test.ts. */

import { test } from 'node:test';
import { withEngine } from '../../support/engine-stage.js';
import { redirectCases } from '../../support/redirect-cases.js';
import { needsRoot } from '../../support/scratch.js';

for (const { name, lower, upper, run, view } of redirectCases) {
  test(name, { skip: needsRoot }, () =>
    withEngine({ lower, ...(upper === undefined ? {} : { upper }) }, async (engine) => {
      await engine.run(run ?? '');
      if (view !== undefined) engine.shows(view);
    }),
  );
}
