/** Committing a container: held still while it is read, where it is mounted. */

import { PlyfsError } from '../base/errors.js';
import { type CommitOptions, type Committed, commitUpper } from '../image/commit.js';
import type { WhileStill } from '../image/still-layer.js';
import { getContainer } from '../store/containers.js';
import type { Store } from '../store/store.js';
import { mountOf } from './containers.js';
import { whileHeld } from './hold.js';

export interface CommittedContainer extends Committed {
  /** How long operations on its mount waited: more than one time where files were written to before they could be read. */
  readonly heldMs: readonly number[];
}

/** The daemon lets go by itself after this long. */
const holdLimitMs = 30_000;

/** `pauses`: a mounted container is held still, so that the image is one state of it. PlyfsError `no-container`, `unsettled` where the
 *  reading took longer than a mount is held; and as commitUpper. */
export async function commitContainer(
  store: Store,
  text: string,
  options: Omit<CommitOptions, 'whileStill'>,
  pauses: boolean,
): Promise<CommittedContainer> {
  const container = getContainer(store, text);
  const label = `container ${container.name}`;
  const mount = mountOf(container);
  const heldMs: number[] = [];
  const whileStill: WhileStill = async (read) => {
    const held = await whileHeld(mount!, holdLimitMs, read); // called only where there is one
    if (!held.isStill) {
      const advice = 'commit it with --pause=false and no writers, or unmount it first';
      throw new PlyfsError(
        'unsettled',
        `${label} has so many changes that it could not be held still while they were read: ${advice}`,
      );
    }
    heldMs.push(held.heldMs);
    return held.result;
  };
  const isHeld = mount !== undefined && !mount.isReadOnly && pauses;
  const committed = await commitUpper(store, container.upper, container.image, label, {
    ...options,
    ...(isHeld ? { whileStill } : {}),
  });
  return { ...committed, heldMs };
}
