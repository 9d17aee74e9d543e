/** Who reads the upper of a mounted container first lets the kernel hand over what it still keeps of it. */

import { flushMount } from '../mount/flush.js';
import { mountOfUpper } from '../mount/records.js';
import { findContainer } from '../store/containers.js';
import type { Store } from '../store/store.js';

/** Of the mount on an upper directory, if there is one. */
export async function flushUpper(path: string): Promise<void> {
  const mount = mountOfUpper(path);
  if (mount !== undefined) await flushMount(mount);
}

/** Of the container that `text` names, if it is one. */
export async function flushContainer(store: Store, text: string): Promise<void> {
  const container = text.includes('/') ? undefined : findContainer(store, text);
  if (container !== undefined) await flushUpper(container.upper);
}
