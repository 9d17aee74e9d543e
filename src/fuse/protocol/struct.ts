/** Wire structures as tables: a name and rows of [field, type], compiled once to straight-line reads and writes.
 *
 *  Everything the FUSE protocol puts on the wire is aligned to 8 bytes and in host byte order, so a structure is read through a
 *  Uint32Array over the message buffer: `at` is an index of 32-bit words, not of bytes. */

import { errno } from '../../base/errno.js';
import { FsError } from '../../base/errors.js';

/** u64 and i64 are numbers and must stay within 2^53; an offset (a place in a file) or a time is the bound itself where it lies beyond; skip* is padding or a field nobody reads: written as 0, left out of values. */
export type FieldType = 'u16' | 'u32' | 'i32' | 'u64' | 'i64' | 'offset' | 'time' | 'skip16' | 'skip32' | 'skip64';
export type Field = readonly [name: string, type: FieldType];

/** The record of a structure: every field that is not skipped, as a number. */
export type ValueOf<F extends readonly Field[]> = {
  -readonly [R in F[number] as R[1] extends `skip${string}` ? never : R[0]]: number;
};

/** The record of a Struct. */
export type Value<S> = S extends Struct<infer F> ? ValueOf<F> : never;

export interface Struct<F extends readonly Field[] = readonly Field[]> {
  readonly name: string;
  readonly fields: F;
  /** Bytes, and 32-bit words. */
  readonly size: number;
  readonly words: number;
  /** The one record `read` fills: valid until the next `read` of the same structure. */
  readonly value: ValueOf<F>;
  /** Fills and returns `value`. FsError EOVERFLOW: a 64-bit field beyond 2^53. */
  read(words: Uint32Array, at: number): ValueOf<F>;
  write(words: Uint32Array, at: number, value: ValueOf<F>): void;
  /** What lies at word `at`, as `flags=0x8000 mode=0644`: for traces. */
  describe(words: Uint32Array, at: number): string;
}

/** A structure whose fields do not matter to the caller. */
export type AnyStruct = Pick<Struct, 'name' | 'size' | 'words' | 'describe'>;

/** No file of any disk reaches there, and no disk keeps such a time: it takes the last one that it can (s_time_max). */
export const offsetBound = 2 ** 53;

const sizes: Record<FieldType, number> = {
  u16: 2,
  u32: 4,
  i32: 4,
  u64: 8,
  i64: 8,
  offset: 8,
  time: 8,
  skip16: 2,
  skip32: 4,
  skip64: 8,
};

/** Compiles the table. A field that is not aligned to its own size is our mistake: plain Error. */
export function struct<const F extends readonly Field[]>(name: string, fields: F): Struct<F> {
  const value: Record<string, number> = {};
  const reads: string[] = [];
  const writes: string[] = [];
  let offset = 0;
  for (const [field, type] of fields) {
    const size = sizes[type];
    if (offset % size !== 0) throw new Error(`${name}.${field} lies at ${offset}, which is not a multiple of ${size}`);
    if (!type.startsWith('skip')) {
      value[field] = 0;
      reads.push(`v.${field} = ${readCode(`${name}.${field}`, type, offset)};`);
    }
    writes.push(writeCode(field, type, offset));
    offset += size;
  }
  if (offset % 4 !== 0) throw new Error(`${name} ends at ${offset}, in the middle of a word`);
  const compiled = new Function('overflow', 'v', 'u', 'i', `${reads.join('\n')}\nreturn v;`).bind(undefined, overflow, value);
  const read = compiled as Struct<F>['read']; // built from the same rows that ValueOf reads, as are `value` and the writer
  return {
    name,
    fields,
    size: offset,
    words: offset / 4,
    value: value as ValueOf<F>,
    read,
    write: new Function('u', 'i', 'v', writes.join('\n')) as Struct<F>['write'],
    describe: (words, at) => describe(fields, read(words, at) as Record<string, number>),
  };
}

/** A generated expression: the field at byte `offset` of the structure that starts at word `i` of `u`. */
function readCode(label: string, type: FieldType, offset: number): string {
  const word = `u[i + ${offset >> 2}]`;
  const high = `u[i + ${(offset >> 2) + 1}]`;
  switch (type) {
    case 'u16':
      return offset % 4 === 0 ? `${word} & 0xffff` : `${word} >>> 16`;
    case 'i32':
      return `${word} | 0`;
    case 'u64':
      return `${word} + (${high} <= 0x1fffff ? ${high} * 4294967296 : overflow('${label}'))`;
    case 'i64':
      return `${word} + (((${high} + 0x200000) >>> 0) <= 0x3fffff ? (${high} | 0) * 4294967296 : overflow('${label}'))`;
    case 'offset':
    case 'time': {
      const beyond = `(${high} | 0) < 0 ? ${-offsetBound} : ${offsetBound}`;
      return `((${high} + 0x200000) >>> 0) <= 0x3fffff ? ${word} + (${high} | 0) * 4294967296 : ${beyond}`;
    }
    default:
      return word;
  }
}

/** A generated statement; storing a number into a Uint32Array keeps its low 32 bits, also of a negative one. */
function writeCode(field: string, type: FieldType, offset: number): string {
  const word = `u[i + ${offset >> 2}]`;
  const high = `u[i + ${(offset >> 2) + 1}]`;
  const isUpperHalf = offset % 4 !== 0;
  switch (type) {
    case 'u16':
      return isUpperHalf ? `${word} |= v.${field} << 16;` : `${word} = v.${field} & 0xffff;`;
    case 'u64':
    case 'i64':
    case 'offset':
    case 'time':
      return `${word} = v.${field}; ${high} = Math.floor(v.${field} / 4294967296);`;
    case 'skip16':
      return isUpperHalf ? '' : `${word} = 0;`;
    case 'skip32':
      return `${word} = 0;`;
    case 'skip64':
      return `${word} = 0; ${high} = 0;`;
    default:
      return `${word} = v.${field};`;
  }
}

function overflow(label: string): never {
  throw new FsError(errno.EOVERFLOW, `${label} is beyond 2^53`);
}

function describe(fields: readonly Field[], record: Record<string, number>): string {
  const words: string[] = [];
  for (const [field, type] of fields) {
    if (!type.startsWith('skip')) words.push(`${field}=${describeNumber(field, record[field] ?? 0)}`);
  }
  return words.join(' ');
}

/** Modes read best in octal and flags in hexadecimal. */
function describeNumber(field: string, value: number): string {
  if (field === 'mode' || field === 'umask') return `0${value.toString(8)}`;
  return field.includes('flags') || field === 'valid' || field === 'mask' ? `0x${value.toString(16)}` : `${value}`;
}
