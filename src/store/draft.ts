/** A file of the user's that appears whole or not at all: written beside its place under a name of ours, which is told to nobody. */

import { randomBytes } from 'node:crypto';
import { closeSync, openSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { PlyfsError } from '../base/errors.js';
import { undoneAtInterruption } from '../base/interruption.js';
import { systemWords } from '../base/system-words.js';

export class Draft implements Disposable {
  readonly fd: number;
  private readonly temporary: string;
  private readonly settled: () => void;
  private isOpen = true;

  /** PlyfsError `unwritable`. */
  constructor(
    readonly path: string,
    mode: number,
  ) {
    this.temporary = join(dirname(path), `.${basename(path).slice(0, 100)}.${randomBytes(6).toString('hex')}`);
    this.settled = undoneAtInterruption(() => rmSync(this.temporary, { force: true }));
    this.fd = unlessUnwritable(path, () => openSync(this.temporary, 'wx', mode));
  }

  /** The file takes its place, and what was there goes. */
  publish(): void {
    this.close();
    unlessUnwritable(this.path, () => renameSync(this.temporary, this.path));
  }

  /** Removes what was not published. */
  [Symbol.dispose](): void {
    this.close();
    rmSync(this.temporary, { force: true });
    this.settled();
  }

  private close(): void {
    if (this.isOpen) closeSync(this.fd);
    this.isOpen = false;
  }
}

/** What the system refuses of `act` is told with the path that the user knows. PlyfsError `unwritable`. */
export function unlessUnwritable<T>(path: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw unwritable(path, error);
  }
}

/** PlyfsError `unwritable` for what the system refused; anything else as it is. */
export function unwritable(path: string, error: unknown): unknown {
  if (error instanceof PlyfsError) return error;
  const why = systemWords(error);
  return why === undefined ? error : new PlyfsError('unwritable', `${path} cannot be written: ${why}`, { cause: error });
}
