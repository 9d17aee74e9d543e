/** Files of an image in the words of ls(1) and stat(1). */

import { type Attributes, deviceMajor, deviceMinor } from '../base/attributes.js';
import { dirType, S_ISGID, S_ISUID, S_ISVTX, typeOfMode } from '../base/mode.js';
import { type Name, nameFromText } from '../base/name.js';
import { isUtf8, shown, shownText } from '../base/shown.js';

const letters = new Map<number, string>([
  [dirType.fifo, 'p'],
  [dirType.chr, 'c'],
  [dirType.dir, 'd'],
  [dirType.blk, 'b'],
  [dirType.reg, '-'],
  [dirType.lnk, 'l'],
  [dirType.sock, 's'],
]);

/** `-rwsr-xr-x` */
export function modeText(mode: number): string {
  const bits = [...'rwxrwxrwx'].map((letter, at) => ((mode & (0o400 >> at)) === 0 ? '-' : letter));
  const special = (bit: number, at: number, letter: string): void => {
    if ((mode & bit) !== 0) bits[at] = bits[at] === '-' ? letter.toUpperCase() : letter;
  };
  special(S_ISUID, 2, 's');
  special(S_ISGID, 5, 's');
  special(S_ISVTX, 8, 't');
  return (letters.get(typeOfMode(mode)) ?? '?') + bits.join('');
}

/** `2026-11-22 16:05:00.000000000 +0000`; the year may be outside what Date knows, then the seconds are told. */
export function fullTimeText(seconds: number, nanoseconds: number): string {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return `@${seconds}.${String(nanoseconds).padStart(9, '0')}`;
  return `${date.toISOString().slice(0, 19).replace('T', ' ')}.${String(nanoseconds).padStart(9, '0')} +0000`;
}

/** Size, or major and minor of a device. */
export function sizeOrDevice(attributes: Attributes, textOf: (bytes: number) => string = String): string {
  const type = typeOfMode(attributes.mode);
  if (type !== dirType.chr && type !== dirType.blk) return textOf(attributes.size);
  return `${deviceMajor(attributes.rdev)}, ${deviceMinor(attributes.rdev)}`;
}

/** A name as bytes for a line of its own: control characters of a hostile image are shown, not obeyed, and begin no line. Bytes that are
 *  not UTF-8 stay what they are where a program reads. */
export function shownName(name: Name, isTerminal = process.stdout.isTTY === true): Name {
  return isTerminal || isUtf8(name)
    ? nameFromText(shownText(name))
    : (name.replaceAll(/\p{Cc}/gu, (byte) => (byte < '\x80' ? shown(byte) : byte)) as Name); // bytes for bytes
}

/** Writes text in which names are bytes; all else in it is ASCII. */
export function writeBytes(text: string): void {
  process.stdout.write(Buffer.from(text, 'latin1'));
}
