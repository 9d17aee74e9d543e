/** The directories of layers that one directory of the view is merged from, top first. Pairs of numbers in one array: an object for each
 *  branch would be the most numerous of all. */

import type { LayerDir } from '../layer.js';

export class Branches {
  /** Layer position, LayerDir, layer position, LayerDir, ... */
  private readonly words: number[];

  private constructor(words: number[]) {
    this.words = words;
  }

  static none(): Branches {
    return new Branches([]);
  }

  static of(position: number, dir: LayerDir): Branches {
    return new Branches([position, dir]);
  }

  /** Those of `above`, which becomes part of it, and a branch below them. */
  static on(above: Branches | undefined, position: number, dir: LayerDir): Branches {
    if (above === undefined) return Branches.of(position, dir);
    above.add(position, dir);
    return above;
  }

  get count(): number {
    return this.words.length >> 1;
  }

  /** The layer's position in the stack, of branch `i` < count. */
  position(i: number): number {
    return this.words[2 * i]!;
  }

  dir(i: number): LayerDir {
    return this.words[2 * i + 1] as LayerDir; // the odd words are
  }

  /** The directory in the layer at `position`; undefined where that layer has no part. */
  dirIn(position: number): LayerDir | undefined {
    const { words } = this;
    for (let i = 0; i < words.length; i += 2) if (words[i] === position) return words[i + 1] as LayerDir; // as above
    return undefined;
  }

  /** Below all others. */
  add(position: number, dir: LayerDir): void {
    this.words.push(position, dir);
  }

  addAll(others: Branches): void {
    for (const word of others.words) this.words.push(word);
  }

  addOnTop(position: number, dir: LayerDir): void {
    this.words.unshift(position, dir);
  }

  /** The topmost `count` stay. */
  cut(count: number): void {
    this.words.length = 2 * count;
  }

  /** A copy of branch `first` and what is below it. */
  from(first: number): Branches {
    return new Branches(this.words.slice(2 * first));
  }

  /** Those of the layers below the one at `position`. */
  below(position: number): Branches {
    const first = this.words.findIndex((word, i) => i % 2 === 0 && word > position);
    return new Branches(first < 0 ? [] : this.words.slice(first));
  }
}
