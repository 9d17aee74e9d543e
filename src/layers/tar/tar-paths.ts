/** Where the paths of a tar lead in the tree that it builds up: this file holds the rules for what lies on the way.
 *
 *  - A directory that no entry names is implied (L-5). A file in a directory's place is replaced by one.
 *  - A symlink that the same layer made is followed, within the root: a tool that unpacks the tar writes through it. (One of a lower layer
 *    is not known here: L-7.)
 *  - A marker makes nothing: on its way only directories are followed, and those that are missing are made for markers alone (see
 *    `flag.markers`): they show only where a lower layer has a directory. It means nothing below what is no directory.
 *  - What AUFS left in `.wh..wh.plnk` does not show, but hard links lead to it (W-7). */

import type { Limits } from '../../base/limits.js';
import { S_IFDIR, S_IFLNK, S_IFMT } from '../../base/mode.js';
import { type Name, nameMax } from '../../base/name.js';
import { badTar, entryOverLimit, shortPath, type TarEntry } from '../../tar/entry.js';
import { aufsLinksName, whiteoutPrefix } from '../markers.js';
import { flag } from './tar-index-format.js';
import { markerOf } from './tar-markers.js';
import type { TarTree } from './tar-tree.js';

/** As Linux: symlinks followed on one path. */
const symlinkLimit = 40;

/** Who asks for a directory: an entry, which shows it, or a marker. */
export type Asker = 'entry' | 'marker';

export class TarPaths {
  /** The directory of the last entry: tars name the children of one directory in a row. */
  private lastPath: string | undefined = undefined;
  private lastAsker: Asker = 'entry';
  private lastDir = 0;
  /** What stands for `.wh..wh.plnk`: an object that nothing in the tree leads to. */
  private aufsLinks: number | undefined = undefined;

  constructor(
    private readonly tree: TarTree,
    private readonly limits: Limits,
    private readonly warn: (sentence: string) => void,
  ) {}

  /** A name of the tree means another object now: what was known of paths may be wrong. */
  forget(): void {
    this.lastPath = undefined;
  }

  /** The directory object at `path`, made if need be; -1 where there is no place for a marker. PlyfsError BAD_TAR, OVER_LIMIT. */
  directory(path: string, entry: TarEntry, asker: Asker): number {
    if (path === this.lastPath && asker === this.lastAsker) return this.lastDir;
    const dir = new Walk(this.tree, path).run((parent, name, depth) => {
      if (depth > this.limits.depth) {
        throw entryOverLimit(entry.path, entry.headerAt, `more than ${this.limits.depth} directories deep`, 'depth');
      }
      if (name.length > nameMax)
        throw badTar(entry.path, entry.headerAt, `a name of ${name.length} bytes, Linux allows ${nameMax}`);
      if (name.startsWith(whiteoutPrefix)) return this.belowMarker(parent, name, entry, asker);
      return asker === 'marker' ? this.forMarkers(parent, name) : this.forEntries(parent, name, entry);
    });
    if (dir === tooManySymlinks) throw badTar(entry.path, entry.headerAt, 'its directory is reached through too many symlinks');
    this.lastPath = path;
    this.lastAsker = asker;
    this.lastDir = dir;
    return dir;
  }

  /** The object at the normal path `path`, -1 if there is none. */
  find(path: Name): number {
    const { parent, name } = this.split(path);
    if (parent < 0) return -1;
    const slot = this.tree.findSlot(parent, name);
    return slot < 0 ? -1 : this.tree.slotObject[slot]!;
  }

  /** The same path without the symlinks of this layer on its way, as far as they are known here. */
  physical(path: Name): Name {
    const walk = new Walk(this.tree, directoryOf(path));
    walk.run((parent, name) => {
      const slot = this.tree.findSlot(parent, name);
      return slot < 0 ? nowhere : this.tree.slotObject[slot]!;
    });
    return [...walk.names, ...walk.left.reverse(), baseOf(path)].join('/') as Name; // Names and slashes
  }

