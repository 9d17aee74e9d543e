/** Values and types as Go's templates see them. What is typed prints by its type: a nil list is `[]`, a missing key of a map of strings is
 *  empty, and what comes out of an `interface {}` remembers that it does. */

/** undefined is no value at all: a missing key. Integers are bigint, so that none is rounded; a number is a float64. */
export type GoValue = undefined | boolean | bigint | number | string | GoInterface | GoList | GoMap | GoStruct | GoNil | GoMethod;

/** What an element of `interface {}` holds; undefined is its nil. */
export interface GoInterface {
  readonly kind: 'interface';
  readonly value: GoValue;
}

export interface GoList {
  readonly kind: 'list';
  readonly elem: GoType;
  readonly items: readonly GoValue[];
  readonly isNil: boolean;
}

/** Keys are strings. */
export interface GoMap {
  readonly kind: 'map';
  readonly elem: GoType;
  readonly entries: ReadonlyMap<string, GoValue>;
  readonly isNil: boolean;
}

export interface GoStruct {
  readonly kind: 'struct';
  readonly name: string;
  readonly fields: ReadonlyMap<string, GoValue>;
  /** Further spellings of fields: docker's structs say ID where their JSON says Id, and both are used. */
  readonly aliases: Readonly<Record<string, string>>;
}

/** A nil pointer. Pointers to something are that something. */
export interface GoNil {
  readonly kind: 'nil';
  readonly to: GoType;
}

/** A field that takes arguments, as `.Label "key"`. */
export interface GoMethod {
  readonly kind: 'method';
  readonly function: GoFunction;
}

export type GoType =
  | { readonly kind: 'bool' | 'int' | 'float' | 'string' | 'any' }
  | { readonly kind: 'list' | 'map'; readonly elem: GoType }
  | {
      readonly kind: 'struct';
      readonly name: string;
      readonly fields: Readonly<Record<string, GoType>>;
      readonly aliases?: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'pointer'; readonly to: GoType };

/** What a parameter takes: `value` is anything as it is, `any` anything that is there, or nil. */
export type Parameter = 'value' | 'any' | 'string' | 'int';

export interface GoFunction {
  readonly parameters: readonly Parameter[];
  /** Of any further arguments. */
  readonly rest?: Parameter;
  /** Throws GoError with the words that follow `error calling NAME: `. */
  readonly call: (operands: readonly GoValue[]) => GoValue;
}

/** A function refused its operands. */
export class GoError extends Error {}

export const boolType: GoType = { kind: 'bool' };
export const intType: GoType = { kind: 'int' };
export const stringType: GoType = { kind: 'string' };
export const anyType: GoType = { kind: 'any' };
export const listOf = (elem: GoType): GoType => ({ kind: 'list', elem });
export const mapOf = (elem: GoType): GoType => ({ kind: 'map', elem });
export const pointerTo = (to: GoType): GoType => ({ kind: 'pointer', to });

export function structOf(
  name: string,
  fields: Readonly<Record<string, GoType>>,
  aliases: Readonly<Record<string, string>> = {},
): GoType {
  return { kind: 'struct', name, fields, aliases };
}

export function isKind<K extends 'interface' | 'list' | 'map' | 'struct' | 'nil' | 'method'>(
  value: GoValue,
  kind: K,
): value is Extract<GoValue, { kind: K }> {
  return typeof value === 'object' && value.kind === kind;
}

/** What an interface holds; anything else as it is. */
export function held(value: GoValue): GoValue {
  return isKind(value, 'interface') ? value.value : value;
}

/** The value of a type that nobody set. */
export function zeroOf(type: GoType): GoValue {
  switch (type.kind) {
    case 'bool':
      return false;
    case 'int':
      return 0n;
    case 'float':
      return 0;
    case 'string':
      return '';
    case 'any':
      return { kind: 'interface', value: undefined };
    case 'list':
      return { kind: 'list', elem: type.elem, items: [], isNil: true };
    case 'map':
      return { kind: 'map', elem: type.elem, entries: new Map(), isNil: true };
    case 'pointer':
      return { kind: 'nil', to: type.to };
    case 'struct': {
      const fields = new Map(Object.entries(type.fields).map(([name, field]) => [name, zeroOf(field)]));
      return { kind: 'struct', name: type.name, fields, aliases: type.aliases ?? {} };
    }
    default:
      return type satisfies never;
  }
}

export function typeName(type: GoType): string {
  switch (type.kind) {
    case 'float':
      return 'float64';
    case 'any':
      return 'interface {}';
    case 'list':
      return `[]${typeName(type.elem)}`;
    case 'map':
      return `map[string]${typeName(type.elem)}`;
    case 'struct':
      return type.name;
    case 'pointer':
      return `*${typeName(type.to)}`;
    default:
      return type.kind;
  }
}

/** As Go's %T; `<nil>` for no value. */
export function typeNameOf(value: GoValue): string {
  switch (typeof value) {
    case 'undefined':
      return '<nil>';
    case 'boolean':
      return 'bool';
    case 'bigint':
      return 'int';
    case 'number':
      return 'float64';
    case 'string':
      return 'string';
    default:
  }
  switch (value.kind) {
    case 'interface':
      return 'interface {}';
    case 'list':
    case 'map':
      return typeName(value);
    case 'struct':
      return value.name;
    case 'nil':
      return `*${typeName(value.to)}`;
    case 'method':
      return 'func';
    default:
      return value satisfies never;
  }
}

/** The fields that hold something, in their order; those that take arguments are none. */
export function fieldsOf(struct: GoStruct): [string, GoValue][] {
  return [...struct.fields].filter(([, field]) => !isKind(field, 'method'));
}
