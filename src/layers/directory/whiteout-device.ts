/** Whiteouts that are devices 0:0. One serves many names, as hard links: cheaper than an inode each, and deleting goes on when the disk is
 *  full. It is held by a descriptor, so that it needs no name of its own in the work directory, which nobody could take away at the end. */

import { errno } from '../../base/errno.js';
import { errnoOf } from '../../base/errors.js';
import { S_IFCHR } from '../../base/mode.js';
import type { Name } from '../../base/name.js';
import { O_NOFOLLOW, O_PATH } from '../../sys/constants.js';
import { linkAt, mknodAt } from '../../sys/namespace.js';
import { openAt } from '../../sys/open.js';
import { OwnedFd } from '../../sys/owned-fd.js';

const self = '' as Name;
/** It has too many links, or lost all it had. */
const noMoreLinks: readonly (number | undefined)[] = [errno.EMLINK, errno.EPERM, errno.ENOENT];

export class WhiteoutDevice {
  private held: OwnedFd | undefined;

  /** Makes `name` a whiteout. PRE: there is nothing of that name. FsError ENOSPC... : nothing was made. */
  put(dirFd: number, name: Name): void {
    if (this.held !== undefined && isLinked(this.held.number, dirFd, name)) return;
    mknodAt(dirFd, name, S_IFCHR, 0);
    this.close();
    try {
      this.held = new OwnedFd(openAt(dirFd, name, O_PATH | O_NOFOLLOW), 'the whiteout');
    } catch (error) {
      if (errnoOf(error) === undefined) throw error; // no descriptor is left: the next whiteout costs an inode
    }
  }

  close(): void {
    this.held?.close();
    this.held = undefined;
  }
}

function isLinked(whiteout: number, dirFd: number, name: Name): boolean {
  try {
    linkAt(whiteout, self, dirFd, name);
    return true;
  } catch (error) {
    if (!noMoreLinks.includes(errnoOf(error))) throw error;
    return false;
  }
}
