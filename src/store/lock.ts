/** Locks of a store, each a file of its own: `lock` for the catalog (held for one change), `adding` shared by those who add blobs and
 *  taken alone by who removes them. Readers take none. */

import { openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { tryLock } from '../sys/lock.js';
import { OwnedFd } from '../sys/owned-fd.js';

export class FileLock implements Disposable {
  private constructor(private readonly fd: OwnedFd) {}

  /** undefined where somebody else has it. */
  static tryTake(path: string, kind: 'shared' | 'exclusive'): FileLock | undefined {
    const fd = new OwnedFd(openSync(path, 'a', 0o600), path);
    let isTaken = false;
    try {
      isTaken = tryLock(fd.number, kind);
    } finally {
      if (!isTaken) fd.close();
    }
    return isTaken ? new FileLock(fd) : undefined;
  }

  /** Waits for it; `onWait` is called once if that takes longer than a second. */
  static async take(path: string, kind: 'shared' | 'exclusive', onWait: () => void): Promise<FileLock> {
    const started = Date.now();
    let hasTold = false;
    for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, 50)) {
      const lock = FileLock.tryTake(path, kind);
      if (lock !== undefined) return lock;
      if (!hasTold && Date.now() - started > 1000) {
        hasTold = true;
        onWait();
      }
      await sleep(pauseMs);
    }
  }

  [Symbol.dispose](): void {
    this.fd.close();
  }
}
