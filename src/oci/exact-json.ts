/** Documents that are written again with what others put into them, integers beyond 2^53 included: JSON.parse would round those. */

import { randomBytes } from 'node:crypto';

/** An integer that no number holds, as it was written. */
export class ExactInteger {
  constructor(readonly digits: string) {}

  valueOf(): number {
    return Number(this.digits);
  }

  /** For who prints the document otherwise than by encodeExact. */
  toJSON(): unknown {
    return writing === undefined ? Number(this.digits) : `${writing}${this.digits}`;
  }
}

/** What stands before the digits while encodeExact runs. */
let writing: string | undefined;

/** Strings, and numbers of 16 digits or more without a fraction. */
const tokens = /"(?:[^"\\]|\\.)*"|-?\d{16,}(?![\d.eE])/gs;

/** As JSON.parse, with ExactInteger where a number would not be exact. SyntaxError. */
export function parseExact(text: string): unknown {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  const mark = newMark();
  const marked = text.replace(tokens, (token) =>
    token.startsWith('"') || Number.isSafeInteger(Number(token)) ? token : JSON.stringify(mark + token),
  );
  return JSON.parse(marked, (_key, value: unknown) =>
    typeof value === 'string' && value.startsWith(mark) ? new ExactInteger(value.slice(mark.length)) : value,
  );
}

/** As JSON.stringify, the integers as they were. */
export function encodeExact(value: unknown): string {
  writing = newMark();
  try {
    return JSON.stringify(value).replaceAll(new RegExp(`"${writing}(-?\\d+)"`, 'g'), '$1');
  } finally {
    writing = undefined;
  }
}

/** Nothing that a document could say. */
function newMark(): string {
  return `integer-${randomBytes(12).toString('hex')}:`;
}
