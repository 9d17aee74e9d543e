/** The writable tree of a container: a directory layer that can change, with the work directory through which every change appears in
 *  one step. The only writer of markers. What it leaves on disk is what the kernel's overlayfs would leave (D-5). */

import { errno } from '../base/errno.js';
import { errnoOf } from '../base/errors.js';
import { dirType, S_IFCHR, S_IFREG } from '../base/mode.js';
import { bytesFromName, type Name, nameFromText } from '../base/name.js';
import { log } from '../observe/log.js';
import { O_CREAT, O_DIRECTORY, O_EXCL, O_RDONLY, O_RDWR, RENAME_EXCHANGE, RENAME_WHITEOUT } from '../sys/constants.js';
import { readDirectory } from '../sys/dir.js';
import { linkAt, mkdirAt, mknodAt, renameAt, rmdirAt, unlinkAt } from '../sys/namespace.js';
import { closeFd, openAt, openPath } from '../sys/open.js';
import { getxattrAt, removexattrAt, setxattrAt } from '../sys/xattr.js';
import type { Descriptors } from './descriptors.js';
import { DirectoryLayer, openDirectory } from './directory-layer.js';
import type { LayerDir } from './layer.js';
import { type MarkerFormat, markerFormats, opaqueName, privatePrefixes, whiteoutName } from './markers.js';
import { decodeOrigin, decodePlainOrigin, encodePlainOrigin, type Origin } from './origin.js';

const self = '' as Name;
const sharedWhiteout = 'whiteout' as Name;
const yes = Buffer.from('y');

export class Upper extends DirectoryLayer {
  /** Descriptor of `<work>/work`. */
  readonly workFd: number;
  readonly format: MarkerFormat;
  /** Inode spaces by the uuid of their file system in hex, to read origins. */
  private readonly spaceOfUuid = new Map<string, string>();
  private temporaries = 0;
  private hasSharedWhiteout = false;

  /** Opens the two directories and empties the work directory of what a killed daemon left. FsError EROFS, EACCES, ENOENT. */
  constructor(path: string, workPath: string, descriptors: Descriptors, wanted?: 'overlay' | 'overlay-user') {
    super(path, path, descriptors, true);
    const work = openPath(workPath, O_RDONLY | O_DIRECTORY);
    try {
      ensureDirectory(work, 'work' as Name);
      this.workFd = openDirectory(work, 'work' as Name);
    } finally {
      closeFd(work);
    }
    this.emptyWork();
    this.format = this.probeFormat(wanted);
  }

  /** The first spelling that works here (D-2). */
  private probeFormat(wanted?: 'overlay' | 'overlay-user'): MarkerFormat {
    const probe = this.temporaryName();
    closeFd(openAt(this.workFd, probe, O_CREAT | O_EXCL | O_RDWR, 0o600));
    try {
      for (const format of [markerFormats.overlay, markerFormats.overlayUser]) {
        if (wanted !== undefined && format.name !== wanted) continue;
        if (this.canMark(probe, format) && this.canMakeDevice()) return format;
      }
      return markerFormats.oci;
    } finally {
      unlinkAt(this.workFd, probe);
    }
  }

  private canMark(probe: Name, format: MarkerFormat): boolean {
    try {
      setxattrAt(this.workFd, probe, `${format.prefix}opaque` as Name, yes);
      return true;
    } catch (error) {
      if (!isRefusal(error)) throw error;
      return false;
    }
  }

  private canMakeDevice(): boolean {
    const name = this.temporaryName();
    try {
      mknodAt(this.workFd, name, S_IFCHR, 0);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      return false;
    }
    unlinkAt(this.workFd, name);
    return true;
  }

  /** A name in the work directory that nobody uses. */
  temporaryName(): Name {
    return `#${(this.temporaries++).toString(16)}` as Name;
  }

  // ---- markers -------------------------------------------------------------------------------------------------------------------

  /** Hides `name` of lower layers. PRE: the upper has no object of that name. */
  putWhiteout(dirFd: number, name: Name): void {
    if (this.format.whiteout === 'file') this.makeMarkerFile(dirFd, whiteoutName(name));
    else this.linkWhiteout(dirFd, name);
  }

