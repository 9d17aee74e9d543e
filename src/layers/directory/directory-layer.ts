/** A directory of this machine as a layer. Its parts are found by directory descriptor and name, so no path is ever too long and no
 *  symlink planted in it leads anywhere. Its submounts are not part of it. Layers are read without touching their access times. */

import { Attributes } from '../../base/attributes.js';
import { errno } from '../../base/errno.js';
import { errnoOf, FsError } from '../../base/errors.js';
import { dirType } from '../../base/mode.js';
import { type Name, nameMax } from '../../base/name.js';
import { O_DIRECTORY, O_NOATIME, O_NOFOLLOW, O_NONBLOCK, O_PATH, O_RDONLY } from '../../sys/constants.js';
import { readlinkAt } from '../../sys/namespace.js';
import { closeFd, openAt, openBeneath, openPath, openTree } from '../../sys/open.js';
import { OwnedFd } from '../../sys/owned-fd.js';
import { statAt } from '../../sys/stat.js';
import { getxattrAt, listxattrAt } from '../../sys/xattr.js';
import { untilEnd } from '../content.js';
import type { KeptIds } from '../kept-ids.js';
import { type Content, type Found, foundWhiteout, type Layer, type LayerDir, type Listing, type LowerLink } from '../layer.js';
import { markerOfName, opaqueName, PrivateXattrs, whDirectoryKey, whiteoutName } from '../markers.js';
import type { Descriptors } from './descriptors.js';
import { LayerInodes } from './layer-inodes.js';

const self = '' as Name;

export class DirectoryLayer implements Layer {
  readonly inodeSpace: string;
  readonly inodes: LayerInodes;
  readonly root = 0 as LayerDir; // the first row below
  readonly knowsNames = false;
  /** Row i: the directory's parent and name. */
  protected readonly parents: LayerDir[] = [0 as LayerDir];
  protected readonly names: Name[] = [self];
  private readonly freeRows: LayerDir[] = [];
  private readonly owner: number;
  private readonly scratch = new Attributes();
  private linkedNames: Map<number, Name[]> | undefined;
  private readonly rootOwned: OwnedFd;
  /** How owners are kept in an upper of somebody who may not chown. */
  protected keptIds: KeptIds | undefined;
  /** Names that begin with `.wh.` are names like others here, as for the kernel. */
  protected hasOrdinaryWhNames = false;

  /** Opens `path`. FsError ENOENT, ENOTDIR, EACCES. */
  constructor(
    readonly label: string,
    path: string,
    private readonly descriptors: Descriptors,
    protected privates = PrivateXattrs.any,
    isWritable = false,
  ) {
    this.rootOwned = new OwnedFd(openRoot(path, isWritable), label);
    this.owner = descriptors.addOwner();
    statAt(this.rootFd, self, this.scratch);
    this.inodeSpace = `device ${this.scratch.dev}`;
    this.inodes = new LayerInodes(this.rootFd, this.scratch.dev);
  }

  protected get rootFd(): number {
    return this.rootOwned.number;
  }

  /** A descriptor of the directory for *at calls, open until others push it out of the cache. */
  fd(dir: LayerDir): number {
    if (dir === this.root) return this.rootFd;
    const known = this.descriptors.get(this.owner, dir);
    if (known !== undefined) return known;
    const missing: LayerDir[] = [];
    let at = dir;
    let fd: number | undefined;
    while (fd === undefined) {
      missing.push(at);
      at = this.parents[at]!;
      fd = at === this.root ? this.rootFd : this.descriptors.get(this.owner, at);
    }
    while (missing.length > 0) {
      const next = missing.pop()!;
      fd = openDirectory(fd, this.names[next]!);
      this.descriptors.put(this.owner, next, fd);
    }
    return fd;
  }

  directory(dir: LayerDir, name: Name): LayerDir {
    const row = this.freeRows.pop() ?? (this.parents.length as LayerDir); // a row number is a LayerDir
    this.parents[row] = dir;
    this.names[row] = name;
    return row;
  }

  /** The directory has another place now; open descriptors stay good. */
  moveDirectory(row: LayerDir, dir: LayerDir, name: Name): void {
    this.parents[row] = dir;
    this.names[row] = name;
  }

  /** The directory is gone. */
  dropDirectory(row: LayerDir): void {
    this.descriptors.drop(this.owner, row);
    this.freeRows.push(row);
  }

  list(dir: LayerDir, into: Listing): void {
    const fd = this.fd(dir);
    const reading = this.readMarks(fd, into);
    try {
      this.inodes.read(fd, (name, type, ino) => this.listEntry(fd, name, type, ino, reading, into));
    } catch (error) {
      // a directory that may not be read has an O_PATH descriptor here
      throw errnoOf(error) === errno.EBADF ? new FsError(errno.EACCES, `${this.label}: a directory may not be read`) : error;
    }
  }

