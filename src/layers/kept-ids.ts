/** Owners in the upper of somebody who may not chown. On the disk everything is his own, and that stands for root, as in a user namespace where
 *  he is root; whose it is instead is kept in an xattr of files and directories, `uid:gid:mode:type` as containers/storage and fuse-overlayfs
 *  write it. The upper's root has it too, which says of the whole tree that its ids are to be read so. */

import type { Attributes } from '../base/attributes.js';
import { isRefusal } from '../base/errors.js';
import { dirType, S_IFMT, typeOfMode } from '../base/mode.js';
import type { Name } from '../base/name.js';
import { statAt } from '../sys/stat.js';
import { getxattrAt, setxattrAt } from '../sys/xattr.js';
import { overrideStatKey } from './markers.js';
import { withOwnerRights } from './owner-rights.js';

const self = '' as Name;
const kinds: Readonly<Record<number, string>> = { [dirType.dir]: 'dir', [dirType.reg]: 'file' };

export class KeptIds {
  /** Who owns everything on the disk. */
  constructor(
    private readonly uid: number,
    private readonly gid: number,
  ) {}

  /** Of a tree that says so; undefined for any other. `root`: its root directory. */
  static of(root: number, scratch: Attributes): KeptIds | undefined {
    if (getxattrAt(root, self, overrideStatKey) === undefined) return undefined;
    statAt(root, self, scratch);
    return new KeptIds(scratch.uid, scratch.gid);
  }

  /** Changes what the disk says of an object to whose it is. */
  read(out: Attributes, fd: number, name: Name): void {
    if (out.uid !== this.uid) return;
    const kept = kinds[typeOfMode(out.mode)] === undefined ? undefined : readMark(fd, name);
    out.uid = kept?.uid ?? 0;
    out.gid = kept?.gid ?? (out.gid === this.gid ? 0 : out.gid);
    if (kept !== undefined) out.mode = (out.mode & S_IFMT) | kept.mode;
  }

  /** Notes an owner; -1: as it is. What has no xattrs of users (symlinks, devices) stays root's. False where the disk keeps none. */
  write(fd: number, name: Name, uid: number, gid: number, scratch: Attributes): boolean {
    statAt(fd, name, scratch);
    this.read(scratch, fd, name);
    const isRoots = uid <= 0 && gid <= 0 && scratch.uid === 0 && scratch.gid === 0;
    if (isRoots || kinds[typeOfMode(scratch.mode)] === undefined) return true;
    return writeMark(fd, name, uid < 0 ? scratch.uid : uid, gid < 0 ? scratch.gid : gid, scratch.mode);
  }

  /** The note, where there is one, says the mode too. */
  writeMode(fd: number, name: Name, mode: number): void {
    const kept = readMark(fd, name);
    if (kept !== undefined && kept.mode !== mode) writeMark(fd, name, kept.uid, kept.gid, (kept.type << 12) | mode);
  }
}

/** Notes `uid`, `gid` and `mode` on the root directory of a tree whose ids are kept. False where the disk keeps no xattrs. */
export function markKeptRoot(fd: number, uid: number, gid: number, mode: number): boolean {
  return writeMark(fd, self, uid, gid, (dirType.dir << 12) | (mode & 0o7777));
}

function readMark(fd: number, name: Name): { uid: number; gid: number; mode: number; type: number } | undefined {
  const text = withOwnerRights([[fd, name]], () => getxattrAt(fd, name, overrideStatKey))?.toString('latin1');
  const match = /^(\d+):(\d+):([0-7]+)(?::(file|dir))?/.exec(text ?? '');
  if (match === null) return undefined;
  const type = match[4] === 'dir' ? dirType.dir : dirType.reg;
  return { uid: Number(match[1]), gid: Number(match[2]), mode: Number.parseInt(match[3] ?? '', 8) & 0o7777, type };
}

function writeMark(fd: number, name: Name, uid: number, gid: number, mode: number): boolean {
  const text = `${uid}:${gid}:${(mode & 0o7777).toString(8).padStart(4, '0')}:${kinds[typeOfMode(mode)] ?? 'file'}`;
  try {
    withOwnerRights([[fd, name]], () => setxattrAt(fd, name, overrideStatKey, Buffer.from(text)));
    return true;
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return false;
  }
}
