/** Go's comparison functions of templates: eq, ne, lt, le, gt, ge, and what is true. */

import { valueText } from './print.js';
import { sprintf } from './printf.js';
import { fieldsOf, GoError, type GoValue, held, isKind, typeNameOf } from './values.js';

/** Whether if, with, and, or and not take it for true. */
export function isTrue(value: GoValue): boolean {
  switch (typeof value) {
    case 'undefined':
      return false;
    case 'object':
      break;
    default:
      return Boolean(value);
  }
  switch (value.kind) {
    case 'interface':
      return value.value !== undefined;
    case 'list':
      return value.items.length > 0;
    case 'map':
      return value.entries.size > 0;
    case 'struct':
    case 'method':
      return true;
    case 'nil':
      return false;
    default:
      return value satisfies never;
  }
}

/** Whether `first` is one of the others. */
export function isEqual([first, ...others]: readonly GoValue[]): boolean {
  const value = held(first);
  if (others.length === 0) throw new GoError('missing argument for comparison');
  return others.some((other) => isSame(value, held(other)));
}

function isSame(a: GoValue, b: GoValue): boolean {
  const [first, second] = [a, b].map((value) => (value === undefined ? 'object' : typeof value));
  if (first !== second) {
    if (a !== undefined && b !== undefined) throw new GoError('incompatible types for comparison');
    return false;
  }
  if (first !== 'object') return a === b;
  if (kindOf(a) !== kindOf(b) && a !== undefined && b !== undefined) {
    throw new GoError(`non-comparable types ${sprintf('%s', [a])}: ${typeNameOf(a)}, ${typeNameOf(b)}: ${valueText(b)}`);
  }
  if (isNil(a) || isNil(b)) return isNil(a) === isNil(b);
  if (!isComparable(b)) throw new GoError(`non-comparable type ${sprintf('%s', [b])}: ${typeNameOf(b)}`);
  return typeNameOf(a) === typeNameOf(b) && valueText(a) === valueText(b);
}

function kindOf(value: GoValue): string {
  return typeof value === 'object' ? value.kind : typeof value;
}

/** Lists and maps, and structs that hold some, are not. */
function isComparable(value: GoValue): boolean {
  const inner = held(value);
  if (isKind(inner, 'struct')) return fieldsOf(inner).every(([, field]) => isComparable(field));
  return !isKind(inner, 'list') && !isKind(inner, 'map');
}

function isNil(value: GoValue): boolean {
  if (typeof value !== 'object') return value === undefined;
  return value.kind === 'nil' || ((value.kind === 'list' || value.kind === 'map') && value.isNil);
}

export function isLess([first, second]: readonly GoValue[]): boolean {
  const a = held(first);
  const b = held(second);
  for (const value of [a, b]) {
    if (typeof value === 'undefined' || typeof value === 'object') throw new GoError('invalid type for comparison');
  }
  if (typeof a !== typeof b) throw new GoError('incompatible types for comparison');
  if (typeof a === 'bigint' && typeof b === 'bigint') return a < b;
  if (typeof a === 'number' && typeof b === 'number') return a < b;
  if (typeof a === 'string' && typeof b === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b)) < 0;
  throw new GoError('invalid type for comparison');
}

export function isLessOrEqual(operands: readonly GoValue[]): boolean {
  return isLess(operands) || isEqual(operands);
}
