/** Names and texts of whoever made an image, as they can be shown: nothing in them moves a terminal's cursor, begins a line or looks like
 *  another name. Control characters are `\n`, `\t`, `\r`, `\x1b`; what turns or hides text is `\u202e`; bytes that are not UTF-8 are `\xff`. */

import { bytesFromName, type Name, textFromName } from './name.js';

const short: Readonly<Record<string, string>> = { '\n': '\\n', '\t': '\\t', '\r': '\\r' };

/** Controls, line and paragraph separators, and marks of direction and of nothing. */
const unshown = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/gu;

export function shown(text: string): string {
  return text.replaceAll(unshown, (letter) => {
    const code = letter.charCodeAt(0);
    return short[letter] ?? (code < 0x80 ? `\\x${hex(code, 2)}` : `\\u${hex(code, 4)}`);
  });
}

/** The same of a name, which need not be UTF-8. */
export function shownText(name: Name): string {
  if (isUtf8(name)) return shown(textFromName(name));
  const parts = [...name.matchAll(sequences)];
  return parts
    .map(([all, valid]) => (valid === undefined ? `\\x${hex(all.charCodeAt(0), 2)}` : shown(textFromName(valid as Name))))
    .join(''); // a part of a Name
}

export function isUtf8(name: Name): boolean {
  return /^[\x20-\x7e]*$/.test(name) || Buffer.from(textFromName(name), 'utf8').equals(bytesFromName(name));
}

/** Runs of whole UTF-8 sequences (RFC 3629), or one byte that is in none. */
const sequences =
  /((?:[\0-\x7f]|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2})+)|[\s\S]/g;

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0');
}

/** For --json: the name as text under `key`, and where that is not all of it, its bytes in base64 under `keyBytes`. */
export function jsonName<K extends string>(key: K, name: Name, before = ''): Record<string, string> {
  const text = before + textFromName(name);
  return isUtf8(name)
    ? { [key]: text }
    : { [key]: text, [`${key}Bytes`]: bytesFromName((before + name) as Name).toString('base64') }; // a slash and a Name
}
