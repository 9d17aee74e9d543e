/** The engine in process on a stage's directories, for tests that are not cases: other options, other disks, remounts in between. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OverlayConfig } from '../../src/overlay/config.js';
import { type Ground, runScript } from './case.js';
import { type InProcessView, openEngine } from './in-process.js';
import * as libc from './libc.js';
import { onStage, type Stage, type StagePlan } from './stage.js';
import { assertTree } from './tree.js';

/** A stage with the engine on it. */
export class EngineStage {
  view: InProcessView;

  constructor(
    readonly stage: Stage,
    private readonly options: Partial<OverlayConfig>,
  ) {
    this.view = openEngine(stage.paths, options);
  }

  remount(options: Partial<OverlayConfig> = this.options): void {
    this.view.close();
    this.view = openEngine(this.stage.paths, options);
  }

  run(script: string): Promise<void> {
    const ground: Ground = {
      run: async (line) => this.view.run(line),
      dump: async () => this.view.dump(),
      dumpUpper: () => this.stage.dumpUpper(),
      dropCaches: () => undefined,
      remount: async () => this.remount(),
    };
    return runScript(script, ground);
  }

  /** Fails unless the view shows this tree, now and after a remount. */
  shows(tree: string, what = 'the view'): void {
    assertTree(this.view.dump(), tree, what);
    this.remount();
    assertTree(this.view.dump(), tree, `${what} after a remount`);
  }
}

/** Runs `use`, then checks that nothing is left in the work directory and that no lower was written. */
export async function withEngine(
  plan: StagePlan,
  use: (engine: EngineStage) => Promise<void>,
  options: Partial<OverlayConfig> = {},
): Promise<void> {
  const umask = process.umask();
  try {
    await onStage(plan, async (stage) => {
      const engine = new EngineStage(stage, options);
      try {
        await use(engine);
      } finally {
        engine.view.close();
      }
      assert.deepEqual(stage.workLeftovers(), [], 'leftovers in the work directory');
    });
  } finally {
    process.umask(umask);
  }
}

/** Stages made by `use` lie on a file system of their own, in memory. */
export async function onDisk(type: 'tmpfs' | 'ramfs', options: string, use: (disk: string) => Promise<void>): Promise<void> {
  const disk = mkdtempSync(join(tmpdir(), 'plyfs-disk-'));
  libc.mount(type, disk, type, options);
  libc.chmod(disk, 0o755);
  const before = process.env.PLYFS_TEST_DIR;
  process.env.PLYFS_TEST_DIR = disk;
  try {
    await use(disk);
  } finally {
    if (before === undefined) delete process.env.PLYFS_TEST_DIR;
    else process.env.PLYFS_TEST_DIR = before;
    libc.umount(disk, 2);
    rmSync(disk, { recursive: true, force: true });
  }
}
