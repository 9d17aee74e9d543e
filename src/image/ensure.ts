/** An image that is not in the store is pulled before it is used. A name that says its registry means that one; a short name may be a slip
 *  of a letter, and is looked for elsewhere only where `--pull` or `docker://` says so. */

import { existsSync } from 'node:fs';
import { PlyfsError } from '../base/errors.js';
import type { PullPolicy } from '../base/pull-policy.js';
import { isShortName, parseReference } from '../oci/reference.js';
import type { RegistryOptions } from '../registry/switchboard.js';
import { findContainer } from '../store/containers.js';
import { findImage } from '../store/resolve.js';
import type { Store } from '../store/store.js';
import type { PullOptions } from './pull.js';

export interface EnsureOptions extends PullOptions {
  readonly policy?: PullPolicy | undefined;
  readonly registry?: RegistryOptions;
  /** Told before an image is fetched. */
  readonly onPull?: (name: string) => void;
}

/** What `text` is called in the store from now on: without `docker://`. PlyfsError of the pull. */
export async function ensureImage(store: Store, text: string, options: EnsureOptions = {}): Promise<string> {
  const name = text.replace(/^docker:\/\//, '');
  const policy = options.policy ?? (name !== text || !isShortName(name) ? 'missing' : 'never');
  if (policy === 'never' || !isImageName(store, name, name !== text)) return name;
  if (policy === 'missing' && findImage(store.catalog(), name) !== undefined) return name;
  options.onPull?.(name);
  // Loaded only where something is fetched.
  const [{ RegistrySession }, { pullBy }] = await Promise.all([import('../registry/client.js'), import('./pull.js')]);
  const session = new RegistrySession(options.registry);
  try {
    await pullBy(session, store, name, options);
  } finally {
    session.close();
  }
  return name;
}

/** Not a path, a file, a container or anything that is no reference. */
function isImageName(store: Store, name: string, isSaid: boolean): boolean {
  if (!isSaid && (/^\.{0,2}\//.test(name) || existsSync(name.replace(/#.*/s, '')) || findContainer(store, name) !== undefined))
    return false;
  try {
    parseReference(name);
    return true;
  } catch (error) {
    if (error instanceof PlyfsError && error.code === 'reference') return false;
    throw error;
  }
}
