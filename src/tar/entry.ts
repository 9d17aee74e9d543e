/** One entry of a tar as the parser reports it. The record is reused: who keeps something copies it. */

import { PlyfsError } from '../base/errors.js';
import { type Limits, overLimit } from '../base/limits.js';
import { type Name, textFromName } from '../base/name.js';

export type EntryType = 'file' | 'hardlink' | 'symlink' | 'chr' | 'blk' | 'dir' | 'fifo';

/** A data range of a sparse file: `length` bytes that belong at `offset` of the file, found at `at` of the uncompressed stream. */
export interface SparseExtent {
  readonly offset: number;
  readonly length: number;
  readonly at: number;
}

export class TarEntry {
  type: EntryType = 'file';
  /** The path as written, bytes: may begin with / or ./, may end in /, may climb. */
  path = '' as Name;
  /** Target of a hard link or symlink as written; empty for other types. */
  link = '' as Name;
  /** Permission bits with setuid, setgid, sticky; no kind bits. */
  mode = 0;
  uid = 0;
  gid = 0;
  /** Bytes of the file as a reader of it sees them: for a sparse file the full size. 0 for everything but files. */
  size = 0;
  mtimeSec = 0;
  mtimeNsec = 0;
  deviceMajor = 0;
  deviceMinor = 0;
  /** Raw bytes by name; undefined for the usual entry without any. */
  xattrs: Map<Name, Buffer> | undefined = undefined;
  /** Only for a sparse file: ascending, not overlapping, within `size`. Empty for one that is all hole. */
  extents: readonly SparseExtent[] | undefined = undefined;
  /** Where the entry's header (not its PAX header) begins, and its data, in the uncompressed stream. */
  headerAt = 0;
  dataAt = 0;
}

/** One entry as the writer takes it. */
export interface WriteEntry {
  readonly type: EntryType;
  /** Without a leading slash; the one behind a directory is put there. */
  readonly path: Name;
  /** Target of a symlink; path of the first name for a hard link. */
  readonly link?: Name;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeSec: number;
  /** Written only if the writer keeps nanoseconds. */
  readonly mtimeNsec: number;
  readonly deviceMajor?: number;
  readonly deviceMinor?: number;
  readonly xattrs?: ReadonlyMap<Name, Buffer>;
}

/** The refusal of a malformed archive: names the entry (or the place) and the field. `where` is a byte of the uncompressed stream. */
export function badTar(path: Name | undefined, where: number, what: string): PlyfsError {
  return new PlyfsError('BAD_TAR', `${subject(path)} at byte ${where}: ${what}`);
}

/** The refusal of an archive that is over a limit of limits.ts. */
export function entryOverLimit(path: Name | undefined, where: number, what: string, limit: keyof Limits): PlyfsError {
  return overLimit(`${subject(path)} at byte ${where}: ${what}`, limit);
}

function subject(path: Name | undefined): string {
  return path === undefined || path === '' ? 'tar' : `tar entry "${shortPath(path)}"`;
}

/** A path for people, cut where it is too long for a sentence. */
export function shortPath(path: Name): string {
  const text = textFromName(path).replaceAll(/\p{Cc}/gu, '?');
  return text.length <= 200 ? text : `${text.slice(0, 160)}…${text.slice(-30)}`;
}