  listNamed(dir: LayerDir, names: readonly Name[], into: Listing): void {
    const fd = this.fd(dir);
    const reading = this.readMarks(fd, into);
    if ((reading & whNames) === 0 && statAt(fd, opaqueName, this.scratch)) into.isOpaque = true;
    for (const name of names) {
      if (this.hasWhiteoutFile(fd, name)) into.whiteouts.push(name);
      if (!statAt(fd, name, this.scratch)) continue;
      const { mode } = this.scratch;
      const ino = this.inodes.of(this.scratch, fd, name);
      this.listEntry(fd, name, (mode >>> 12) & 0o17, ino, reading, into);
    }
  }

  /** The marks that are xattrs of the directory. Returns how its names are to be read. */
  private readMarks(fd: number, into: Listing): number {
    let reading = this.hasOrdinaryWhNames ? whNames : 0;
    for (const xattr of listxattrAt(fd, self)) {
      const key = this.privates.key(xattr);
      if (key === whDirectoryKey) reading |= whNames;
      if (key === undefined || !markKeys.includes(key)) continue;
      const value = getxattrAt(fd, self, xattr)?.toString('latin1') ?? '';
      if (key === 'opaque' && value === 'y') into.isOpaque = true;
      else if (key === 'opaque' && value === 'x') reading |= xattrWhiteouts;
      else if (key === 'redirect')
        into.redirect = value as Name; // the bytes of a path
      else if (key === 'impure' && value === 'y') into.isImpure = true;
    }
    return reading;
  }

  private listEntry(fd: number, name: Name, type: number, ino: number, reading: number, into: Listing): void {
    if (type === dirType.chr && this.isDeviceWhiteout(fd, name)) {
      into.whiteouts.push(name);
      return;
    }
    if (name.charCodeAt(0) === dot && name.startsWith('.wh.') && (reading & whNames) === 0) {
      const marker = markerOfName(name);
      if (marker?.kind === 'opaque') into.isOpaque = true;
      else if (marker?.kind === 'whiteout') into.whiteouts.push(marker.name);
      return;
    }
    if ((reading & xattrWhiteouts) !== 0 && type === dirType.reg && this.isXattrWhiteout(fd, name)) into.whiteouts.push(name);
    else into.add(name, type, ino, 0);
  }

  private isDeviceWhiteout(fd: number, name: Name): boolean {
    return statAt(fd, name, this.scratch) && this.scratch.rdev === 0;
  }

  private isXattrWhiteout(fd: number, name: Name): boolean {
    if (!statAt(fd, name, this.scratch) || this.scratch.size !== 0) return false;
    return listxattrAt(fd, name).some((xattr) => this.privates.key(xattr) === 'whiteout');
  }

  find(dir: LayerDir, name: Name): Found | undefined {
    const fd = this.fd(dir);
    if (!statAt(fd, name, this.scratch))
      return this.hasWhiteoutFile(fd, name) ? { type: foundWhiteout, ino: 0, ref: 0 } : undefined;
    const { mode, rdev } = this.scratch;
    const ino = this.inodes.of(this.scratch, fd, name);
    const type = (mode >>> 12) & 0o17;
    const isDevice = type === dirType.chr && rdev === 0;
    const isWhiteout = isDevice || (type === dirType.reg && this.mayHoldXattrWhiteouts(fd) && this.isXattrWhiteout(fd, name));
    return { type: isWhiteout ? foundWhiteout : type, ino, ref: 0 };
  }

  protected hasWhiteoutFile(fd: number, name: Name): boolean {
    const marker = whiteoutName(name);
    return marker.length <= nameMax && !this.hasOrdinaryWhNames && statAt(fd, marker, this.scratch) && !this.isWhDirectory(fd);
  }

  /** Whether names that begin with `.wh.` are names like others in the directory `fd`. */
  isWhDirectory(fd: number): boolean {
    return this.hasOrdinaryWhNames || listxattrAt(fd, self).some((xattr) => this.privates.key(xattr) === whDirectoryKey);
  }

  listMarks(dir: LayerDir, into: Listing): void {
    const fd = this.fd(dir);
    into.clear();
    if ((this.readMarks(fd, into) & whNames) === 0 && statAt(fd, opaqueName, this.scratch)) into.isOpaque = true;
  }

  /** What lies under the name is its whiteout or, with a `.wh.` file, anything. */
  hides(dir: LayerDir, name: Name): boolean {
    return this.hasWhiteoutFile(this.fd(dir), name) || this.find(dir, name)?.type === foundWhiteout;
  }

  private mayHoldXattrWhiteouts(fd: number): boolean {
    return listxattrAt(fd, self).some(
      (xattr) => this.privates.key(xattr) === 'opaque' && getxattrAt(fd, self, xattr)?.toString('latin1') === 'x',
    );
  }

