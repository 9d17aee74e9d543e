/** Builds the index of a layer while its tar streams by: this file holds the rules by which entries become a tree.
 *
 *  - Names lose a leading / or ./; one that climbs out is refused (L-3). The last entry of a name wins; two directories merge (L-4).
 *  - A parent that no entry names is implied (L-5). One that is a file or symlink of this layer is replaced by a directory (L-7).
 *  - A hard link takes the object that its target's name stands for now, or, if none does yet, at the end of the tar, or is kept as a
 *    link to the lower layers (L-8).
 *  - `.wh.` names are markers by their base name alone and act on lower layers only, in any order (W-1 to W-7). */

import { makeDevice } from '../../base/attributes.js';
import { errnoOf } from '../../base/errors.js';
import { type Limits, readLimits } from '../../base/limits.js';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG } from '../../base/mode.js';
import { type Name, nameMax } from '../../base/name.js';
import { badTar, entryOverLimit, shortPath, type TarEntry } from '../../tar/entry.js';
import { TarParser } from '../../tar/parser.js';
import { type Marker, markerOfName, whiteoutPrefix } from '../markers.js';
import type { TarIndex } from './tar-index.js';
import { flag } from './tar-index-format.js';
import { layOut } from './tar-index-layout.js';
import { Bytes, pendingLink, TarTree, type TreeExtras } from './tar-tree.js';

const kinds = { file: S_IFREG, symlink: S_IFLNK, chr: S_IFCHR, blk: S_IFBLK, dir: S_IFDIR, fifo: S_IFIFO } as const;

