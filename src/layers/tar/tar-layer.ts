/** A layer that is a tar and its index: nothing is unpacked, a file's bytes are a range of the tar. The tar may itself lie inside a
 *  larger file (a layer in an archive), from `start` on. Answers come from memory; only reading content touches the disk. */

import type { Attributes } from '../../base/attributes.js';
import { errno } from '../../base/errno.js';
import { FsError } from '../../base/errors.js';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG, typeOfMode } from '../../base/mode.js';
import type { Name } from '../../base/name.js';
import {
  type Content,
  type Found,
  foundLink,
  foundPass,
  foundWhiteout,
  type Layer,
  type LayerDir,
  type Listing,
  type LowerLink,
} from '../layer.js';
import type { TarIndex } from './tar-index.js';
import { flag } from './tar-index-format.js';

/** The descriptor that the tar is read by, the layer's own from here on (OwnedFd); -1 where only names are asked for. */
export interface TarFile {
  readonly number: number;
  close(): void;
}

export class TarLayer implements Layer {
  readonly root = 0 as LayerDir; // the index's entry 0 is its root
  readonly knowsNames = true;
  #lowerLinks: readonly LowerLink[] | undefined;

  /** `digest` names the layer and its inode space: one digest is one set of inode numbers, whoever opened it. */
  constructor(
    readonly label: string,
    readonly index: TarIndex,
    private readonly file: TarFile,
    /** Where in the file the tar begins. */
    private readonly start: number,
  ) {}

  get inodeSpace(): string {
    return this.label;
  }

  list(dir: LayerDir, into: Listing): void {
    const { columns } = this.index;
    into.isOpaque = this.index.has(dir, flag.opaque);
    const end = columns.data[dir]! + columns.size[dir]!;
    for (let entry = columns.data[dir]!; entry < end; entry++) this.#listEntry(entry, this.index.name(entry), into);
    for (let at = this.index.firstWhiteout(dir); columns.whiteoutDir[at] === dir; at++)
      into.whiteouts.push(this.index.whiteoutName(at));
  }

  listNamed(dir: LayerDir, names: readonly Name[], into: Listing): void {
    into.isOpaque = this.index.has(dir, flag.opaque);
    for (const name of names) {
      const entry = this.index.find(dir, name);
      if (entry >= 0) this.#listEntry(entry, name, into);
      if (this.index.hasWhiteout(dir, name)) into.whiteouts.push(name);
    }
  }

  #listEntry(entry: number, name: Name, into: Listing): void {
    if (this.index.has(entry, flag.lowerLink)) into.addLink(name, this.index.target(entry));
    else if (this.index.has(entry, flag.markers)) into.addPass(name, entry);
    else into.add(name, typeOfMode(this.index.columns.mode[entry]!), this.#inode(entry), entry);
  }

  find(dir: LayerDir, name: Name): Found | undefined {
    const entry = this.index.find(dir, name);
    if (entry >= 0) return { type: this.#foundType(entry), ino: this.#inode(entry), ref: entry };
    return this.index.hasWhiteout(dir, name) ? { type: foundWhiteout, ino: 0, ref: 0 } : undefined;
  }

  #foundType(entry: number): number {
    if (this.index.has(entry, flag.lowerLink)) return foundLink;
    return this.index.has(entry, flag.markers) ? foundPass : typeOfMode(this.index.columns.mode[entry]!);
  }

  listMarks(dir: LayerDir, into: Listing): void {
    into.clear();
    into.isOpaque = this.index.has(dir, flag.opaque);
  }

  hides(dir: LayerDir, name: Name): boolean {
    return this.index.hasWhiteout(dir, name);
  }

  directory(_dir: LayerDir, name: Name, ref: number): LayerDir {
    if (!this.index.isDirectory(ref)) throw new Error(`entry ${ref} (${name}) is no directory`);
    return ref as LayerDir; // a directory's number is its entry's
  }

  /** Numbers are those of entries: there is nothing to give back. */
  dropDirectory(): void {}

  isImplied(dir: LayerDir): boolean {
    return this.index.has(dir, flag.implied);
  }

  stat(_dir: LayerDir, _name: Name, ref: number, out: Attributes): void {
    this.#stat(ref, out);
  }

