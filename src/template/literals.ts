/** Go's literals: quoted strings, characters and numbers (strconv.Unquote, UnquoteChar, ParseInt with base 0, ParseFloat). */

import { GoError } from './values.js';

const escapes: Readonly<Record<string, number>> = { a: 7, b: 8, f: 12, n: 10, r: 13, t: 9, v: 11, '\\': 92 };

/** The text of a "quoted" or `raw` string. GoError `invalid syntax`. */
export function unquoted(literal: string): string {
  const inner = literal.slice(1, -1);
  if (literal.startsWith('`')) return inner.replaceAll('\r', '');
  const parts: Buffer[] = [];
  for (let at = 0; at < inner.length; ) {
    const { bytes, length } = characterAt(inner, at, '"');
    parts.push(bytes);
    at += length;
  }
  return Buffer.concat(parts).toString();
}

/** The code point of a 'character'. GoError. */
export function unquotedCharacter(literal: string): number {
  if (literal === "''") throw new GoError('invalid syntax');
  const { code, length } = characterAt(literal, 1, "'");
  if (literal.slice(1 + length) !== "'") throw new GoError(`malformed character constant: ${literal}`);
  return code;
}

function characterAt(text: string, at: number, quote: string): { bytes: Buffer; code: number; length: number } {
  const invalid = new GoError('invalid syntax');
  const code = text.codePointAt(at) ?? 0;
  if (text[at] !== '\\') {
    const character = String.fromCodePoint(code);
    return { bytes: Buffer.from(character), code, length: character.length };
  }
  const letter = text[at + 1] ?? '';
  const simple = letter === quote ? quote.charCodeAt(0) : escapes[letter];
  if (simple !== undefined) return { bytes: Buffer.of(simple), code: simple, length: 2 };
  const [all, octal, short, wide] =
    /^\\(?:([0-7]{3})|x([0-9a-fA-F]{2})|(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})))/.exec(text.slice(at)) ?? [];
  if (all === undefined) throw invalid;
  if (octal !== undefined || short !== undefined) {
    const byte = octal === undefined ? Number.parseInt(short ?? '', 16) : Number.parseInt(octal, 8);
    if (byte > 255) throw invalid;
    return { bytes: Buffer.of(byte), code: byte, length: all.length };
  }
  const point = Number.parseInt(wide ?? all.slice(2), 16);
  if (point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) throw invalid;
  return { bytes: Buffer.from(String.fromCodePoint(point)), code: point, length: all.length };
}

/** A number under each kind that can hold it, as Go's constants are. */
export interface NumberLiteral {
  readonly int: bigint | undefined;
  readonly float: number | undefined;
  /** Written as a float is. */
  readonly isFloat: boolean;
}

const maxInt = 2n ** 63n - 1n;
const wholeNumber = /^[+-]?(0[xX]_?[0-9a-fA-F_]+|0[bB]_?[01_]+|0[oO]?_?[0-7_]+|[1-9][0-9_]*|0)$/;

/** GoError for what is no number. */
export function numberLiteral(text: string): NumberLiteral {
  if (text.startsWith("'")) {
    const code = unquotedCharacter(text);
    return { int: BigInt(code), float: code, isFloat: false };
  }
  const plain = text.replaceAll('_', '');
  if (wholeNumber.test(text) && !/__|_$/.test(text)) {
    const digits = plain.replace(/^[+-]/, '').replace(/^0(?=[0-7])/, '0o');
    const value = text.startsWith('-') ? -BigInt(digits) : BigInt(digits);
    if (value > 2n ** 64n - 1n || value < -maxInt - 1n) throw new GoError(`integer overflow: "${text}"`);
    return { int: value > maxInt ? undefined : value, float: Number(value), isFloat: false };
  }
  if (/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(plain) && !/__|_$|^_/.test(text)) {
    if (!/[.eE]/.test(text)) throw new GoError(`integer overflow: "${text}"`);
    const float = Number(plain);
    return { int: Number.isSafeInteger(float) ? BigInt(float) : undefined, float, isFloat: true };
  }
  const [, sign, whole = '', part = '', power] = /^([+-]?)0[xX]([\da-fA-F]*)\.?([\da-fA-F]*)[pP]([+-]?\d+)$/.exec(plain) ?? [];
  if (power !== undefined && whole + part !== '') {
    const float = (sign === '-' ? -1 : 1) * Number.parseInt(whole + part, 16) * 2 ** (Number(power) - 4 * part.length);
    return { int: Number.isSafeInteger(float) ? BigInt(float) : undefined, float, isFloat: true };
  }
  throw new GoError(`illegal number syntax: "${text}"`);
}
