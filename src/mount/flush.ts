/** What the kernel still keeps of files written through a mount (`io=writeback`) goes to its upper, for those who read the upper. */

import { execFileSync } from 'node:child_process';
import { findContainer } from '../store/containers.js';
import type { Store } from '../store/store.js';
import { type MountRecord, mountOfUpper } from './records.js';

/** In a process of its own: a mount that does not answer holds nobody for longer than `limitMs`. */
export function flushMount(mount: MountRecord, limitMs = 60_000): void {
  if (!mount.isReadOnly) execFileSync('sync', ['-f', mount.target], { timeout: limitMs, stdio: 'ignore' });
}

/** Of the mount on an upper directory, if there is one. */
export function flushUpper(path: string): void {
  const mount = mountOfUpper(path);
  if (mount !== undefined) flushMount(mount);
}

/** Of the container that `text` names, if it is one. */
export function flushContainer(store: Store, text: string): void {
  const container = text.includes('/') ? undefined : findContainer(store, text);
  if (container !== undefined) flushUpper(container.upper);
}
