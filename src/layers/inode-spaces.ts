/** Inode numbers of the view: unique over layers whose own numbers may meet, because they lie on different file systems. */

/** Inode numbers of one space; 2^40 leaves 2^13 spaces below 2^53. */
const inoSpan = 2 ** 40;

export class InodeSpaces {
  private readonly numbers = new Map<string, number>();

  /** The number of a layer's inode space, given in the order in which spaces are first named. */
  number(space: string): number {
    const known = this.numbers.get(space);
    if (known !== undefined) return known;
    this.numbers.set(space, this.numbers.size);
    return this.numbers.size - 1;
  }
}

/** The inode number in the view of inode `ino` of space number `space`: itself in the first, so that one file system's numbers stay;
 *  prefixed with the space's number in others. Below 2^53. */
export function viewIno(space: number, ino: number): number {
  if (space === 0) return ino;
  const low = ino < inoSpan ? ino : ((ino % inoSpan) ^ Math.floor(ino / inoSpan)) >>> 0;
  return space * inoSpan + low;
}