  private split(path: Name): { parent: number; name: Name } {
    const parent = new Walk(this.tree, directoryOf(path)).run((dir, name) => {
      if (dir === 0 && name === aufsLinksName) return this.aufsLinks ?? nowhere;
      const slot = this.tree.findSlot(dir, name);
      return slot < 0 ? nowhere : this.tree.slotObject[slot]!;
    });
    return { parent, name: baseOf(path) };
  }

  private belowMarker(parent: number, name: Name, entry: TarEntry, asker: Asker): number {
    if (parent === 0 && name === aufsLinksName && asker === 'entry') {
      this.aufsLinks ??= this.tree.addObject(S_IFDIR | 0o755, flag.implied);
      return this.aufsLinks;
    }
    if (markerOf(name, entry)?.kind === 'ignored' || asker === 'marker') return nowhere;
    throw badTar(entry.path, entry.headerAt, 'it lies under a name that begins with .wh.');
  }

  private forMarkers(parent: number, name: Name): number {
    const { tree } = this;
    const slot = tree.findSlot(parent, name);
    if (slot >= 0) return tree.isDirectory(tree.slotObject[slot]!) ? tree.slotObject[slot]! : nowhere;
    const made = tree.addObject(S_IFDIR | 0o755, flag.implied | flag.markers);
    tree.addSlot(parent, name, made);
    return made;
  }

  private forEntries(parent: number, name: Name, entry: TarEntry): number {
    const { tree } = this;
    const slot = tree.findSlot(parent, name);
    const object = slot < 0 ? -1 : tree.slotObject[slot]!;
    if (slot >= 0 && (tree.isDirectory(object) || isSymlink(tree, object))) {
      tree.flags[object]! &= ~flag.markers;
      return object;
    }
    const made = tree.addObject(S_IFDIR | 0o755, flag.implied);
    if (slot < 0) tree.addSlot(parent, name, made);
    else {
      this.warn(
        `tar entry "${shortPath(entry.path)}" at byte ${entry.headerAt}: its parent "${shortPath(name)}" was no directory; one takes its place`,
      );
      tree.slotObject[slot] = made;
    }
    return made;
  }
}

/** What a step answers besides objects, and a walk besides directories. */
const nowhere = -1;
const tooManySymlinks = -2;

/** One way from the root along a path, symlinks followed and `..` taken back within the root. */
class Walk {
  /** The directories from the root, with their names. */
  private readonly above: number[] = [0];
  readonly names: Name[] = [];
  /** What is left of the path, its next name last. */
  readonly left: Name[];

  constructor(
    private readonly tree: TarTree,
    path: string,
  ) {
    this.left = partsOf(path).reverse();
  }

  /** The directory at its end; `step` tells the object under a name. `nowhere` and `tooManySymlinks` end it. */
  run(step: (parent: number, name: Name, depth: number) => number): number {
    const { tree, above, names, left } = this;
    let symlinks = 0;
    for (let name = left.at(-1); name !== undefined; name = left.at(-1)) {
      if (name === '..') {
        if (above.length > 1) above.pop();
        names.pop();
        left.pop();
        continue;
      }
      const object = step(above.at(-1)!, name, above.length); // the root is never popped
      if (object >= 0 && tree.isDirectory(object)) {
        above.push(object);
        names.push(name);
        left.pop();
      } else if (object >= 0 && isSymlink(tree, object)) {
        if (++symlinks > symlinkLimit) return tooManySymlinks;
        left.pop();
        const target = tree.targetOf(object);
        if (target.startsWith('/')) above.length = 1;
        if (target.startsWith('/')) names.length = 0;
        left.push(...partsOf(target).reverse());
      } else {
        return nowhere;
      }
    }
    return above.at(-1)!; // as above
  }
}

function isSymlink(tree: TarTree, object: number): boolean {
  return (tree.mode[object]! & S_IFMT) === S_IFLNK;
}

function partsOf(path: string): Name[] {
  return path.split('/').filter((part) => part !== '' && part !== '.') as Name[]; // parts of a Name are Names
}

/** Of a normal path: '' for the root. */
export function directoryOf(path: Name): Name {
  return path.slice(0, Math.max(0, path.lastIndexOf('/'))) as Name; // names and slashes
}

export function baseOf(path: Name): Name {
  return path.slice(path.lastIndexOf('/') + 1) as Name; // one name
}