  /** One whiteout device serves many names, as hard links: cheaper than an inode each. */
  private linkWhiteout(dirFd: number, name: Name): void {
    if (!this.hasSharedWhiteout) {
      mknodAt(this.workFd, sharedWhiteout, S_IFCHR, 0);
      this.hasSharedWhiteout = true;
    }
    try {
      linkAt(this.workFd, sharedWhiteout, dirFd, name);
    } catch (error) {
      if (errnoOf(error) !== errno.EMLINK && errnoOf(error) !== errno.EPERM) throw error;
      unlinkAt(this.workFd, sharedWhiteout);
      this.hasSharedWhiteout = false;
      mknodAt(dirFd, name, S_IFCHR, 0);
    }
  }

  /** The whiteout of `name` no longer hides: an object of that name has just been made beside it, or is to be. PRE: `.wh.` spelling, or
   *  no object of that name. */
  removeWhiteout(dirFd: number, name: Name): void {
    unlinkAt(dirFd, this.format.whiteout === 'file' ? whiteoutName(name) : name);
  }

  /** Takes the object `name` out of the upper and leaves a whiteout, in one step. Returns where it is in the work directory now. */
  moveOutLeavingWhiteout(dirFd: number, name: Name): Name {
    const out = this.temporaryName();
    if (this.format.whiteout === 'file') {
      this.makeMarkerFile(dirFd, whiteoutName(name));
      renameAt(dirFd, name, this.workFd, out);
      return out;
    }
    try {
      renameAt(dirFd, name, this.workFd, out, RENAME_WHITEOUT);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      mknodAt(this.workFd, out, S_IFCHR, 0);
      renameAt(this.workFd, out, dirFd, name, RENAME_EXCHANGE);
    }
    return out;
  }

  /** Takes the object `name` out of the upper; nothing stays. */
  moveOut(dirFd: number, name: Name): Name {
    const out = this.temporaryName();
    renameAt(dirFd, name, this.workFd, out);
    return out;
  }

  /** Moves the finished object `made` of the work directory to its place, where nothing or (`isCovered`) a whiteout is. One step. */
  moveIn(made: Name, isDirectory: boolean, dirFd: number, name: Name, isCovered: boolean): void {
    const isDeviceThere = isCovered && this.format.whiteout !== 'file';
    if (isDeviceThere && isDirectory) {
      renameAt(this.workFd, made, dirFd, name, RENAME_EXCHANGE);
      unlinkAt(this.workFd, made);
      return;
    }
    renameAt(this.workFd, made, dirFd, name);
    if (isCovered && !isDeviceThere) this.removeWhiteout(dirFd, name);
  }

  private makeMarkerFile(dirFd: number, name: Name): void {
    try {
      closeFd(openAt(dirFd, name, O_CREAT | O_EXCL | O_RDWR, S_IFREG | 0o600));
    } catch (error) {
      if (errnoOf(error) !== errno.EEXIST) throw error;
    }
  }

  /** Nothing of lower layers shows in the directory `fd` from now on. */
  setOpaque(fd: number): void {
    if (this.format.prefix === '') this.makeMarkerFile(fd, opaqueName);
    else this.setPrivate(fd, self, 'opaque', yes);
  }

  /** Whether redirects can be noted. */
  get canRedirect(): boolean {
    return this.format.prefix !== '';
  }

  setRedirect(fd: number, redirect: Name): void {
    this.setPrivate(fd, self, 'redirect', bytesFromName(redirect));
  }

  getRedirect(fd: number): Name | undefined {
    return this.getPrivate(fd, self, 'redirect')?.toString('latin1') as Name | undefined; // the bytes of a path
  }

  setImpure(fd: number): void {
    if (this.format.prefix !== '') this.setPrivate(fd, self, 'impure', yes);
  }

  /** Notes where an object was copied up from. Best effort: without it only the inode number changes at the next mount. */
  setOrigin(dirFd: number, name: Name, origin: Buffer | Origin): void {
    if (this.format.prefix === '') return;
    try {
      if (Buffer.isBuffer(origin)) this.setPrivate(dirFd, name, 'origin', origin);
      else this.setPrivate(dirFd, name, 'plyfs.origin', encodePlainOrigin(origin));
    } catch (error) {
      if (!isRefusal(error) && errnoOf(error) !== errno.ENOSPC && errnoOf(error) !== errno.E2BIG) throw error;
    }
  }

