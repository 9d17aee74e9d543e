/** Reading JSON that others wrote: one object at a time, every refusal names the field by its path (`manifest.layers[2].digest`).
 *  `null` counts as absent, as Go's encoder writes it for empty lists and maps. */

import { type Digest, parseDigest } from '../base/digest.js';
import { PlyfsError } from '../base/errors.js';
import { checkDocumentSize } from '../base/limits.js';
import { parseExact } from './exact-json.js';

/** Objects and lists inside each other. Whoever writes a document again, or prints it, goes down as deep. */
const depthMax = 1000;

/** The JSON value in `bytes`. PlyfsError `document` where it is too large, too deep or not JSON; `what` names it in the sentence. */
export function parseJson(bytes: Uint8Array, what: string, limitBytes: number): unknown {
  checkDocumentSize(what, bytes.length, limitBytes);
  if (isDeep(bytes))
    throw new PlyfsError('document', `${what} nests objects and lists more than ${depthMax} deep, which is the limit`);
  try {
    return parseExact(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'));
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new PlyfsError('document', `${what} is not JSON: ${cause.message.replaceAll(/\s+/g, ' ').slice(0, 200)}`, { cause });
  }
}

function isDeep(bytes: Uint8Array): boolean {
  let depth = 0;
  let isText = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === quote) isText = !isText;
    else if (isText) at += byte === backslash ? 1 : 0;
    else if (byte === openBrace || byte === openBracket) {
      if (++depth > depthMax) return true;
    } else if (byte === closeBrace || byte === closeBracket) depth--;
  }
  return false;
}

const [quote, backslash, openBrace, closeBrace, openBracket, closeBracket] = Buffer.from('"\\{}[]');

export function wrongShape(path: string, problem: string): PlyfsError {
  return new PlyfsError('document', `${path} ${problem}`);
}

/** One JSON object and the path that leads to it. */
export class JsonObject {
  private readonly fields: Record<string, unknown>;

  constructor(
    value: unknown,
    readonly path: string,
  ) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrongShape(path, 'is not a JSON object');
    this.fields = value as Record<string, unknown>; // a JSON object has string keys
  }

  /** The value of `field` as parsed; undefined where absent or null. */
  get(field: string): unknown {
    return Object.hasOwn(this.fields, field) ? (this.fields[field] ?? undefined) : undefined;
  }

  has(field: string): boolean {
    return this.get(field) !== undefined;
  }

  /** The whole object as parsed, unknown fields and key order included. */
  raw(): Record<string, unknown> {
    return this.fields;
  }

  text(field: string): string {
    return this.required(field, this.optionalText(field));
  }

  optionalText(field: string): string | undefined {
    const value = this.get(field);
    if (value !== undefined && typeof value !== 'string') throw wrongShape(this.at(field), 'is not a string');
    return value;
  }

  optionalBoolean(field: string): boolean | undefined {
    const value = this.get(field);
    if (value !== undefined && typeof value !== 'boolean') throw wrongShape(this.at(field), 'is not true or false');
    return value;
  }

  /** A whole number of bytes, 0 to 2^53-1. */
  size(field: string): number {
    const value = this.required(field, this.get(field));
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
      throw wrongShape(this.at(field), 'is not a whole number of 0 or more');
    }
    return value;
  }

  digest(field: string): Digest {
    return digestFrom(this.text(field), this.at(field));
  }

  object(field: string): JsonObject {
    return this.required(field, this.optionalObject(field));
  }

  optionalObject(field: string): JsonObject | undefined {
    const value = this.get(field);
    return value === undefined ? undefined : new JsonObject(value, this.at(field));
  }

  /** Each item of a list through `read`; undefined where the field is absent. */
  optionalList<T>(field: string, read: (item: unknown, path: string) => T): T[] | undefined {
    const value = this.get(field);
    if (value === undefined) return undefined;
    if (!Array.isArray(value)) throw wrongShape(this.at(field), 'is not a list');
    return value.map((item, index) => read(item, `${this.at(field)}[${index}]`));
  }

  list<T>(field: string, read: (item: unknown, path: string) => T): T[] {
    return this.required(field, this.optionalList(field, read));
  }

  /** A map of text to text (annotations, labels); empty where absent. */
  textMap(field: string): Map<string, string> {
    const object = this.optionalObject(field);
    if (object === undefined) return new Map();
    return new Map(Object.keys(object.fields).map((key) => [key, object.optionalText(key) ?? '']));
  }

  at(field: string): string {
    return `${this.path}.${field}`;
  }

  private required<T>(field: string, value: T | undefined): T {
    if (value === undefined) throw wrongShape(this.at(field), 'is missing');
    return value;
  }
}

export function textFrom(value: unknown, path: string): string {
  if (typeof value !== 'string') throw wrongShape(path, 'is not a string');
  return value;
}

export function digestFrom(value: unknown, path: string): Digest {
  const text = textFrom(value, path);
  const digest = parseDigest(text);
  if (digest === undefined) throw wrongShape(path, `is ${JSON.stringify(text.slice(0, 160))}, not a sha256 or sha512 digest`);
  return digest;
}
