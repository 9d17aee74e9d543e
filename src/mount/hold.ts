/** Holding a mount still while its upper is read: operations on it wait, none fails. */

import { askMount } from './control.js';
import { flushMount } from './flush.js';
import type { MountRecord } from './records.js';

/** Flushes what the kernel still keeps of `mount`, holds it, runs `read` (which must not touch the mount), and lets it go.
 *  `passes`: with io=passthrough writes to open files go past the daemon, and are not held. Tells how long
 *  the hold was, and whether it lasted until `read` had ended: if not, what was read may mix two states. PlyfsError where the mount cannot
 *  be held. */
export async function whileHeld<T>(
  mount: MountRecord,
  limitMs: number,
  read: (passes: boolean) => T | Promise<T>,
): Promise<{ result: T; heldMs: number; isStill: boolean }> {
  await flushMount(mount, limitMs);
  const held = await askMount(mount.socket, { command: 'hold', forMs: limitMs });
  const passes = typeof held === 'object' && held !== null && 'passes' in held && held.passes === true;
  const begin = performance.now();
  let isStill = false;
  try {
    const result = await read(passes);
    isStill = (await askMount(mount.socket, { command: 'release' })) === true;
    return { result, heldMs: performance.now() - begin, isStill };
  } catch (error) {
    if (!isStill) await askMount(mount.socket, { command: 'release' });
    throw error;
  }
}
