/** Where `plyfs cp` writes: a directory of this machine or of a mount (here), or the upper of a container that is not mounted
 *  (copy-into-upper.ts). Directories are numbers of the target's own; names are single components, and no symlink is followed. */

import { Attributes } from '../base/attributes.js';
import { errno } from '../base/errno.js';
import { errnoOf } from '../base/errors.js';
import { dirType, S_IFREG, typeOfMode } from '../base/mode.js';
import type { Name } from '../base/name.js';
import { nameFromText } from '../base/name.js';
import type { OpenedFile } from '../image/tree/content.js';
import { O_CREAT, O_DIRECTORY, O_EXCL, O_RDONLY, O_RDWR } from '../sys/constants.js';
import { ftruncate, pwrite } from '../sys/file.js';
import { mkdirAt, mknodAt, symlinkAt, unlinkAt } from '../sys/namespace.js';
import { closeFd, openAt, openBeneath, openPath } from '../sys/open.js';
import { chmodAt, chownAt, lstatAt, statAt, utimensAt } from '../sys/stat.js';
import { setxattrAt } from '../sys/xattr.js';

/** What a copied object gets. */
export interface CopiedAttributes {
  readonly uid: number;
  readonly gid: number;
  /** Permission bits. */
  readonly mode: number;
  readonly mtimeSec: number;
  readonly mtimeNsec: number;
  readonly xattrs: ReadonlyMap<Name, Buffer>;
}

/** Errors are FsError. */
export interface CopyTarget {
  /** The directory at a path without symlinks, '' for the target's root. */
  openDirectory(path: Name): number;
  closeDirectory(directory: number): void;
  /** d_type of what is there; undefined where nothing is. */
  typeOf(directory: number, name: Name): number | undefined;
  /** Removes what is no directory. */
  remove(directory: number, name: Name): void;
  /** Creating: PRE: nothing is there. */
  makeDirectory(directory: number, name: Name): void;
  makeFile(directory: number, name: Name, source: OpenedFile): void;
  makeSymlink(directory: number, name: Name, target: Name): void;
  /** `mode` with its kind. */
  makeSpecial(directory: number, name: Name, mode: number, rdev: number): void;
  enter(directory: number, name: Name): number;
  /** Returns the xattrs that cannot be had there. */
  setAttributes(directory: number, name: Name, type: number, attributes: CopiedAttributes): Name[];
  close(): void;
}

const blockBytes = 256 * 1024;

/** Hands the data of `source` to `write`, its holes not. */
export function copyContent(source: OpenedFile, write: (buffer: Buffer, length: number, offset: number) => void): void {
  const buffer = Buffer.allocUnsafe(Math.min(blockBytes, Math.max(1, source.size)));
  for (const extent of source.extents ?? [{ offset: 0, length: source.size }]) {
    const end = Math.min(extent.offset + extent.length, source.size);
    for (let at = extent.offset; at < end; ) {
      const count = source.read(buffer, 0, Math.min(buffer.length, end - at), at);
      if (count === 0) break;
      write(buffer, count, at);
      at += count;
    }
  }
}

/** Numbers are descriptors. Nothing below the root leads out of it, whatever somebody puts there meanwhile. */
export class DiskTarget implements CopyTarget {
  private readonly root: number;
  private readonly attributes = new Attributes();

  /** `asOwner`: a directory of the caller's takes names whatever its permissions, as a container's do for its root; they are the same
   *  afterwards. FsError ENOENT, ENOTDIR, EACCES. */
  constructor(
    path: string,
    private readonly asOwner = false,
  ) {
    this.root = openPath(path, O_RDONLY | O_DIRECTORY);
  }

  openDirectory(path: Name): number {
    return openBeneath(this.root, path === '' ? nameFromText('.') : path, O_RDONLY | O_DIRECTORY);
  }

  closeDirectory(directory: number): void {
    closeFd(directory);
  }

  typeOf(directory: number, name: Name): number | undefined {
    return statAt(directory, name, this.attributes) ? typeOfMode(this.attributes.mode) : undefined;
  }

  remove(directory: number, name: Name): void {
    this.changing(directory, () => unlinkAt(directory, name));
  }

  makeDirectory(directory: number, name: Name): void {
    this.changing(directory, () => mkdirAt(directory, name, 0o700));
  }

  makeFile(directory: number, name: Name, source: OpenedFile): void {
    const fd = this.changing(directory, () => openAt(directory, name, O_CREAT | O_EXCL | O_RDWR, S_IFREG | 0o600));
    try {
      copyContent(source, (buffer, length, offset) => pwrite(fd, buffer, 0, length, offset));
      if (source.extents !== undefined) ftruncate(fd, source.size);
    } finally {
      closeFd(fd);
    }
  }

  makeSymlink(directory: number, name: Name, target: Name): void {
    this.changing(directory, () => symlinkAt(target, directory, name));
  }

  makeSpecial(directory: number, name: Name, mode: number, rdev: number): void {
    this.changing(directory, () => mknodAt(directory, name, mode, rdev));
  }

  enter(directory: number, name: Name): number {
    return openAt(directory, name, O_RDONLY | O_DIRECTORY);
  }

  setAttributes(directory: number, name: Name, type: number, attributes: CopiedAttributes): Name[] {
    const { uid, gid, mode, mtimeSec, mtimeNsec, xattrs } = attributes;
    if (process.geteuid?.() === 0) chownAt(directory, name, uid, gid);
    if (type !== dirType.lnk) chmodAt(directory, name, mode);
    const refused = refusedXattrs(xattrs, (key, value) => setxattrAt(directory, name, key, value));
    utimensAt(directory, name, mtimeSec, mtimeNsec, mtimeSec, mtimeNsec);
    return refused;
  }

  close(): void {
    closeFd(this.root);
  }

  private changing<Result>(directory: number, change: () => Result): Result {
    try {
      return change();
    } catch (error) {
      if (!this.asOwner || errnoOf(error) !== errno.EACCES) throw error;
      const self = nameFromText('.');
      const { attributes } = this;
      if (!lstatAt(directory, self, attributes) || attributes.uid !== process.geteuid?.()) throw error;
      const mode = attributes.mode & 0o7777;
      chmodAt(directory, self, mode | 0o300);
      try {
        return change();
      } finally {
        chmodAt(directory, self, mode);
      }
    }
  }
}

/** Sets each; returns those that the file system or our rights refuse. */
export function refusedXattrs(xattrs: ReadonlyMap<Name, Buffer>, set: (key: Name, value: Buffer) => void): Name[] {
  const refused: Name[] = [];
  for (const [key, value] of xattrs) {
    try {
      set(key, value);
    } catch (error) {
      const number = errnoOf(error);
      if (number !== errno.EPERM && number !== errno.EOPNOTSUPP) throw error;
      refused.push(key);
    }
  }
  return refused;
}
