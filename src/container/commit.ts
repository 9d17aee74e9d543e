/** Committing a container: held still while it is read, where it is mounted. */

import { existsSync, realpathSync } from 'node:fs';
import { PlyfsError } from '../base/errors.js';
import { type CommitOptions, type Committed, commitUpper } from '../image/make/commit.js';
import type { WhileStill } from '../image/make/still-layer.js';
import { whileHeld } from '../mount/hold.js';
import { kernelOverlayOn } from '../mount/kernel-overlay.js';
import { mountOfUpper } from '../mount/records.js';
import type { StoredImage } from '../store/catalog.js';
import { getContainer } from '../store/containers.js';
import type { Store } from '../store/store.js';

export interface CommittedContainer extends Committed {
  /** How long operations on its mount waited: more than one time where files were written to before they could be read. */
  readonly heldMs: readonly number[];
}

/** The daemon lets go by itself after this long. */
const holdLimitMs = 30_000;

type Options = Omit<CommitOptions, 'whileStill'>;

/** `pauses`: a mounted container is held still, so that the image is one state of it. PlyfsError `no-container`, `unsettled` where the
 *  reading took longer than a mount is held; and as commitUpper. */
export function commitContainer(store: Store, text: string, options: Options, pauses: boolean): Promise<CommittedContainer> {
  const { name, upper, image, config } = getContainer(store, text);
  // A terminal and a host name are the container's own.
  const { Tty: _, OpenStdin: _stdin, Hostname: _host, ...kept } = config;
  return commitDirectory(store, upper, image, `container ${name}`, { ...options, config: kept }, pauses);
}

/** The same of any upper directory: where plyfs has it mounted, the mount is held still. */
export async function commitDirectory(
  store: Store,
  upper: string,
  image: StoredImage,
  label: string,
  options: Options,
  pauses: boolean,
): Promise<CommittedContainer> {
  if (pauses) refuseKernelOverlay(upper, label);
  const mount = pauses ? mountOfUpper(upper) : undefined;
  const heldMs: number[] = [];
  if (mount === undefined || mount.isReadOnly) return { ...(await commitUpper(store, upper, image, label, options)), heldMs };
  const whileStill: WhileStill = async (read) => {
    const held = await whileHeld(mount, holdLimitMs, read);
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
  return { ...(await commitUpper(store, upper, image, label, { ...options, whileStill })), heldMs };
}

/** Nobody can hold it still. */
function refuseKernelOverlay(upper: string, label: string): void {
  const target = existsSync(upper) ? kernelOverlayOn(realpathSync(upper)) : undefined;
  if (target === undefined) return;
  const advice = `unmount it first, or commit with --pause=false while nobody writes`;
  throw new PlyfsError(
    'in-use',
    `${label} is mounted by the kernel's overlay on ${target}, which cannot be held still: ${advice}`,
  );
}
