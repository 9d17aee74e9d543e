/** The writable tree of a container: a directory layer that can change, with the work directory through which every change appears in
 *  one step. The only writer of markers. What it leaves on disk is what the kernel's overlayfs would leave (D-5). */

import { accessAclName, defaultAclName } from '../../base/acl.js';
import { errno } from '../../base/errno.js';
import { errnoOf, FsError, isNoRoom, isRefusal } from '../../base/errors.js';
import { FS_APPEND_FL, FS_IMMUTABLE_FL } from '../../base/inode-flags.js';
import { S_IFREG } from '../../base/mode.js';
import { bytesFromName, type Name, nameFromText } from '../../base/name.js';
import { log } from '../../observe/log.js';
import { O_CREAT, O_DIRECTORY, O_EXCL, O_RDONLY, O_RDWR, RENAME_EXCHANGE, RENAME_WHITEOUT } from '../../sys/constants.js';
import { readDirectory } from '../../sys/dir.js';
import { mkdirAt, unlinkAt } from '../../sys/namespace.js';
import { closeFd, openAt, openPath } from '../../sys/open.js';
import { OwnedFd } from '../../sys/owned-fd.js';
import { chmodAt } from '../../sys/stat.js';
import { getxattrAt, removexattrAt, setxattrAt } from '../../sys/xattr.js';
import {
  type MarkerFormat,
  opaqueName,
  type PrivateXattrs,
  privatesOf,
  whDirectoryKey,
  whiteoutName,
  whiteoutPrefix,
  whNamesKey,
} from '../markers.js';
import { withOwnerRights } from '../owner-rights.js';
import type { Descriptors } from './descriptors.js';
import { openDirectory } from './directory-layer.js';
import { chooseFormat } from './marker-probe.js';
import { encodePlainOrigin, type PlainOrigin } from './origin.js';
import { removeContents, removeTree } from './remove-tree.js';
import { WhiteoutDevice } from './whiteout-device.js';
import { WritableDirectory } from './writable-directory.js';

const self = '' as Name;
const yes = Buffer.from('y');
const protectionLetters = [
  [FS_APPEND_FL, 'a'],
  [FS_IMMUTABLE_FL, 'i'],
] as const;

export interface UpperOptions {
  format?: 'overlay' | 'overlay-user';
  whNames?: 'refuse' | 'allow';
  /** Owners are kept in an xattr: the layers are an image's, and we may not chown. */
  keepsIds?: boolean;
}

export class Upper extends WritableDirectory {
  /** What it takes for an overlay's own, as all layers of its stack do; undefined where it holds no xattrs. */
  get privateXattrs(): PrivateXattrs | undefined {
    return this.format.prefix === '' ? undefined : this.privates;
  }

  private readonly work: OwnedFd;
  readonly format: MarkerFormat;
  private temporaries = 0;
  private readonly whiteoutDevice = new WhiteoutDevice();

  /** Opens the two directories and empties the work directory of what a killed daemon left. FsError EROFS, EACCES, ENOENT. */
  constructor(
    path: string,
    workPath: string,
    descriptors: Descriptors,
    { format, whNames = 'refuse', keepsIds = false }: UpperOptions = {},
  ) {
    super(path, descriptors, keepsIds);
    this.hasOrdinaryWhNames = whNames === 'allow';
    const work = openPath(workPath, O_RDONLY | O_DIRECTORY);
    try {
      ensureDirectory(work, 'work' as Name);
      this.work = new OwnedFd(openDirectory(work, 'work' as Name), workPath);
    } finally {
      closeFd(work);
    }
    this.inheritNothing();
    this.emptyWork();
    this.format = chooseFormat(this.workFd, path, format, this.hasOrdinaryWhNames);
    this.privates = privatesOf(this.format);
    // For who commits the upper: the files look like whiteouts.
    if (this.hasOrdinaryWhNames) this.setPrivate(this.rootFd, self, whNamesKey, yes);
  }

  /** Descriptor of `<work>/work`. */
  get workFd(): number {
    return this.work.number;
  }

  /** What is made in the work directory must not get a group or ACLs from it (Linux ovl_workdir_create). */
  private inheritNothing(): void {
    try {
      chmodAt(this.workFd, self, 0o700);
      for (const key of [defaultAclName, accessAclName]) {
        if (getxattrAt(this.workFd, self, key) !== undefined) removexattrAt(this.workFd, self, key);
      }
    } catch (error) {
      if (!isRefusal(error)) throw error;
    }
  }

