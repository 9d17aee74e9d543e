/** Words of the command line as bytes: node reads them as UTF-8, and names of an image need not be that. */

import { readFileSync } from 'node:fs';
import { type Name, nameFromBytes, nameFromText } from '../base/name.js';

const replacement = '\ufffd';

/** The bytes of the word that node read as `text`. */
export function wordBytes(text: string): Name {
  if (!text.includes(replacement)) return nameFromText(text);
  const commandLine = readFileSync('/proc/self/cmdline');
  for (let from = 0; from < commandLine.length; ) {
    const end = commandLine.indexOf(0, from);
    const word = commandLine.subarray(from, end < 0 ? commandLine.length : end);
    if (word.toString('utf8') === text) return nameFromBytes(word);
    from += word.length + 1;
  }
  return nameFromText(text);
}
