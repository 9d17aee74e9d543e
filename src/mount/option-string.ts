/** The syntax of `-o`: options separated by commas, written as overlayfs, fuse-overlayfs and mount(8) write them.
 *
 *  A backslash takes the next character out of its role (`\,` `\:` `\\`). A value that begins with a double quote runs to the next one
 *  (`context="a,b"`). Empty elements and a comma at the end mean nothing. One pass: strings of 100 kB are nothing special. */

export interface Option {
  name: string;
  /** As written, escapes included; undefined for an option without `=`. */
  value: string | undefined;
}

/** The options of `text` in their order. Any text is legal. */
export function splitOptions(text: string): Option[] {
  const options: Option[] = [];
  for (const element of splitAt(text, ',', true)) {
    if (element === '') continue;
    const equals = element.indexOf('=');
    if (equals < 0) options.push({ name: element, value: undefined });
    else options.push({ name: element.slice(0, equals), value: unquote(element.slice(equals + 1)) });
  }
  return options;
}

/** The elements of a value like `lowerdir`, separated by colons, escapes resolved. Empty elements are kept. */
export function splitPaths(value: string): string[] {
  return splitAt(value, ':', false).map(unescapeValue);
}

/** `value` without its escapes: a backslash and a character are that character. */
export function unescapeValue(value: string): string {
  return value.includes('\\') ? value.replace(/\\([\s\S])/g, '$1') : value;
}

/** `path` as an element of a list like `lowerdir` must spell it. */
export function escapePath(path: string): string {
  return path.replace(/[\\:,]/g, '\\$&');
}

/** Splits at each `separator` that is neither escaped nor, with `hasQuotes`, inside quotes that opened directly after a `=`. */
function splitAt(text: string, separator: string, hasQuotes: boolean): string[] {
  const elements: string[] = [];
  let start = 0;
  let isQuoted = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '\\') at++;
    else if (isQuoted) isQuoted = character !== '"';
    else if (character === separator) {
      elements.push(text.slice(start, at));
      start = at + 1;
    } else if (hasQuotes && character === '"') isQuoted = text[at - 1] === '=' && text.indexOf('"', at + 1) > 0;
  }
  elements.push(text.slice(start));
  return elements;
}

function unquote(value: string): string {
  return value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
}
