/** A directory layer whose objects can be changed by whoever we are: owners are set or, without the right to, noted; what lies in a directory
 *  without write permission can be moved and linked as its owner could. */

import { Attributes } from '../../base/attributes.js';
import type { Name } from '../../base/name.js';
import { log } from '../../observe/log.js';
import { RENAME_EXCHANGE } from '../../sys/constants.js';
import { linkAt, renameAt } from '../../sys/namespace.js';
import { chmodAt, chownAt, statAt } from '../../sys/stat.js';
import { effectiveUid } from '../../sys/user.js';
import { getxattrAt, removexattrAt } from '../../sys/xattr.js';
import { KeptIds, markKeptRoot } from '../kept-ids.js';
import { overrideStatKey, PrivateXattrs } from '../markers.js';
import { type RightsPlace, withOwnerRights } from '../owner-rights.js';
import type { Descriptors } from './descriptors.js';
import { DirectoryLayer } from './directory-layer.js';

const self = '' as Name;

export class WritableDirectory extends DirectoryLayer {
  private readonly attributes = new Attributes();

  /** `keepsIds`: owners are noted from now on, if they are not yet. */
  constructor(path: string, descriptors: Descriptors, keepsIds: boolean) {
    super(path, path, descriptors, PrivateXattrs.any, true);
    this.keptIds = KeptIds.of(this.rootFd, this.attributes) ?? (keepsIds ? this.beginKeeping() : undefined);
  }

  /** Everything that is ours here is root's from now on. */
  private beginKeeping(): KeptIds {
    statAt(this.rootFd, self, this.attributes);
    const { uid, gid, mode } = this.attributes;
    if (!markKeptRoot(this.rootFd, 0, 0, mode)) log('warn', `${this.label}: its disk keeps no owners, everything will be root's`);
    return new KeptIds(uid, gid);
  }

  /** Owners are noted in an xattr: nobody may chown. */
  get keepsIds(): boolean {
    return this.keptIds !== undefined && effectiveUid !== 0;
  }

  /** As statAt, for an object of this layer by any descriptor. */
  statObject(fd: number, name: Name, out: Attributes): boolean {
    if (!statAt(fd, name, out)) return false;
    this.keptIds?.read(out, fd, name);
    return true;
  }

  /** chown(2), -1: as it is; or a note of it. */
  changeOwner(fd: number, name: Name, uid: number, gid: number): void {
    if (this.keptIds !== undefined && this.keepsIds) {
      this.keptIds.write(fd, name, uid, gid, this.attributes);
      return;
    }
    chownAt(fd, name, uid, gid);
    // What root sets is so: no note says otherwise.
    if (this.keptIds !== undefined && getxattrAt(fd, name, overrideStatKey) !== undefined)
      removexattrAt(fd, name, overrideStatKey);
  }

  changeMode(fd: number, name: Name, mode: number): void {
    this.keptIds?.writeMode(fd, name, mode);
    chmodAt(fd, name, mode);
  }

  /** renameat2(2). */
  rename(dirFd: number, name: Name, newDirFd: number, newName: Name, flags = 0): void {
    const places: RightsPlace[] = [
      [dirFd, self],
      [newDirFd, self],
      [dirFd, name],
    ];
    if (flags === RENAME_EXCHANGE) places.push([newDirFd, newName]);
    withOwnerRights(places, () => renameAt(dirFd, name, newDirFd, newName, flags));
  }

  /** linkat(2) into a directory of the upper. */
  link(fd: number, name: Name, dirFd: number, newName: Name): void {
    withOwnerRights([[dirFd, self]], () => linkAt(fd, name, dirFd, newName));
  }
}
