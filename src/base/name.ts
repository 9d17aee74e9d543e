/** File names are bytes. A Name holds one byte per character (latin1): lossless, cheap to compare, a good Map key. */

declare const nameBrand: unique symbol;
export type Name = string & { readonly [nameBrand]: true };

/** NAME_MAX of Linux, in bytes. */
export const nameMax = 255;

/** The Name that spells `text` in UTF-8: for names that come from people, options and JSON. */
export function nameFromText(text: string): Name {
  return Buffer.from(text, 'utf8').toString('latin1') as Name;
}

/** `name` for people and logs: its bytes read as UTF-8 (bytes that are not UTF-8 become U+FFFD). */
export function textFromName(name: Name): string {
  return Buffer.from(name, 'latin1').toString('utf8');
}

/** The bytes [start, end) of `buffer` as a Name. */
export function nameFromBytes(buffer: Buffer, start = 0, end = buffer.length): Name {
  return buffer.toString('latin1', start, end) as Name;
}

export function bytesFromName(name: Name): Buffer {
  return Buffer.from(name, 'latin1');
}
