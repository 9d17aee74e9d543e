/** Inode numbers as JavaScript holds them: 52 bits for those of one file system, and above them those of parts of a layer that have a
 *  numbering of their own (subvolumes). */

/** Those of a part, and those of one file system among others in a view. */
export const inoSpan = 2 ** 40;
/** From here on: number of the part, number in the part. */
export const firstPartIno = 2 ** 52;

/** Parts of one layer, and file systems of one view. */
export const partCount = 2 ** 12;

/** The number of inode `ino` of part `part` < partCount. */
export function partIno(part: number, ino: number): number {
  return firstPartIno + part * inoSpan + shortIno(ino);
}

/** `ino` in 40 bits: those below 2^40 stay, larger ones (hashes, numbers with flags on top) still differ nearly always. */
export function shortIno(ino: number): number {
  if (ino < inoSpan) return ino;
  const low = ino % inoSpan;
  return low - (low % 2 ** 32) + (((low % 2 ** 32) ^ Math.floor(ino / inoSpan)) >>> 0);
}

/** Whether two numbers are one number of one file system, whatever part of a layer it is in one of them. */
export function isSameIno(layerIno: number, ino: number): boolean {
  return layerIno === ino || (layerIno >= firstPartIno && layerIno % inoSpan === shortIno(ino));
}
