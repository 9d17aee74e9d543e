/** Builds the index of a layer while its tar streams by: this file holds the rules by which entries become a tree.
 *
 *  - Names lose a leading / or ./; one that climbs out is refused (L-3). The last entry of a name wins; two directories merge (L-4).
 *  - What lies on the way to a name, and what is made there: tar-paths.ts.
 *  - A hard link takes the object that its target's name stands for now, or, if none does yet, at the end of the tar, or is kept as a
 *    link to the lower layers (L-8).
 *  - `.wh.` names are markers by their base name alone and act on lower layers only, in any order (W-1 to W-7). They make nothing. */

import { makeDevice } from '../../base/attributes.js';
import { type Limits, readLimits } from '../../base/limits.js';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG } from '../../base/mode.js';
import { type Name, nameMax } from '../../base/name.js';
import { badTar, entryOverLimit, shortPath, type TarEntry } from '../../tar/entry.js';
import { TarParser } from '../../tar/parser.js';
import { whiteoutPrefix } from '../markers.js';
import type { TarIndex } from './tar-index.js';
import { flag } from './tar-index-format.js';
import { layOut } from './tar-index-layout.js';
import { markerOf } from './tar-markers.js';
import { baseOf, directoryOf, TarPaths } from './tar-paths.js';
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
  readonly #paths: TarPaths;

  constructor(limits: Limits = readLimits()) {
    this.#limits = limits;
    this.#parser = new TarParser((entry) => this.#add(entry), limits);
    this.#paths = new TarPaths(this.#tree, limits, (sentence) => this.#warn(sentence));
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
    const base = baseOf(path);
    if (base.length > nameMax)
      throw badTar(entry.path, entry.headerAt, `a name of ${base.length} bytes, Linux allows ${nameMax}`);
    const marker = base.startsWith(whiteoutPrefix) ? markerOf(base, entry) : undefined;
    if (marker?.kind === 'ignored') return;
    const parent = this.#paths.directory(directoryOf(path), entry, marker === undefined ? 'entry' : 'marker');
    if (parent < 0) return;
    if (marker === undefined) this.#addAt(parent, base, entry);
    else if (marker.kind === 'opaque') this.#tree.flags[parent]! |= flag.opaque;
    else {
      this.#extras.whiteouts.dirs.push(parent);
      this.#extras.whiteouts.names.push(marker.name);
    }
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
      this.#paths.forget();
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
    const object = this.#paths.find(target);
    if (object < 0) {
      const link = tree.addObject(pendingLink, 0);
      tree.setTarget(link, target);
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
      const target = tree.targetOf(object);
      if ((tree.flags[object]! & walking) !== 0) throw badTar(target, this.#parser.position, 'hard links to it make a circle');
      const next = this.#paths.find(target);
      if (next < 0) {
        tree.flags[object]! |= flag.lowerLink;
        const physical = this.#paths.physical(target);
        if (physical !== target) tree.setTarget(object, physical);
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
