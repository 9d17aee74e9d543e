/** The functions that every template has. */

import { isEqual, isLess, isLessOrEqual, isTrue } from './compare.js';
import { sprint, sprintln } from './print.js';
import { sprintf } from './printf.js';
import { GoError, type GoFunction, type GoValue, held, isKind, type Parameter, typeNameOf, zeroOf } from './values.js';

function row(parameters: readonly Parameter[], call: GoFunction['call'], rest?: Parameter): GoFunction {
  return { parameters, call, ...(rest === undefined ? {} : { rest }) };
}

const untyped = 'reflect: call of reflect.Value.Type on zero Value';

/** and, or are here for their names and arguments: calls.ts runs them, as they do not look at all their operands. */
export const builtins: ReadonlyMap<string, GoFunction> = new Map([
  ['and', row(['value'], ([value]) => value, 'value')],
  ['or', row(['value'], ([value]) => value, 'value')],
  ['not', row(['value'], ([value]) => !isTrue(held(value)))],
  ['len', row(['value'], ([value]) => lengthOf(value))],
  ['index', row(['value'], ([value, ...indexes]) => indexes.reduce(indexed, indexable(value, 'index')), 'value')],
  ['slice', row(['value'], ([value, ...indexes]) => sliced(indexable(value, 'slice'), indexes), 'value')],
  ['print', row([], sprint, 'any')],
  ['println', row([], sprintln, 'any')],
  ['printf', row(['string'], ([format, ...operands]) => sprintf(String(format), operands), 'any')],
  ['html', row([], (operands) => sprint(operands.map(shown)).replaceAll(/[\0"'&<>]/g, (one) => htmlEscapes[one] ?? one), 'any')],
  ['js', row([], (operands) => scriptText(sprint(operands.map(shown))), 'any')],
  ['urlquery', row([], (operands) => queryText(sprint(operands.map(shown))), 'any')],
  ['call', row(['value'], ([value]) => notCalled(held(value)), 'value')],
  ['eq', row(['value'], isEqual, 'value')],
  ['ne', row(['value', 'value'], (operands) => !isEqual(operands))],
  ['lt', row(['value', 'value'], isLess)],
  ['le', row(['value', 'value'], isLessOrEqual)],
  ['gt', row(['value', 'value'], (operands) => !isLessOrEqual(operands))],
  ['ge', row(['value', 'value'], (operands) => !isLess(operands))],
]);

function lengthOf(operand: GoValue): bigint {
  const value = held(operand);
  if (typeof value === 'string') return BigInt(Buffer.byteLength(value));
  if (isKind(value, 'list')) return BigInt(value.items.length);
  if (isKind(value, 'map')) return BigInt(value.entries.size);
  if (isKind(value, 'nil') || isKind(operand, 'interface')) {
    if (value === undefined || isKind(value, 'nil')) throw new GoError('len of nil pointer');
  }
  throw new GoError(value === undefined ? untyped : `len of type ${typeNameOf(value)}`);
}

function indexable(operand: GoValue, what: 'index' | 'slice'): GoValue {
  const value = held(operand);
  if (value === undefined) throw new GoError(`${what} of untyped nil`);
  return value;
}

function indexed(from: GoValue, by: GoValue): GoValue {
  const item = held(from);
  const index = held(by);
  if (item === undefined || isKind(item, 'nil')) throw new GoError('index of nil pointer');
  if (typeof item === 'string') {
    const bytes = Buffer.from(item);
    return BigInt(bytes[position(index, bytes.length, false)]!); // within
  }
  if (isKind(item, 'list')) return item.items[position(index, item.items.length, false)];
  if (!isKind(item, 'map')) throw new GoError(`can't index item of type ${typeNameOf(item)}`);
  if (index === undefined) throw new GoError('value is nil; should be of type string');
  if (typeof index !== 'string') throw new GoError(`value has type ${typeNameOf(index)}; should be string`);
  return item.entries.get(index) ?? zeroOf(item.elem);
}

/** An index into what has `length` elements; with `isEnd` it may be the end. */
function position(index: GoValue, length: number, isEnd: boolean): number {
  if (index === undefined) throw new GoError('cannot index slice/array with nil');
  if (typeof index !== 'bigint') throw new GoError(`cannot index slice/array with type ${typeNameOf(index)}`);
  if (index < 0n || index > BigInt(length)) throw new GoError(`index out of range: ${index}`);
  if (!isEnd && index === BigInt(length)) throw new GoError('reflect: slice index out of range');
  return Number(index);
}

function sliced(value: GoValue, indexes: readonly GoValue[]): GoValue {
  if (indexes.length > 3) throw new GoError(`too many slice indexes: ${indexes.length}`);
  if (typeof value !== 'string' && !isKind(value, 'list')) throw new GoError(`can't slice item of type ${typeNameOf(value)}`);
  if (typeof value === 'string' && indexes.length === 3) throw new GoError('cannot 3-index slice a string');
  const bytes = typeof value === 'string' ? Buffer.from(value) : undefined;
  const length = bytes?.length ?? (isKind(value, 'list') ? value.items.length : 0);
  const [from = 0, to = length, end = length] = indexes.map((index) => position(held(index), length, true));
  if (from > to) throw new GoError(`invalid slice index: ${from} > ${to}`);
  if (to > end) throw new GoError(`invalid slice index: ${to} > ${end}`);
  if (bytes !== undefined) return bytes.subarray(from, to).toString();
  return isKind(value, 'list') ? { ...value, items: value.items.slice(from, to) } : value;
}

function notCalled(value: GoValue): GoValue {
  throw new GoError(value === undefined ? 'call of nil' : `non-function of type ${typeNameOf(value)}`);
}

/** As an action would print it. */
function shown(value: GoValue): GoValue {
  return value === undefined ? '<no value>' : value;
}

const htmlEscapes: Readonly<Record<string, string>> = {
  ...{ '\0': '\ufffd', '"': '&#34;', "'": '&#39;', '&': '&amp;', '<': '&lt;', '>': '&gt;' },
};

function scriptText(text: string): string {
  const hex = (code: number): string => `\\u${code.toString(16).toUpperCase().padStart(4, '0')}`;
  return [...text]
    .map((one) => {
      if (/[\\'"]/.test(one)) return `\\${one}`;
      return /[<>&=]|[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(one) ? hex(one.codePointAt(0) ?? 0) : one;
    })
    .join('');
}

/** url.QueryEscape. */
function queryText(text: string): string {
  return encodeURIComponent(text)
    .replaceAll(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%20', '+');
}
