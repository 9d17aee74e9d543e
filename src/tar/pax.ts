/** PAX extended headers as bytes: records `length key=value\n`, where the length alone decides where a value ends, so that values may
 *  hold newlines and NULs. Source: POSIX pax "pax Header Block"; GNU tar manual "Storing Sparse Files"; star's SCHILY keywords. */

import { type Name, nameFromBytes } from '../base/name.js';
import { badTar, type TarEntry } from './entry.js';
import { numberFromText } from './sparse.js';

/** What the records of one header say; undefined is silence. An empty value takes a record back (POSIX) and is silence too. */
export class PaxRecords {
  path: Name | undefined = undefined;
  linkpath: Name | undefined = undefined;
  size: number | undefined = undefined;
  uid: number | undefined = undefined;
  gid: number | undefined = undefined;
  mtimeSec: number | undefined = undefined;
  mtimeNsec = 0;
  xattrs: Map<Name, Buffer> | undefined = undefined;
  /** GNU.sparse.* : the full size, the name, the map of formats 0.0 and 0.1 as offset, length, ..., and whether the data begins with one (1.0). */
  sparseSize: number | undefined = undefined;
  sparseName: Name | undefined = undefined;
  sparseMap: number[] | undefined = undefined;
  sparseMapInData = false;
}

const schily = 'SCHILY.xattr.';
const libarchive = 'LIBARCHIVE.xattr.';

/** Reads the records in `bytes` into `into`. `where` is their place in the archive. BAD_TAR names the record that is wrong.
 *  `isGlobal`: path, linkpath, size and sparse records are left alone, as no archive can mean them for every file (L-9). */
export function readPax(bytes: Buffer, where: number, into: PaxRecords, isGlobal = false): void {
  let at = 0;
  while (at < bytes.length) {
    const space = bytes.indexOf(0x20, at);
    const length = space < 0 || space - at > 10 ? undefined : numberFromText(bytes.toString('latin1', at, space));
    if (length === undefined || length < 5) throw badTar(undefined, where + at, 'a PAX record does not begin with its length');
    const end = at + length;
    if (end > bytes.length)
      throw badTar(undefined, where + at, `a PAX record says ${length} bytes, ${bytes.length - at} are there`);
    if (bytes[end - 1] !== 0x0a) throw badTar(undefined, where + at, `a PAX record of ${length} bytes does not end in a newline`);
    const equals = bytes.indexOf(0x3d, space + 1);
    if (equals < 0 || equals >= end || equals === space + 1) throw badTar(undefined, where + at, 'a PAX record has no keyword');
    readRecord(bytes.toString('latin1', space + 1, equals), bytes, equals + 1, end - 1, where + at, into, isGlobal);
    at = end;
  }
}

function readRecord(
  key: string,
  bytes: Buffer,
  from: number,
  to: number,
  where: number,
  into: PaxRecords,
  isGlobal: boolean,
): void {
  if (key.startsWith(schily)) {
    setXattr(into, unescapeKey(key.slice(schily.length)), Buffer.from(bytes.subarray(from, to)));
    return;
  }
  if (key.startsWith(libarchive)) {
    const value = Buffer.from(bytes.toString('latin1', from, to), 'base64');
    setXattr(into, percentDecoded(key.slice(libarchive.length)), value, 'keep');
    return;
  }
  const read = isGlobal && !globalKeys.has(key) ? undefined : records.get(key);
  if (read !== undefined) read(into, nameFromBytes(bytes, from, to), key, where);
}

/** A SCHILY record beats a LIBARCHIVE one of the same name: bsdtar writes both. */
function setXattr(into: PaxRecords, name: string, value: Buffer, existing: 'replace' | 'keep' = 'replace'): void {
  if (name === '') return;
  into.xattrs ??= new Map();
  if (existing === 'replace' || !into.xattrs.has(name as Name)) into.xattrs.set(name as Name, value);
}