  /** A name in the work directory that nobody uses. */
  temporaryName(): Name {
    return `#${(this.temporaries++).toString(16)}` as Name;
  }

  // ---- markers -------------------------------------------------------------------------------------------------------------------

  /** Hides `name` of lower layers. PRE: the upper has no object of that name. */
  putWhiteout(dirFd: number, name: Name): void {
    if (this.format.whiteout === 'file') this.makeMarkerFile(dirFd, whiteoutName(name));
    else withOwnerRights([[dirFd, self]], () => this.whiteoutDevice.put(dirFd, name));
  }

  /** Takes the object `name` out of the upper and leaves a whiteout, in one step. Returns where it is in the work directory now. */
  moveOutLeavingWhiteout(dirFd: number, name: Name): Name {
    const out = this.temporaryName();
    if (this.format.whiteout === 'file') {
      this.renameLeavingFile(dirFd, name, this.workFd, out);
      return out;
    }
    try {
      this.rename(dirFd, name, this.workFd, out, RENAME_WHITEOUT);
    } catch (error) {
      // RENAME_WHITEOUT makes an inode; the shared whiteout needs none, so that deleting works on a full disk.
      if (!isRefusal(error) && !isNoRoom(error)) throw error;
      this.whiteoutDevice.put(this.workFd, out);
      this.orDiscard(out, () => this.rename(this.workFd, out, dirFd, name, RENAME_EXCHANGE));
    }
    return out;
  }

  /** Renames an object of the upper and leaves a whiteout under its old name. */
  renameLeavingWhiteout(dirFd: number, name: Name, newDirFd: number, newName: Name): void {
    if (this.format.whiteout === 'file') {
      this.renameLeavingFile(dirFd, name, newDirFd, newName);
      return;
    }
    try {
      this.rename(dirFd, name, newDirFd, newName, RENAME_WHITEOUT);
    } catch (error) {
      if (!isRefusal(error) && !isNoRoom(error)) throw error;
      // What can be refused comes first: the whiteout is there before the name goes.
      const whiteout = this.temporaryName();
      this.whiteoutDevice.put(this.workFd, whiteout);
      this.orDiscard(whiteout, () => this.rename(dirFd, name, newDirFd, newName));
      this.rename(this.workFd, whiteout, dirFd, name);
    }
  }

  /** A `.wh.` file beside the object that it names hides nothing of it, so it comes first. */
  private renameLeavingFile(dirFd: number, name: Name, newDirFd: number, newName: Name): void {
    const isMade = this.makeMarkerFile(dirFd, whiteoutName(name));
    try {
      this.rename(dirFd, name, newDirFd, newName);
    } catch (error) {
      if (isMade) unlinkAt(dirFd, whiteoutName(name));
      throw error;
    }
  }

  /** Does `work`; if it fails the object `made` of the work directory goes. */
  orDiscard(made: Name, work: () => void): void {
    try {
      work();
    } catch (error) {
      this.discard(made);
      throw error;
    }
  }

  /** Takes the object `name` out of the upper; nothing stays. */
  moveOut(dirFd: number, name: Name): Name {
    const out = this.temporaryName();
    this.rename(dirFd, name, this.workFd, out);
    return out;
  }

  /** Moves the finished object `made` of the work directory to its place, where nothing or (`isCovered`) a whiteout is. One step. */
  moveIn(made: Name, isDirectory: boolean, dirFd: number, name: Name, isCovered: boolean): void {
    if (isCovered && isDirectory && this.exchange(this.workFd, made, dirFd, name)) unlinkAt(this.workFd, made);
    else this.rename(this.workFd, made, dirFd, name);
    if (isCovered) this.dropWhiteoutFile(dirFd, name);
  }

  /** Lets two names change places; false where the second is not there (what hides the name is a `.wh.` file). */
  exchange(dirFd: number, name: Name, otherFd: number, other: Name): boolean {
    try {
      this.rename(dirFd, name, otherFd, other, RENAME_EXCHANGE);
      return true;
    } catch (error) {
      if (errnoOf(error) !== errno.ENOENT) throw error;
      return false;
    }
  }

