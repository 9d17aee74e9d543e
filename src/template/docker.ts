/** The functions that docker adds to Go's (cli/templates). */

import { valueText } from './print.js';
import {
  fieldsOf,
  GoError,
  type GoFunction,
  type GoValue,
  held,
  isKind,
  type Parameter,
  stringType,
  typeNameOf,
} from './values.js';

type Strings = (text: string, ...more: string[]) => GoValue;

/** A function of strings. */
function ofStrings(count: number, call: Strings): GoFunction {
  const parameters = Array.from({ length: count }, (): Parameter => 'string');
  return { parameters, call: ([text, ...more]) => call(String(text), ...more.map(String)) };
}

export const dockerFunctions: ReadonlyMap<string, GoFunction> = new Map<string, GoFunction>([
  ['json', { parameters: ['any'], call: ([value]) => jsonText(value) }],
  ['split', ofStrings(2, (text, separator = '') => stringList(separator === '' ? [...text] : text.split(separator)))],
  ['join', { parameters: ['any', 'string'], call: ([list, separator]) => joined(held(list), String(separator)) }],
  ['title', ofStrings(1, (text) => text.replaceAll(/(?<![\p{L}\p{N}_])\p{L}/gu, (letter) => letter.toUpperCase()))],
  ['lower', ofStrings(1, (text) => text.toLowerCase())],
  ['upper', ofStrings(1, (text) => text.toUpperCase())],
  ['pad', { parameters: ['string', 'int', 'int'], call: padded }],
  ['truncate', { parameters: ['string', 'int'], call: truncated }],
]);

/** For the headings of a table: what changes a value leaves its heading as it is. */
export const headingFunctions: ReadonlyMap<string, GoFunction> = new Map(
  [...dockerFunctions].map(([name, row]): [string, GoFunction] =>
    ['split', 'join', 'pad'].includes(name) ? [name, row] : [name, { ...row, call: ([text]) => text }],
  ),
);

function stringList(items: readonly string[]): GoValue {
  return { kind: 'list', elem: stringType, items, isNil: false };
}

function joined(list: GoValue, separator: string): GoValue {
  if (list === undefined) return '';
  if (isKind(list, 'list')) return list.items.map(valueText).join(separator);
  throw new GoError(`expected slice, got ${typeNameOf(list)}`);
}

function padded([text, before, after]: readonly GoValue[]): GoValue {
  return text === '' ? '' : ' '.repeat(spaces(before)) + text + ' '.repeat(spaces(after));
}

function spaces(count: GoValue): number {
  if (typeof count !== 'bigint' || count < 0n) throw new GoError('strings: negative Repeat count');
  return Number(count);
}

function truncated([text, length]: readonly GoValue[]): GoValue {
  const bytes = Buffer.from(String(text));
  if (typeof length !== 'bigint' || length < 0n) throw new GoError(`runtime error: slice bounds out of range [:${length}]`);
  return bytes.length < Number(length) ? text : bytes.subarray(0, Number(length)).toString();
}

/** As encoding/json writes it, without escaping HTML: keys of maps sorted, fields of structs in their order. */
export function jsonText(value: GoValue): string {
  switch (typeof value) {
    case 'undefined':
      return 'null';
    case 'string':
      return JSON.stringify(value).replaceAll(/[\u2028\u2029]/g, (one) => `\\u${one.charCodeAt(0).toString(16)}`);
    case 'object':
      break;
    default:
      return String(value);
  }
  switch (value.kind) {
    case 'interface':
      return jsonText(value.value);
    case 'list':
      return value.isNil ? 'null' : `[${value.items.map(jsonText).join(',')}]`;
    case 'map':
      return value.isNil
        ? 'null'
        : objectText([...value.entries].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
    case 'struct':
      return objectText(fieldsOf(value));
    case 'nil':
    case 'method':
      return 'null';
    default:
      return value satisfies never;
  }
}

function objectText(entries: readonly (readonly [string, GoValue])[]): string {
  return `{${entries.map(([key, item]) => `${jsonText(key)}:${jsonText(item)}`).join(',')}}`;
}
