/** SETATTR: owner, mode, size and times of an object, which is copied up first. */

import { Attributes } from '../base/attributes.js';
import { errno } from '../base/errno.js';
import { FsError } from '../base/errors.js';
import { dirType, S_ISGID, S_ISUID } from '../base/mode.js';
import type { Name } from '../base/name.js';
import { type NodeIndex, nodeFlag } from '../layers/union/node-table.js';
import { UTIME_NOW, UTIME_OMIT } from '../sys/constants.js';
import { ftruncate } from '../sys/file.js';
import { utimensAt } from '../sys/stat.js';
import { capabilityKey, getxattrAt, removexattrAt } from '../sys/xattr.js';
import type { AttributeChange, Time } from '../vfs/filesystem.js';
import { checkEnd } from './content.js';
import type { CopyUp } from './copy-up.js';
import type { OverlayState } from './state.js';

export class AttributeChanges {
  private readonly known = new Attributes();

  constructor(
    private readonly state: OverlayState,
    private readonly copyUp: CopyUp,
  ) {}

  set(node: NodeIndex, change: AttributeChange): void {
    const { state } = this;
    if (this.isFlush(node, change)) return;
    if (change.size === undefined) this.copyUp.ensure(node);
    else this.truncate(node, change.size);
    const place = state.upperPlace(node);
    if (change.uid !== undefined || change.gid !== undefined) this.chown(place, change);
    if (change.killPrivileges === true) this.dropPrivileges(node);
    if (change.mode !== undefined) state.upper.changeMode(place.fd, place.name, change.mode & 0o7777);
    if (change.atime !== undefined || change.mtime !== undefined) setTimes(place, change.atime, change.mtime);
    state.invalidate(node);
  }

  /** The kernel writes back an inode it touched itself (a link count, by unlink): the times it has. Nothing to copy up for. */
  private isFlush(node: NodeIndex, change: AttributeChange): boolean {
    const { ctime, mtime, ...rest } = change;
    if (ctime === undefined || Object.keys(rest).length > 0 || this.state.isUpper(node)) return false;
    if (mtime === undefined) return true;
    const { known } = this;
    this.state.getattr(node, known, false);
    return mtime !== 'now' && mtime.sec === known.mtimeSec && mtime.nsec === known.mtimeNsec;
  }

  /** EISDIR, EINVAL for what has no bytes. Copies up no more than stays. */
  truncate(node: NodeIndex, size: number): void {
    const type = this.state.tree.nodes.type(node);
    if (type !== dirType.reg) throw new FsError(type === dirType.dir ? errno.EISDIR : errno.EINVAL);
    checkEnd(size);
    this.copyUp.ensure(node, size);
    ftruncate(this.state.files.writing(node).fd, size);
  }

  private chown(place: { fd: number; name: Name }, change: AttributeChange): void {
    const { ids } = this.state;
    if (ids.isSquashed) return;
    const uid = change.uid === undefined ? -1 : ids.uidOnDisk(change.uid);
    const gid = change.gid === undefined ? -1 : ids.gidOnDisk(change.gid);
    if (uid === undefined || gid === undefined) throw new FsError(errno.EINVAL, 'an id without a mapping');
    this.state.upper.changeOwner(place.fd, place.name, uid, gid);
  }

  /** What ext4 does when somebody without CAP_FSETID writes to or truncates a file: no setuid, no setgid, no file capability. */
  dropPrivileges(node: NodeIndex): void {
    const { state } = this;
    state.restat(node);
    const mode = state.tree.nodes.mode(node);
    if (state.tree.nodes.type(node) !== dirType.reg) return;
    const dropped = (mode & S_ISUID) | ((mode & (S_ISGID | 0o010)) === (S_ISGID | 0o010) ? S_ISGID : 0);
    const place = state.upperPlace(node);
    if (dropped !== 0) state.upper.changeMode(place.fd, place.name, mode & 0o7777 & ~dropped);
    // Asked first: without rights to remove it, removing is refused also where there is none.
    const mayHaveOne = !state.tree.nodes.has(node, nodeFlag.hasNoCapability);
    if (mayHaveOne && getxattrAt(place.fd, place.name, capabilityKey) !== undefined)
      removexattrAt(place.fd, place.name, capabilityKey);
    state.invalidate(node);
  }
}

function setTimes(place: { fd: number; name: Name }, atime: Time | 'now' | undefined, mtime: Time | 'now' | undefined): void {
  const nsec = (time: Time | 'now' | undefined): number =>
    time === undefined ? UTIME_OMIT : time === 'now' ? UTIME_NOW : time.nsec;
  const sec = (time: Time | 'now' | undefined): number => (typeof time === 'object' ? time.sec : 0);
  utimensAt(place.fd, place.name, sec(atime), nsec(atime), sec(mtime), nsec(mtime));
}