  /** The `.wh.` file of a name that shows again. An upper may have been begun in that spelling and gone on in another. It hides nothing
   *  of its own layer, so where it cannot go it may stay. */
  dropWhiteoutFile(dirFd: number, name: Name): void {
    if (!this.hasWhiteoutFile(dirFd, name)) return;
    try {
      unlinkAt(dirFd, whiteoutName(name));
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
    }
  }

  /** Whether it was not there before. */
  private makeMarkerFile(dirFd: number, name: Name): boolean {
    try {
      closeFd(openAt(dirFd, name, O_CREAT | O_EXCL | O_RDWR, S_IFREG | 0o600));
      return true;
    } catch (error) {
      if (errnoOf(error) !== errno.EEXIST) throw error;
      return false;
    }
  }

  /** Lets names that begin with `.wh.` be ordinary in the directory `fd`, for an overlay whose upper lies in the view. False where they are
   *  whiteouts already or would have to be. */
  allowWhNames(fd: number): boolean {
    if (this.isWhDirectory(fd)) return true;
    if (this.format.whiteout === 'file') return false;
    let hasMarkers = false;
    readDirectory(fd, (name) => {
      hasMarkers ||= name.startsWith(whiteoutPrefix);
    });
    if (!hasMarkers) this.setPrivate(fd, self, whDirectoryKey, yes);
    return !hasMarkers;
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

  /** Notes that the directory holds copied-up objects. Best effort: without it only d_ino differs at the next mount. Whether it is noted. */
  setImpure(fd: number): boolean {
    return this.format.prefix === '' || this.tryPrivate(fd, self, 'impure', yes);
  }

  /** Notes where an object was copied up from. Best effort: without it only the inode number changes at the next mount. */
  setOrigin(dirFd: number, name: Name, origin: Buffer | PlainOrigin): void {
    if (this.format.prefix === '') return;
    if (Buffer.isBuffer(origin)) this.tryPrivate(dirFd, name, 'origin', origin);
    else this.tryPrivate(dirFd, name, 'plyfs.origin', encodePlainOrigin(origin));
  }

  /** False where there is no right, or no room, for the mark. */
  private tryPrivate(dirFd: number, name: Name, key: string, value: Buffer): boolean {
    try {
      this.setPrivate(dirFd, name, key, value);
      return true;
    } catch (error) {
      if (!isRefusal(error) && !isNoRoom(error)) throw error;
      return false;
    }
  }

  private setPrivate(dirFd: number, name: Name, key: string, value: Buffer): void {
    withOwnerRights([[dirFd, name]], () => setxattrAt(dirFd, name, nameFromText(this.format.prefix + key), value));
  }

  private getPrivate(dirFd: number, name: Name, key: string): Buffer | undefined {
    return getxattrAt(dirFd, name, nameFromText(this.format.prefix + key));
  }

  /** FS_IMMUTABLE_FL and FS_APPEND_FL as the kernel's overlay notes them: letters (Linux ovl_set_protattr). EOPNOTSUPP without xattrs. */
  setProtection(dirFd: number, name: Name, flags: number): void {
    const letters = protectionLetters.filter(([flag]) => (flags & flag) !== 0).map(([, letter]) => letter);
    if (letters.length > 0) {
      if (this.format.prefix === '') throw new FsError(errno.EOPNOTSUPP, 'the disk of the upper has no extended attributes');
      this.setPrivate(dirFd, name, 'protattr', Buffer.from(letters.join('')));
    } else if (this.protection(dirFd, name) !== 0) {
      removexattrAt(dirFd, name, nameFromText(`${this.format.prefix}protattr`));
    }
  }

  protection(dirFd: number, name: Name): number {
    if (this.format.prefix === '') return 0;
    const letters = this.getPrivate(dirFd, name, 'protattr')?.toString('latin1') ?? '';
    return protectionLetters.reduce((flags, [flag, letter]) => (letters.includes(letter) ? flags | flag : flags), 0);
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
  }

  override close(): void {
    this.work.close();
    this.whiteoutDevice.close();
    super.close();
  }
}

function ensureDirectory(fd: number, name: Name): void {
  try {
    mkdirAt(fd, name, 0o700);
  } catch (error) {
    if (errnoOf(error) !== errno.EEXIST) throw error;
  }
}
