/** Inode numbers of the view: unique over layers whose own numbers may meet, because they lie on different file systems. */

/** Inode numbers of one space; 2^40 leaves 2^13 spaces below 2^53. */
const inoSpan = 2 ** 40;

export class InodeNumbers {
  private readonly numbers = new Map<string, number>();
  private readonly spaceOfLayer: readonly number[];

  /** The inode space of each layer, top first. */
  constructor(spaces: readonly string[]) {
    this.spaceOfLayer = spaces.map((space) => this.number(space));
  }

  /** The inode number in the view of inode `ino` of a layer. */
  ofLayer(position: number, ino: number): number {
    return viewIno(this.spaceOfLayer[position]!, ino);
  }

  /** The same for an inode of a space that perhaps no layer has. */
  ofSpace(space: string, ino: number): number {
    return viewIno(this.number(space), ino);
  }

  /** In the order in which spaces are first named. */
  private number(space: string): number {
    const known = this.numbers.get(space);
    if (known !== undefined) return known;
    this.numbers.set(space, this.numbers.size);
    return this.numbers.size - 1;
  }
}

/** `ino` itself in the first space, so that one file system's numbers stay; prefixed with the space's number in others. Below 2^53. */
function viewIno(space: number, ino: number): number {
  if (space === 0) return ino;
  const low = ino < inoSpan ? ino : ((ino % inoSpan) ^ Math.floor(ino / inoSpan)) >>> 0;
  return space * inoSpan + low;
}
