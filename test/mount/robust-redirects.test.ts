/** Uppers with redirects of plyfs, shown by kernel overlayfs: the same tree. */

import { test } from 'node:test';
import { EngineStage } from '../support/engine-stage.js';
import { kernel } from '../support/implementers.js';
import { redirectCases } from '../support/redirect-cases.js';
import { onStage } from '../support/stage.js';
import { assertTree } from '../support/tree.js';

const skip = kernel.unavailable() ?? false;

for (const { name, lower, upper, run, view, isForeign } of redirectCases) {
  if (view === undefined || isForeign) continue;
  test(`kernel overlayfs: ${name}`, { skip }, async () => {
    const umask = process.umask();
    try {
      await onStage({ lower, ...(upper === undefined ? {} : { upper }) }, async (stage) => {
        const engine = new EngineStage(stage, {});
        try {
          await engine.run(run ?? '');
        } finally {
          engine.view.close();
        }
        await stage.mount(kernel);
        assertTree(await stage.dump(), view, 'what the kernel shows');
      });
    } finally {
      process.umask(umask);
    }
  });
}