/** GNU tar spells = and % of an xattr name as %3D and %25 (xheader.c, xattr_encode_keyword), because = ends the keyword. */
function unescapeKey(key: string): string {
  return key.includes('%') ? key.replaceAll('%3D', '=').replaceAll('%25', '%') : key;
}
export function escapeKey(key: string): string {
  return key.replaceAll('%', '%25').replaceAll('=', '%3D');
}
function percentDecoded(key: string): string {
  return key.replaceAll(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

type Read = (into: PaxRecords, value: Name, key: string, where: number) => void;

const globalKeys = new Set(['uid', 'gid', 'mtime']);

const records = new Map<string, Read>([
  [
    'path',
    (into, value, key, where) => {
      into.path = textOf(value, key, where);
    },
  ],
  [
    'linkpath',
    (into, value, key, where) => {
      into.linkpath = textOf(value, key, where);
    },
  ],
  [
    'size',
    (into, value, key, where) => {
      into.size = countOf(value, key, where);
    },
  ],
  [
    'uid',
    (into, value, key, where) => {
      into.uid = countOf(value, key, where);
    },
  ],
  [
    'gid',
    (into, value, key, where) => {
      into.gid = countOf(value, key, where);
    },
  ],
  ['mtime', readMtime],
  [
    'GNU.sparse.major',
    (into, value) => {
      into.sparseMapInData = value === '1';
    },
  ],
  [
    'GNU.sparse.name',
    (into, value, key, where) => {
      into.sparseName = textOf(value, key, where);
    },
  ],
  [
    'GNU.sparse.size',
    (into, value, key, where) => {
      into.sparseSize = countOf(value, key, where);
    },
  ],
  [
    'GNU.sparse.realsize',
    (into, value, key, where) => {
      into.sparseSize = countOf(value, key, where);
    },
  ],
  [
    'GNU.sparse.numblocks',
    (into) => {
      into.sparseMap ??= [];
    },
  ],
  ['GNU.sparse.offset', pushNumber],
  ['GNU.sparse.numbytes', pushNumber],
  [
    'GNU.sparse.map',
    (into, value, key, where) => {
      into.sparseMap = value === '' ? [] : value.split(',').map((part) => neededCount(part, key, where));
    },
  ],
]);

function pushNumber(into: PaxRecords, value: Name, key: string, where: number): void {
  into.sparseMap ??= [];
  const isOffset = into.sparseMap.length % 2 === 0;
  if (isOffset !== (key === 'GNU.sparse.offset'))
    throw badTar(undefined, where, 'GNU.sparse.offset and numbytes records do not alternate');
  into.sparseMap.push(neededCount(value, key, where));
}

function textOf(value: Name, key: string, where: number): Name | undefined {
  if (value.includes('\0')) throw badTar(undefined, where, `the PAX ${key} holds a NUL`);
  return value === '' ? undefined : value;
}

function countOf(value: Name, key: string, where: number): number | undefined {
  return value === '' ? undefined : neededCount(value, key, where);
}

function neededCount(value: string, key: string, where: number): number {
  const number = numberFromText(value);
  if (number === undefined)
    throw badTar(undefined, where, `the PAX ${key} is not a number below 2^53 (${JSON.stringify(value.slice(0, 40))})`);
  return number;
}

/** `-1.5` is 1.5 seconds before 1970: second -2 and 500,000,000 ns. Digits beyond nanoseconds are dropped towards the past. */
function readMtime(into: PaxRecords, value: Name, key: string, where: number): void {
  if (value === '') {
    into.mtimeSec = undefined;
    return;
  }
  const parts = /^(-?)(\d{1,16})(?:\.(\d*))?$/.exec(value);
  const whole = parts === null ? Number.NaN : Number(parts[2]);
  if (parts === null || !Number.isSafeInteger(whole)) {
    throw badTar(undefined, where, `the PAX ${key} is not a time (${JSON.stringify(value.slice(0, 40))})`);
  }
  const digits = parts[3] ?? '';
  const nanoseconds = Number(digits.slice(0, 9).padEnd(9, '0'));
  if (parts[1] === '') {
    into.mtimeSec = whole;
    into.mtimeNsec = nanoseconds;
    return;
  }
  const below = nanoseconds + (/[1-9]/.test(digits.slice(9)) ? 1 : 0);
  into.mtimeSec = below === 0 ? 0 - whole : -whole - 1;
  into.mtimeNsec = below === 0 ? 0 : 1_000_000_000 - below;
}

/** Puts what `records` say over what the header said, all but the size and the sparse map: the parser needs those for its way. */
export function applyPax(records: PaxRecords, entry: TarEntry): void {
  if (records.path !== undefined) entry.path = records.path;
  if (records.linkpath !== undefined) entry.link = records.linkpath;
  if (records.uid !== undefined) entry.uid = records.uid;
  if (records.gid !== undefined) entry.gid = records.gid;
  if (records.mtimeSec !== undefined) {
    entry.mtimeSec = records.mtimeSec;
    entry.mtimeNsec = records.mtimeNsec;
  }
  if (records.xattrs !== undefined) {
    entry.xattrs = entry.xattrs === undefined ? records.xattrs : new Map([...entry.xattrs, ...records.xattrs]);
  }
}

/** One record, its own length counted in. */
export function paxRecord(key: string, value: Buffer): Buffer {
  const rest = Buffer.byteLength(key, 'latin1') + value.length + 3;
  let length = rest + String(rest).length;
  if (String(length).length > String(rest).length) length = rest + String(length).length;
  return Buffer.concat([Buffer.from(`${length} ${key}=`, 'latin1'), value, newline]);
}

const newline = Buffer.from('\n');
