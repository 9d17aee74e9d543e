/** What an owner who is not root may do after a chmod of his own: to a directory without write permission for him (0555, as in Go's module cache
 *  and in nix) the engine adds names that the view had there before, moves it, and notes marks on it. Root needs none of this. */

import { Attributes } from '../base/attributes.js';
import { errno } from '../base/errno.js';
import { errnoOf } from '../base/errors.js';
import { dirType, typeOfMode } from '../base/mode.js';
import type { Name } from '../base/name.js';
import { O_NOFOLLOW, O_PATH } from '../sys/constants.js';
import { closeFd, tryOpenAt } from '../sys/open.js';
import { chmodAt, statAt } from '../sys/stat.js';
import { effectiveUid } from '../sys/user.js';

const self = '' as Name;
const attributes = new Attributes();

/** A descriptor and a name below it; '' is the descriptor itself. */
export type RightsPlace = readonly [fd: number, name: Name];

/** Does `work`; where that is EACCES, once more with write permission on those `places` that are ours and lack it, which is taken back. */
export function withOwnerRights<T>(places: readonly RightsPlace[], work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (errnoOf(error) !== errno.EACCES) throw error;
    const widened = places.flatMap(widen);
    if (widened.length === 0) throw error;
    try {
      return work();
    } finally {
      for (const { fd, mode } of widened) {
        chmodAt(fd, self, mode);
        closeFd(fd);
      }
    }
  }
}

/** The place with the mode that it had; none where there is nothing to add. */
function widen([dirFd, name]: RightsPlace): { fd: number; mode: number }[] {
  const fd = tryOpenAt(dirFd, name, O_PATH | O_NOFOLLOW);
  if (fd === undefined) return [];
  statAt(fd, self, attributes);
  const { mode, uid } = attributes;
  const needed = { [dirType.dir]: 0o700, [dirType.reg]: 0o600 }[typeOfMode(mode)] ?? 0;
  if (uid === effectiveUid && (mode & needed) !== needed) {
    chmodAt(fd, self, (mode & 0o7777) | needed);
    return [{ fd, mode: mode & 0o7777 }];
  }
  closeFd(fd);
  return [];
}