  statDirectory(dir: LayerDir, out: Attributes): void {
    this.#stat(dir, out);
  }

  /** The target of a symlink, or of a hard link to the lower layers. */
  readlink(_dir: LayerDir, name: Name, ref: number): Name {
    const isLink = (this.index.columns.mode[ref]! & S_IFMT) === S_IFLNK || this.index.has(ref, flag.lowerLink);
    if (!isLink) throw new FsError(errno.EINVAL, `${name} is no symlink`);
    return this.index.target(ref);
  }

  getxattr(_dir: LayerDir, _name: Name, ref: number, key: Name): Buffer | undefined {
    return this.#getxattr(ref, key);
  }

  listxattr(_dir: LayerDir, _name: Name, ref: number): Name[] {
    return this.#listxattr(ref);
  }

  getxattrDirectory(dir: LayerDir, key: Name): Buffer | undefined {
    return this.#getxattr(dir, key);
  }

  listxattrDirectory(dir: LayerDir): Name[] {
    return this.#listxattr(dir);
  }

  open(_dir: LayerDir, name: Name, ref: number): Content {
    const { mode, size, data } = this.index.columns;
    if ((mode[ref]! & S_IFMT) !== S_IFREG) throw new FsError(errno.EINVAL, `${name} is no file`);
    const { file, start } = this;
    const extents = this.index.extents(ref)?.map((extent) => ({ ...extent, at: start + extent.at }));
    return {
      // Asked for at each read: after the layer's end the number is somebody else's.
      get fd() {
        return file.number;
      },
      start: start + data[ref]!,
      size: size[ref]!,
      ...(extents === undefined ? {} : { extents }),
      close: () => undefined, // the descriptor is the layer's
    };
  }

  namesOf(ino: number): Name[] {
    return this.index.namesOf(ino - 1).map((entry) => this.index.path(entry));
  }

  lowerLinks(): readonly LowerLink[] {
    this.#lowerLinks ??= this.index
      .lowerLinks()
      .map((entry) => ({ path: this.index.path(entry), target: this.index.target(entry) }));
    return this.#lowerLinks;
  }

  close(): void {
    this.file.close();
  }

  /** Entry numbers follow from the tar alone, so an inode number is the same whenever and wherever it is opened. */
  #inode(entry: number): number {
    return this.index.first(entry) + 1;
  }

  /** A directory's nlink is 1, which says "not counted" to those who would count subdirectories by it (find). */
  #stat(entry: number, out: Attributes): void {
    const c = this.index.columns;
    const mode = c.mode[entry]!;
    const kind = mode & S_IFMT;
    const group = this.index.groupOf(entry);
    out.ino = (group < 0 ? entry : c.groupFirst[group]!) + 1;
    out.mode = kind === S_IFLNK ? S_IFLNK | 0o777 : mode; // as every file system of Linux, whatever the tar says
    out.nlink = group < 0 ? 1 : c.groupSize[group]!;
    out.uid = c.uid[entry]!;
    out.gid = c.gid[entry]!;
    out.rdev = kind === S_IFCHR || kind === S_IFBLK ? c.data[entry]! : 0;
    out.size = kind === S_IFDIR ? 4096 : c.size[entry]!;
    out.blocks = Math.ceil(this.#storedBytes(entry, kind) / 512);
    out.blksize = 4096;
    out.atimeSec = out.mtimeSec = out.ctimeSec = c.mtimeSec[entry]!;
    out.atimeNsec = out.mtimeNsec = out.ctimeNsec = c.mtimeNsec[entry]!;
    out.btimeSec = 0;
    out.btimeNsec = 0;
  }

  #storedBytes(entry: number, kind: number): number {
    if (kind !== S_IFREG) return 0;
    const extents = this.index.extents(entry);
    return extents === undefined ? this.index.columns.size[entry]! : extents.reduce((sum, { length }) => sum + length, 0);
  }

  #getxattr(entry: number, key: Name): Buffer | undefined {
    let found: Buffer | undefined;
    this.index.xattrs(entry, (name, value) => {
      if (name !== key) return false;
      found = value;
      return true;
    });
    return found;
  }

  #listxattr(entry: number): Name[] {
    const names: Name[] = [];
    this.index.xattrs(entry, (name) => {
      names.push(name);
      return false;
    });
    return names;
  }
}
