/** Names of one file in several layers, and how many of them show. A layer's hard link to a file below it is one more name of that file
 *  (L-8): such links are rare, so they are looked up once, when the first question comes. Layers above hide names: where a layer keeps its
 *  names in memory they are counted one by one. */

import { PlyfsError } from '../../base/errors.js';
import { dirType } from '../../base/mode.js';
import { type Name, textFromName } from '../../base/name.js';
import { foundPass, type Layer, Listing } from '../layer.js';
import { Below } from './below.js';

interface LinkedFile {
  readonly position: number;
  readonly ino: number;
  /** From the root of the view; not each of them must show. */
  readonly names: Set<Name>;
  /** Names that the layers show, undefined until they are counted. */
  count: number | undefined;
}

export class LowerLinks {
  private files: Map<string, LinkedFile> | undefined;
  /** Of files that no other layer links to, by position and inode number (below 2^32 where names are in memory). */
  private readonly counts = new Map<number, number>();

  /** `first` is the position of the topmost layer that counts: an upper does not, as it changes. */
  constructor(
    private readonly layers: readonly Layer[],
    private readonly first: number,
    private readonly below: Below,
  ) {}

  /** The names of file `ino` of layer `position` if layers above it link to it: its own and theirs, whether they show or not. */
  names(position: number, ino: number): readonly Name[] {
    const file = this.find(position, ino);
    return file === undefined ? [] : [...file.names];
  }

  /** How many names the file shows in the view of the layers, 1 at least. `known` is what its layer says. */
  count(position: number, ino: number, known: number): number {
    const file = this.find(position, ino);
    if (file !== undefined) {
      file.count ??= Math.max(1, [...file.names].filter((name) => this.shows(name, file)).length);
      return file.count;
    }
    if (known < 2 || position === this.first || !this.layers[position]!.knowsNames) return known;
    return this.countUnhidden(position, ino);
  }

  private shows(name: Name, { position, ino }: LinkedFile): boolean {
    const object = this.below.walk(this.below.roots(this.first - 1), name).object;
    return object?.position === position && object.ino === ino;
  }

  private countUnhidden(position: number, ino: number): number {
    const key = position * 2 ** 32 + ino;
    const counted = this.counts.get(key);
    if (counted !== undefined) return counted;
    const above = this.layers.slice(this.first, position);
    const shown = this.layers[position]!.namesOf(ino).filter((path) => !above.some((layer) => hidesPath(layer, path)));
    const count = Math.max(1, shown.length);
    this.counts.set(key, count);
    return count;
  }

  private find(position: number, ino: number): LinkedFile | undefined {
    this.files ??= this.collect();
    return this.files.size === 0 ? undefined : this.files.get(`${position}:${ino}`);
  }

  private collect(): Map<string, LinkedFile> {
    const files = new Map<string, LinkedFile>();
    for (const [linking, layer] of this.layers.entries()) {
      for (const { path, target } of layer.lowerLinks()) {
        const object = this.below.walk(this.below.roots(linking), target).object;
        if (object === undefined) continue;
        const { position, ino } = object;
        const key = `${position}:${ino}`;
        const known = files.get(key) ?? { position, ino, names: new Set(this.layers[position]!.namesOf(ino)), count: undefined };
        files.set(key, known);
        known.names.add(object.path).add(path);
      }
    }
    return files;
  }
}

/** Whether nothing of lower layers shows at `path`, where they have an object that is no directory. */
function hidesPath(layer: Layer, path: Name): boolean {
  const names = path.split('/') as Name[]; // parts of a Name are Names
  const marks = new Listing();
  let dir = layer.root;
  for (const [at, name] of names.entries()) {
    layer.listMarks(dir, marks);
    if (marks.isOpaque) return true;
    const found = layer.find(dir, name);
    if (found === undefined) return false;
    const isPass = found.type === foundPass;
    if ((found.type !== dirType.dir && !isPass) || layer.hides(dir, name)) return true;
    if (isPass && at === names.length - 1) return false;
    dir = layer.directory(dir, name, found.ref);
  }
  return true;
}

/** PlyfsError BAD_TAR for a hard link whose target the layers below its own do not have, or have as a directory. `layers` are all of an
 *  image, top first, `titles` their names for messages. */
export function checkLowerLinks(layers: readonly Layer[], titles: readonly string[]): void {
  const below = new Below(layers);
  for (const [position, layer] of layers.entries()) {
    for (const { path, target } of layer.lowerLinks()) {
      const found = below.walk(below.roots(position), target);
      if (found.object !== undefined) continue;
      const why = found.branches.count === 0 ? 'is not in the layers below' : 'is a directory there';
      throw new PlyfsError(
        'BAD_TAR',
        `${titles[position]}: the target "${textFromName(target)}" of the hard link "${textFromName(path)}" ${why}`,
      );
    }
  }
}
