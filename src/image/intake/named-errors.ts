/** Refusals of what was read, told with the name of what was read. */

import { PlyfsError } from '../../base/errors.js';

/** Runs `act`; a PlyfsError of it that does not name `label` yet is thrown with it in front. */
export function naming<T>(label: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw named(label, error);
  }
}

export async function namingAsync<T>(label: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw named(label, error);
  }
}

function named(label: string, error: unknown): unknown {
  // What the store could not keep is no fault of what was read.
  if (!(error instanceof PlyfsError) || error.code === 'store' || error.message.includes(label)) return error;
  return new PlyfsError(error.code, `${label}: ${error.message}`, { cause: error.cause });
}
