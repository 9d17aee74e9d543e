/** One entry out of its header and of what the headers before it said about it. */

import type { Limits } from '../base/limits.js';
import type { Name } from '../base/name.js';
import { badTar, type EntryType, entryOverLimit, type TarEntry } from './entry.js';
import { dialectOf, numberField, sizeField, textField, typeflagAt } from './header.js';
import { applyPax, type PaxRecords } from './pax.js';

const entryTypes = new Map<string, EntryType>([
  ['\0', 'file'],
  ['0', 'file'],
  ['7', 'file'],
  ['S', 'file'],
  ['1', 'hardlink'],
  ['2', 'symlink'],
  ['3', 'chr'],
  ['4', 'blk'],
  ['5', 'dir'],
  ['D', 'dir'],
  ['6', 'fifo'],
]);

/** What came before an entry's own header: PAX records for all entries and for this one, GNU long names. */
export interface Before {
  readonly global: PaxRecords;
  local: PaxRecords | undefined;
  longPath: Name | undefined;
  longLink: Name | undefined;
}

/** Whether entries of this type are understood; others are read as files (L-13). */
export function isKnownType(flag: string): boolean {
  return entryTypes.has(flag);
}

/** Fills `entry`, all but `dataAt` and the extents of a sparse file, and returns how many bytes are stored behind the header.
 *  `where` is the header's place in the stream. BAD_TAR, OVER_LIMIT. */
export function readEntry(block: Buffer, at: number, where: number, before: Before, limits: Limits, entry: TarEntry): number {
  const { local } = before;
  entry.path = pathField(block, at);
  entry.link = textField(block, at, 'linkname');
  readNumbers(block, at, where, local, entry);
  applyPax(before.global, entry);
  if (local !== undefined) applyPax(local, entry);
  if (before.longPath !== undefined) entry.path = before.longPath;
  if (before.longLink !== undefined) entry.link = before.longLink;
  if (local?.sparseName !== undefined) entry.path = local.sparseName;
  const flag = String.fromCharCode(block[at + typeflagAt]!);
  const type = entryTypes.get(flag) ?? 'file';
  // A file with a slash at its end is the V7 way of writing a directory; GNU tar and Go read it so too.
  entry.type = type === 'file' && entry.path.endsWith('/') ? 'dir' : type;
  if (type !== 'hardlink' && type !== 'symlink') entry.link = '' as Name; // the empty Name
  readDevice(block, at, where, entry);
  checkEntry(where, limits, entry);
  // Only these have data: the size of a link, directory or device says nothing (POSIX; Go's isHeaderOnly).
  const hasData = type === 'file' || flag === 'D';
  const stored = hasData ? (local?.size ?? sizeField(block, at, 'size', entry.path, where)) : 0;
  entry.size = entry.type === 'file' ? stored : 0;
  entry.extents = undefined;
  entry.headerAt = where;
  return stored;
}

function pathField(block: Buffer, at: number): Name {
  const name = textField(block, at, 'name');
  const dialect = dialectOf(block, at);
  if (dialect !== 'ustar' && dialect !== 'star') return name;
  const prefix = textField(block, at, dialect === 'star' ? 'starPrefix' : 'prefix');
  return prefix === '' ? name : (`${prefix}/${name}` as Name); // two Names and a slash
}

function readNumbers(block: Buffer, at: number, where: number, local: PaxRecords | undefined, entry: TarEntry): void {
  entry.mode = numberField(block, at, 'mode', entry.path, where) & 0o7777;
  // A field that a record replaces may hold anything: writers leave rubbish where the number does not fit.
  entry.uid = local?.uid === undefined ? numberField(block, at, 'uid', entry.path, where) : 0;
  entry.gid = local?.gid === undefined ? numberField(block, at, 'gid', entry.path, where) : 0;
  entry.mtimeSec = local?.mtimeSec === undefined ? numberField(block, at, 'mtime', entry.path, where) : 0;
  entry.mtimeNsec = 0;
  entry.xattrs = undefined;
}

function readDevice(block: Buffer, at: number, where: number, entry: TarEntry): void {
  const isDevice = entry.type === 'chr' || entry.type === 'blk';
  entry.deviceMajor = isDevice ? numberField(block, at, 'devmajor', entry.path, where) : 0;
  entry.deviceMinor = isDevice ? numberField(block, at, 'devminor', entry.path, where) : 0;
  const { deviceMajor, deviceMinor } = entry;
  if (!(deviceMajor >= 0 && deviceMajor <= 0xfff)) throw badTar(entry.path, where, `device major ${deviceMajor}`);
  if (!(deviceMinor >= 0 && deviceMinor <= 0xfffff)) throw badTar(entry.path, where, `device minor ${deviceMinor}`);
}

function checkEntry(where: number, limits: Limits, { path, link, uid, gid }: TarEntry): void {
  if (path === '') throw badTar(undefined, where, 'the name is empty');
  if (path.length > limits.pathBytes) throw entryOverLimit(path, where, `the name has ${path.length} bytes`, 'pathBytes');
  if (link.length > limits.pathBytes) throw entryOverLimit(path, where, `the linkname has ${link.length} bytes`, 'pathBytes');
  if (!(uid >= 0 && uid <= 0xffffffff)) throw badTar(path, where, `the uid ${uid} does not fit in 32 bits`);
  if (!(gid >= 0 && gid <= 0xffffffff)) throw badTar(path, where, `the gid ${gid} does not fit in 32 bits`);
}
