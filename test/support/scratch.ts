/** A directory of a test's own: its path, and a descriptor of it. Both are gone when the test is over. */

import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errnoOf } from '../../src/base/errors.js';
import { O_DIRECTORY } from '../../src/sys/constants.js';
import { closeFd, openPath } from '../../src/sys/open.js';

/** Runs `use`; afterwards the test must have closed every descriptor it opened. */
export function withScratch(use: (dirFd: number, path: string) => void): () => void {
  return () => {
    const path = mkdtempSync(join(process.env.PLYFS_TEST_DIR ?? tmpdir(), 'plyfs-scratch-'));
    const before = openDescriptors();
    const dirFd = openPath(path, O_DIRECTORY);
    try {
      use(dirFd, path);
    } finally {
      closeFd(dirFd);
      rmSync(path, { recursive: true, force: true });
    }
    assert.equal(openDescriptors(), before, 'descriptors left open');
  };
}

export function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

/** That `act` throws FsError with `errno`. */
export function refuses(errno: number, act: () => unknown): void {
  assert.throws(act, (error) => {
    assert.equal(errnoOf(error), errno, String(error));
    return true;
  });
}

/** Why a test that needs root does not run, or false. */
export const needsRoot = process.geteuid?.() === 0 ? false : 'needs root';

/** Why a test of a call that old-kernel.ts refuses does not run, or false. */
export const needsNewCalls = process.env.PLYFS_TEST_REFUSE === undefined ? false : 'is about a call that is refused here';