export class TarIndexBuilder {
  readonly #parser: TarParser;
  readonly #limits: Limits;
  readonly #tree = new TarTree();
  readonly #extras: TreeExtras = {
    whiteouts: { dirs: [], names: [] },
    xattrAt: new Map(),
    xattrBytes: new Bytes(),
    extents: new Map(),
    bound: new Map(),
  };
  /** Equal xattr sets are kept once: on a labelled system every file has the same. */
  readonly #xattrSets = new Map<string, number>();
  readonly #pending: number[] = [];
  readonly #warnings: string[] = [];
  /** The directory of the last entry: tars name the children of one directory in a row. */
  #lastPath: string | undefined = undefined;
  #lastDir = 0;

  constructor(limits: Limits = readLimits()) {
    this.#limits = limits;
    this.#parser = new TarParser((entry) => this.#add(entry), limits);
    this.#tree.addObject(S_IFDIR | 0o755, flag.implied);
  }

  /** The next bytes of the tar; PlyfsError BAD_TAR or OVER_LIMIT ends the building. */
  push(chunk: Buffer): void {
    this.#parser.push(chunk);
  }

  /** As TarParser: bytes that a reader who can seek may leave out, told by `skip`. */
  get skippable(): number {
    return this.#parser.skippable;
  }

  skip(bytes: number): void {
    this.#parser.skip(bytes);
  }

  /** Sentences about what was doubtful but taken; at most about 200. */
  get warnings(): readonly string[] {
    return [...this.#parser.warnings, ...this.#warnings];
  }

  /** The tar is over: the finished, sealed index. BAD_TAR if it was cut off or its hard links make a circle. */
  finish(): TarIndex {
    this.#parser.end();
    for (const link of this.#pending) this.#bindLate(link);
    return layOut(this.#tree, this.#extras, this.#parser.position);
  }

  #add(entry: TarEntry): void {
    if (this.#tree.objects > this.#limits.entries) {
      throw entryOverLimit(
        entry.path,
        entry.headerAt,
        `with the directories it implies the archive has over ${this.#limits.entries} entries`,
        'entries',
      );
    }
    const path = normalPath(entry.path);
    if (path === undefined) throw badTar(entry.path, entry.headerAt, 'the name climbs above the root');
    if (path === '') {
      if (entry.type !== 'dir') throw badTar(entry.path, entry.headerAt, 'the root is not a directory');
      this.#fill(0, entry, S_IFDIR);
      return;
    }
    const slash = path.lastIndexOf('/');
    const parent = this.#directoryAt(slash < 0 ? '' : path.slice(0, slash), entry);
    if (parent < 0) return;
    const base = path.slice(slash + 1) as Name;
    if (base.length > nameMax)
      throw badTar(entry.path, entry.headerAt, `a name of ${base.length} bytes, Linux allows ${nameMax}`);
    const marker = base.startsWith(whiteoutPrefix) ? markerOf(base, entry) : undefined;
    if (marker === undefined) this.#addAt(parent, base, entry);
    else if (marker.kind === 'opaque') this.#tree.flags[parent]! |= flag.opaque;
    else if (marker.kind === 'whiteout') {
      this.#extras.whiteouts.dirs.push(parent);
      this.#extras.whiteouts.names.push(marker.name);
    }
  }

  /** The directory object at `path`, made if need be; -1 where the path goes through a leftover of AUFS (W-7). */
  #directoryAt(path: string, entry: TarEntry): number {
    if (path === this.#lastPath) return this.#lastDir;
    let dir = 0;
    let depth = 0;
    for (let from = 0; from < path.length; ) {
      const slash = path.indexOf('/', from);
      const end = slash < 0 ? path.length : slash;
      const name = path.slice(from, end) as Name;
      if (++depth > this.#limits.depth) {
        throw entryOverLimit(entry.path, entry.headerAt, `more than ${this.#limits.depth} directories deep`, 'depth');
      }
      if (name.length > nameMax)
        throw badTar(entry.path, entry.headerAt, `a name of ${name.length} bytes, Linux allows ${nameMax}`);
      if (name.startsWith(whiteoutPrefix)) {
        if (markerOf(name, entry)?.kind === 'ignored') return -1;
        throw badTar(entry.path, entry.headerAt, 'it lies under a name that begins with .wh.');
      }
      dir = this.#childDirectory(dir, name, entry);
      from = end + 1;
    }
    this.#lastPath = path;
    this.#lastDir = dir;
    return dir;
  }

  #childDirectory(dir: number, name: Name, entry: TarEntry): number {
    const tree = this.#tree;
    const slot = tree.findSlot(dir, name);
    if (slot < 0) {
      const made = this.#implied();
      tree.addSlot(dir, name, made);
      return made;
    }
    const object = tree.slotObject[slot]!;
    if (tree.isDirectory(object)) return object;
    this.#warn(
      `tar entry "${shortPath(entry.path)}" at byte ${entry.headerAt}: its parent "${shortPath(name)}" was no directory; one takes its place`,
    );
    const made = this.#implied();
    tree.slotObject[slot] = made;
    return made;
  }

  #implied(): number {
    return this.#tree.addObject(S_IFDIR | 0o755, flag.implied);
  }

  #addAt(parent: number, name: Name, entry: TarEntry): void {
    const tree = this.#tree;
    const slot = tree.findSlot(parent, name);
    const existing = slot < 0 ? -1 : tree.slotObject[slot]!;
    if (entry.type === 'dir' && existing >= 0 && tree.isDirectory(existing)) {
      this.#fill(existing, entry, S_IFDIR);
      return;
    }
    const object = entry.type === 'hardlink' ? this.#linked(entry) : this.#fill(tree.addObject(0, 0), entry, kinds[entry.type]);
    if (slot < 0) tree.addSlot(parent, name, object);
    else {
      tree.slotObject[slot] = object;
      // A directory may be gone, and the last path with it.
      if (tree.isDirectory(existing)) this.#lastPath = undefined;
    }
  }

  /** Writes what the entry says into `object`, over whatever it said before. */
  #fill(object: number, entry: TarEntry, kind: number): number {
    const tree = this.#tree;
    tree.mode[object] = kind | entry.mode;
    tree.flags[object]! &= flag.opaque;
    tree.uid[object] = entry.uid;
    tree.gid[object] = entry.gid;
    tree.mtimeSec[object] = entry.mtimeSec;
    tree.mtimeNsec[object] = entry.mtimeNsec;
    tree.size[object] = kind === S_IFLNK ? entry.link.length : entry.size;
    tree.data[object] = this.#dataOf(entry, kind);
    this.#extras.xattrAt.delete(object);
    if (entry.xattrs !== undefined && entry.xattrs.size > 0) {
      this.#extras.xattrAt.set(object, this.#xattrSet(entry.xattrs));
      tree.flags[object]! |= flag.xattrs;
    }
    if (entry.extents !== undefined) {
      this.#extras.extents.set(object, entry.extents);
      tree.flags[object]! |= flag.sparse;
    }
    return object;
  }

  #dataOf(entry: TarEntry, kind: number): number {
    if (kind === S_IFREG) return entry.dataAt;
    if (kind === S_IFLNK) {
      if (entry.link === '') throw badTar(entry.path, entry.headerAt, 'a symlink without a linkname');
      if (entry.link.length > targetMax) {
        throw badTar(
          entry.path,
          entry.headerAt,
          `a linkname of ${entry.link.length} bytes, Linux allows ${targetMax} for a symlink`,
        );
      }
      return this.#tree.targets.append(entry.link);
    }
    return kind === S_IFCHR || kind === S_IFBLK ? makeDevice(entry.deviceMajor, entry.deviceMinor) : 0;
  }

  #xattrSet(xattrs: ReadonlyMap<Name, Buffer>): number {
    const parts: Buffer[] = [uint32(xattrs.size)];
    for (const [name, value] of xattrs) parts.push(uint32(name.length), uint32(value.length), Buffer.from(name, 'latin1'), value);
    const bytes = Buffer.concat(parts);
    const key = bytes.length <= 4096 ? bytes.toString('latin1') : undefined;
    const known = key === undefined ? undefined : this.#xattrSets.get(key);
    if (known !== undefined) return known;
    const at = this.#extras.xattrBytes.appendBytes(bytes);
    if (key !== undefined && this.#xattrSets.size < maxXattrSets) this.#xattrSets.set(key, at);
    return at;
  }

  /** The object that a hard link stands for: its target's, or a new one that keeps the target's path until it is known. */
  #linked(entry: TarEntry): number {
    const tree = this.#tree;
    const target = normalPath(entry.link);
    if (target === undefined || target === '')
      throw badTar(entry.path, entry.headerAt, `the hard link's target "${shortPath(entry.link)}" is not in the image`);
    const object = tree.findPath(target);
    if (object < 0) {
      const link = tree.addObject(pendingLink, 0);
      tree.data[link] = tree.targets.append(target);
      tree.size[link] = target.length;
      this.#pending.push(link);
      return link;
    }
    if (tree.isDirectory(object))
      throw badTar(entry.path, entry.headerAt, `its target "${shortPath(entry.link)}" is a directory`);
    return object;
  }

  /** Binds a link whose target was not there when it came, and every link on the way. It stays one, to the lower layers, if no entry
   *  brought the target. Each link is walked once, however long the chains are. */
  #bindLate(link: number): void {
    const tree = this.#tree;
    const { bound } = this.#extras;
    const walked: number[] = [];
    let object = link;
    while (tree.mode[object] === pendingLink && (tree.flags[object]! & flag.lowerLink) === 0) {
      const known = bound.get(object);
      if (known !== undefined) {
        object = known;
        break;
      }
      const target = this.#targetOf(object);
      if ((tree.flags[object]! & walking) !== 0) throw badTar(target, this.#parser.position, 'hard links to it make a circle');
      const next = tree.findPath(target);
      if (next < 0) {
        tree.flags[object]! |= flag.lowerLink;
        break;
      }
      if (tree.isDirectory(next)) throw badTar(target, this.#parser.position, 'a hard link to it, but it is a directory');
      tree.flags[object]! |= walking;
      walked.push(object);
      object = next;
    }
    for (const passed of walked) {
      tree.flags[passed]! &= ~walking;
      bound.set(passed, object);
    }
  }

  #targetOf(link: number): Name {
    const from = this.#tree.data[link]!;
    // What append put there from a Name.
    return this.#tree.targets.buffer.toString('latin1', from, from + this.#tree.size[link]!) as Name;
  }

  #warn(sentence: string): void {
    if (this.#warnings.length < 100) this.#warnings.push(sentence);
  }
}

/** PATH_MAX without the NUL: readlink(2) gives no more. */
const targetMax = 4095;

/** A bit of an object's flags while bindLate walks over it. */
const walking = 128;

/** Distinct sets that are looked for again: beyond it each file keeps its own. */
const maxXattrSets = 100_000;

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** The names of a path joined by '/', '' for the root, undefined where it climbs above it. `.` and empty parts go, `..` takes back. */
export function normalPath(path: Name): Name | undefined {
  let from = 0;
  if (path.startsWith('./')) from = 2;
  while (path.charCodeAt(from) === 0x2f) from++;
  let end = path.length;
  while (end > from && path.charCodeAt(end - 1) === 0x2f) end--;
  const plain = path.slice(from, end);
  if (!oddPart.test(plain)) return plain as Name;
  const parts: string[] = [];
  for (const part of plain.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined) return undefined;
  }
  return parts.join('/') as Name;
}

/** A part that is empty, `.` or `..`; also the empty path. */
const oddPart = /(?:^|\/)\.{0,2}(?:\/|$)/;

function markerOf(name: Name, entry: TarEntry): Marker | undefined {
  try {
    return markerOfName(name);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    throw badTar(entry.path, entry.headerAt, `the marker ${name} names nothing`);
  }
}