  /** Where the object was copied up from, if it says so and the layer is in the stack. */
  originOf(dir: LayerDir, name: Name): Origin | undefined {
    const fd = this.fd(dir);
    for (const prefix of privatePrefixes) {
      const bytes = getxattrAt(fd, name, `${prefix}origin` as Name);
      const decoded = bytes === undefined ? undefined : decodeOrigin(bytes);
      const space = decoded === undefined ? undefined : this.spaceOfUuid.get(decoded.uuid);
      if (decoded !== undefined && space !== undefined) return { space, ino: decoded.ino };
    }
    const plain = this.format.prefix === '' ? undefined : this.getPrivate(fd, name, 'plyfs.origin');
    return plain === undefined ? undefined : decodePlainOrigin(plain);
  }

  /** Tells which inode space a file-system uuid in origins means. */
  learnSpace(uuid: Buffer | undefined, space: string): void {
    const hex = (uuid ?? Buffer.alloc(16)).toString('hex');
    if (!this.spaceOfUuid.has(hex)) this.spaceOfUuid.set(hex, space);
  }

  private setPrivate(dirFd: number, name: Name, key: string, value: Buffer): void {
    setxattrAt(dirFd, name, nameFromText(this.format.prefix + key), value);
  }

  private getPrivate(dirFd: number, name: Name, key: string): Buffer | undefined {
    return getxattrAt(dirFd, name, nameFromText(this.format.prefix + key));
  }

  /** A mark that an object must lose when its role changes (a redirect that no longer holds). */
  removePrivate(fd: number, key: string): void {
    if (this.format.prefix !== '') removexattrAt(fd, self, nameFromText(this.format.prefix + key));
  }

  // ---- the work directory ----------------------------------------------------------------------------------------------------------

  /** Deletes an object of the work directory with all that is in it. A failure is logged: the next mount empties the work directory. */
  discard(name: Name): void {
    this.discardAt(this.workFd, name);
  }

  discardAt(dirFd: number, name: Name): void {
    try {
      removeTree(dirFd, name);
    } catch (error) {
      log('warn', `${this.label}: could not delete ${name}: ${error}`);
    }
  }

  /** Deletes what is physically in an upper directory of which the view shows nothing: whiteouts and `.wh.` files. */
  emptyDirectory(fd: number): void {
    removeContents(fd);
  }

  /** Empties the work directory. Safe to repeat. */
  emptyWork(): void {
    removeContents(this.workFd);
    this.hasSharedWhiteout = false;
  }

  override close(): void {
    closeFd(this.workFd);
    super.close();
  }
}

/** What a file system or our rights do not let us do, as against what went wrong. */
export function isRefusal(error: unknown): boolean {
  const number = errnoOf(error);
  return (
    number === errno.EPERM ||
    number === errno.EOPNOTSUPP ||
    number === errno.EINVAL ||
    number === errno.EACCES ||
    number === errno.ENOSYS
  );
}

function ensureDirectory(fd: number, name: Name): void {
  try {
    mkdirAt(fd, name, 0o700);
  } catch (error) {
    if (errnoOf(error) !== errno.EEXIST) throw error;
  }
}

function removeContents(fd: number): void {
  const entries: [Name, number][] = [];
  readDirectory(fd, (name, type) => entries.push([name, type]));
  for (const [name, type] of entries) {
    if (type === dirType.dir) removeTree(fd, name);
    else unlinkAt(fd, name);
  }
}

function removeTree(dirFd: number, name: Name): void {
  try {
    unlinkAt(dirFd, name);
    return;
  } catch (error) {
    if (errnoOf(error) !== errno.EISDIR && errnoOf(error) !== errno.EPERM) throw error;
  }
  const fd = openDirectory(dirFd, name);
  try {
    removeContents(fd);
  } finally {
    closeFd(fd);
  }
  rmdirAt(dirFd, name);
}
