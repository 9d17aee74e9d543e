/** What the disk of a store refuses, told with the store's path: which of its files it was is no business of the reader. */

import { PlyfsError } from '../base/errors.js';
import { systemWords } from '../base/system-words.js';

/** PlyfsError `store` where the disk of the store at `root` is full, read-only or broken. */
export function writing<T>(root: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw unwritableStore(root, error);
  }
}

export async function writingAsync<T>(root: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw unwritableStore(root, error);
  }
}

/** What was read from elsewhere, and what is no refusal of the system, stays as it is. */
function unwritableStore(root: string, error: unknown): unknown {
  // putFile names the file.
  const cause = error instanceof PlyfsError && error.code === 'store' ? error.cause : error;
  const why = cause instanceof PlyfsError || isReading(cause) ? undefined : systemWords(cause);
  if (why === undefined) return error;
  return new PlyfsError('store', `the store ${root} cannot be written (${why}): nothing has changed`, { cause: error });
}

function isReading(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error && error.syscall === 'read';
}
