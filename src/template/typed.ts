/** JSON as values of a type: what a document does not say has the type's zero value, and what the type does not name is kept as it is. */

import { anyType, type GoType, type GoValue, zeroOf } from './values.js';

/** `value` is what JSON.parse gives. What does not fit `type` is taken as the JSON it is. */
export function typedValue(value: unknown, type: GoType): GoValue {
  if (value === undefined || value === null) return zeroOf(type);
  switch (type.kind) {
    case 'any':
      return { kind: 'interface', value: fromJson(value) };
    case 'pointer':
      return typedValue(value, type.to);
    case 'list':
      if (!Array.isArray(value)) break;
      return { kind: 'list', elem: type.elem, items: value.map((item) => typedValue(item, type.elem)), isNil: false };
    case 'map':
      if (!isRecord(value)) break;
      return { kind: 'map', elem: type.elem, entries: entriesOf(value, () => type.elem), isNil: false };
    case 'struct': {
      if (!isRecord(value)) break;
      const named = Object.entries(type.fields).map(([name, field]) => [name, typedValue(value[name], field)] as const);
      const further = Object.entries(value).filter(([name]) => !Object.hasOwn(type.fields, name));
      const fields = new Map([...named, ...further.map(([name, item]) => [name, typedValue(item, anyType)] as const)]);
      return { kind: 'struct', name: type.name, fields, aliases: type.aliases ?? {} };
    }
    case 'float':
      return Number(value);
    default:
  }
  return fromJson(value);
}

/** Without a type: `map[string]interface {}` and `[]interface {}`; a number that is whole is an integer. */
export function fromJson(value: unknown): GoValue {
  switch (typeof value) {
    case 'boolean':
    case 'string':
    case 'bigint':
      return value;
    case 'number':
      return Number.isSafeInteger(value) ? BigInt(value) : value;
    default:
  }
  if (Array.isArray(value)) {
    return { kind: 'list', elem: anyType, items: value.map((item) => typedValue(item, anyType)), isNil: false };
  }
  return isRecord(value) ? { kind: 'map', elem: anyType, entries: entriesOf(value, () => anyType), isNil: false } : undefined;
}

function entriesOf(value: Record<string, unknown>, typeOf: () => GoType): ReadonlyMap<string, GoValue> {
  return new Map(Object.entries(value).map(([key, item]) => [key, typedValue(item, typeOf())]));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
