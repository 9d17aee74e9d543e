/** The PAX records that an entry needs: those of its values that a ustar header cannot hold. */

import { bytesFromName, type Name } from '../base/name.js';
import type { WriteEntry } from './entry.js';
import { octalMax } from './header.js';
import { escapeKey } from './pax.js';

export type PaxRecord = readonly [key: string, value: Buffer];

/** In the order of the keys' bytes. */
export function recordsOf(
  entry: WriteEntry,
  path: Name,
  pathFits: boolean,
  size: number,
  keepsNanoseconds: boolean,
): PaxRecord[] {
  const records: PaxRecord[] = [];
  const add = (key: string, value: Buffer | string) =>
    records.push([key, typeof value === 'string' ? Buffer.from(value, 'latin1') : value]);
  for (const [name, value] of entry.xattrs ?? []) add(`SCHILY.xattr.${escapeKey(name)}`, value);
  if (entry.gid > octalMax.id) add('gid', String(entry.gid));
  const names: Name[] = [];
  if (entry.link !== undefined && entry.link.length > 100) names.push(entry.link);
  if (!pathFits) names.push(path);
  // Records are UTF-8 unless this one says otherwise (POSIX).
  if (names.some(isNotUtf8)) add('hdrcharset', 'BINARY');
  if (entry.link !== undefined && entry.link.length > 100) add('linkpath', bytesFromName(entry.link));
  const nanoseconds = keepsNanoseconds ? entry.mtimeNsec : 0;
  if (nanoseconds > 0 || entry.mtimeSec < 0 || entry.mtimeSec > octalMax.mtime)
    add('mtime', timeText(entry.mtimeSec, nanoseconds));
  if (!pathFits) add('path', bytesFromName(path));
  if (size > octalMax.size) add('size', String(size));
  if (entry.uid > octalMax.id) add('uid', String(entry.uid));
  if (records.length > 1) records.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return records;
}

/** `sec` and `nsec` on top of it as one decimal number: -1 and 500,000,000 is -0.5. */
function timeText(sec: number, nsec: number): string {
  if (nsec === 0) return String(sec);
  const isBelow = sec < 0;
  const whole = isBelow ? -(sec + 1) : sec;
  const fraction = String(isBelow ? 1_000_000_000 - nsec : nsec)
    .padStart(9, '0')
    .replace(/0+$/, '');
  return `${isBelow ? '-' : ''}${whole}.${fraction}`;
}

function isNotUtf8(name: Name): boolean {
  const bytes = bytesFromName(name);
  return !Buffer.from(bytes.toString('utf8'), 'utf8').equals(bytes);
}
