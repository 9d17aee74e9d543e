/** Hard links of layers to files of the layers below them (L-8): the other names that they give to those files, and how many names each
 *  has. They are rare, so they are looked up once, when the first question comes; a stack without any costs one look at each index. */

import { PlyfsError } from '../base/errors.js';
import { type Name, textFromName } from '../base/name.js';
import { Below } from './below.js';
import type { Layer } from './layer.js';

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

  /** How many names such a file has in the view of the layers, 1 at least; undefined where no layer links to it. */
  count(position: number, ino: number): number | undefined {
    const file = this.find(position, ino);
    if (file === undefined) return undefined;
    file.count ??= Math.max(1, [...file.names].filter((name) => this.shows(name, file)).length);
    return file.count;
  }

  private shows(name: Name, { position, ino }: LinkedFile): boolean {
    const object = this.below.walk(this.below.roots(this.first - 1), name).object;
    return object?.position === position && object.ino === ino;
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

/** PlyfsError BAD_TAR for a hard link whose target the layers below its own do not have, or have as a directory. `layers` are all of an
 *  image, top first, `titles` their names for messages. */
export function checkLowerLinks(layers: readonly Layer[], titles: readonly string[]): void {
  const below = new Below(layers);
  for (const [position, layer] of layers.entries()) {
    for (const { path, target } of layer.lowerLinks()) {
      const found = below.walk(below.roots(position), target);
      if (found.object !== undefined) continue;
      const why = found.branches.length === 0 ? 'is not in the layers below' : 'is a directory there';
      throw new PlyfsError(
        'BAD_TAR',
        `${titles[position]}: the target "${textFromName(target)}" of the hard link "${textFromName(path)}" ${why}`,
      );
    }
  }
}