  isImplied(): boolean {
    return false;
  }

  stat(dir: LayerDir, name: Name, _ref: number, out: Attributes): void {
    const fd = this.fd(dir);
    if (!statAt(fd, name, out)) throw new FsError(errno.ENOENT, `${this.label}: ${name} has vanished`);
    this.keptIds?.read(out, fd, name);
    out.ino = this.inodes.of(out, fd, name);
  }

  statDirectory(dir: LayerDir, out: Attributes): void {
    const fd = this.fd(dir);
    statAt(fd, self, out);
    this.keptIds?.read(out, fd, self);
    out.ino = this.inodes.of(out, fd, self);
  }

  readlink(dir: LayerDir, name: Name): Name {
    return readlinkAt(this.fd(dir), name);
  }

  getxattr(dir: LayerDir, name: Name, _ref: number, key: Name): Buffer | undefined {
    return getxattrAt(this.fd(dir), name, key);
  }
  listxattr(dir: LayerDir, name: Name): Name[] {
    return listxattrAt(this.fd(dir), name);
  }
  getxattrDirectory(dir: LayerDir, key: Name): Buffer | undefined {
    return getxattrAt(this.fd(dir), self, key);
  }
  listxattrDirectory(dir: LayerDir): Name[] {
    return listxattrAt(this.fd(dir), self);
  }

  open(dir: LayerDir, name: Name): Content {
    const fd = openUntouched(this.fd(dir), name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (isMetacopy(fd, this.privates)) {
      closeFd(fd);
      throw new FsError(errno.EIO, `${this.label}: ${name} is a metacopy file, whose data is elsewhere`);
    }
    return { fd, start: 0, size: untilEnd, close: () => closeFd(fd) };
  }

  namesOf(ino: number): Name[] {
    this.linkedNames ??= this.censusOfLinks();
    return this.linkedNames.get(ino) ?? [];
  }

  /** A directory holds its links' files itself. */
  lowerLinks(): readonly LowerLink[] {
    return [];
  }

  /** One walk over the whole layer: every inode number that more than one name has. */
  private censusOfLinks(): Map<number, Name[]> {
    const first = new Map<number, Name>();
    const linked = new Map<number, Name[]>();
    const walk = (fd: number, prefix: string): void => {
      const children: Name[] = [];
      this.inodes.read(fd, (name, type, ino) => {
        if (type === dirType.dir) children.push(name);
        const path = (prefix + name) as Name;
        const other = first.get(ino);
        if (other === undefined) first.set(ino, path);
        else linked.set(ino, [...(linked.get(ino) ?? [other]), path]);
      });
      for (const name of children) {
        const child = openDirectory(fd, name);
        try {
          walk(child, `${prefix}${name}/`);
        } finally {
          closeFd(child);
        }
      }
    };
    walk(this.rootFd, '');
    return linked;
  }

  close(): void {
    this.rootOwned.close();
  }
}

const dot = '.'.charCodeAt(0);
/** How the names of a directory are to be read: whiteouts may be files with an xattr (OV-35); names that begin with `.wh.` are ordinary. */
const xattrWhiteouts = 1;
const whNames = 2;
const markKeys = ['opaque', 'redirect', 'impure'];

/** A read-only layer is opened as a private copy of its mount, which has no submounts and is not disturbed by what gets mounted there
 *  later (the view itself included), where we have the right; an upper is opened where it stands. */
function openRoot(path: string, isWritable: boolean): number {
  const tree = isWritable ? undefined : openTree(path);
  if (tree === undefined) return openPath(path, O_RDONLY | O_DIRECTORY);
  try {
    return openDirectory(tree, '.' as Name);
  } finally {
    closeFd(tree);
  }
}

/** Opens the child directory `name`, readable if it may be read, otherwise good for *at calls only. */
export function openDirectory(fd: number, name: Name): number {
  try {
    return openBeneathUntouched(fd, name);
  } catch (error) {
    if (errnoOf(error) !== errno.EACCES) throw error;
    return openBeneath(fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW);
  }
}

function openBeneathUntouched(fd: number, name: Name): number {
  try {
    return openBeneath(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NOATIME);
  } catch (error) {
    if (errnoOf(error) !== errno.EPERM) throw error;
    return openBeneath(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  }
}

/** O_NOATIME is for the owner of the file and for root. */
function openUntouched(fd: number, name: Name, flags: number): number {
  try {
    return openAt(fd, name, flags | O_NOATIME);
  } catch (error) {
    if (errnoOf(error) !== errno.EPERM) throw error;
    return openAt(fd, name, flags);
  }
}

function isMetacopy(fd: number, privates: PrivateXattrs): boolean {
  return listxattrAt(fd, self).some((xattr) => privates.key(xattr) === 'metacopy');
}
