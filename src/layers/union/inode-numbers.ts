/** Inode numbers of the view: unique over layers whose own numbers may meet, because they lie on different file systems. */

import { firstPartIno, inoSpan, partCount, partIno, shortIno } from '../../base/inode-number.js';

export class InodeNumbers {
  private readonly numbers = new Map<string, number>();
  private readonly spaceOfLayer: readonly number[];
  /** Which place among the parts of the view a part of a space has, by both; and the places that are taken. */
  private readonly places = new Map<number, number>();
  private readonly taken = new Set<number>();

  /** The inode space of each layer, top first. */
  constructor(spaces: readonly string[]) {
    this.spaceOfLayer = spaces.map((space) => this.number(space));
  }

  /** The inode number in the view of inode `ino` of a layer. Below 2^53. */
  ofLayer(position: number, ino: number): number {
    return this.inSpace(this.spaceOfLayer[position]!, ino);
  }

  /** The same for an inode of a space that perhaps no layer has. */
  ofSpace(space: string, ino: number): number {
    return this.inSpace(this.number(space), ino);
  }

  /** In the order in which spaces are first named. */
  private number(space: string): number {
    const known = this.numbers.get(space);
    if (known !== undefined) return known;
    this.numbers.set(space, this.numbers.size);
    return this.numbers.size - 1;
  }

  /** `ino` itself in the first space, so that one file system's numbers stay; prefixed with the space's number in others. */
  private inSpace(space: number, ino: number): number {
    if (ino >= firstPartIno) return partIno(this.placeOf(space, Math.floor((ino - firstPartIno) / inoSpan)), ino % inoSpan);
    return space === 0 ? ino : space * inoSpan + shortIno(ino);
  }

  /** The same in every mount, unless two would meet. */
  private placeOf(space: number, part: number): number {
    const key = space * partCount + part;
    const known = this.places.get(key);
    if (known !== undefined) return known;
    let place = (space * spread + part) % partCount;
    while (this.taken.has(place)) place = (place + 1) % partCount;
    this.taken.add(place);
    this.places.set(key, place);
    return place;
  }
}

/** Numbers of subvolumes are mostly small: those of several file systems are kept apart. */
const spread = 521;
