/** A tree of the tree language as the tar of a layer: quick fixtures for what reads layers. Times are kept to the nanosecond. */

import type { Name } from '../../src/base/name.js';
import { opaqueEntry, whiteoutEntry } from '../../src/layers/tar/tar-markers.js';
import type { EntryType, WriteEntry } from '../../src/tar/entry.js';
import { TarWriter } from '../../src/tar/writer.js';
import { defaultMode, parseTree, type TreeLine, wholeContent } from './tree.js';

/** The entries are in the order of the lines. Paths of tree lines are latin1 bytes: Names. */
export function tarOfTree(tree: string): Buffer {
  const writer = new TarWriter({ nanoseconds: true });
  const parts: Buffer[] = [];
  for (const line of parseTree(tree)) {
    const content = line.kind === 'file' ? wholeContent(line) : Buffer.alloc(0);
    const data = {
      size: content.length,
      read: (into: Buffer, at: number, length: number, offset: number) => content.copy(into, at, offset, offset + length),
    };
    for (const chunk of writer.add(entryOf(line), data)) parts.push(Buffer.from(chunk));
  }
  for (const chunk of writer.finish()) parts.push(Buffer.from(chunk));
  return Buffer.concat(parts);
}

function entryOf(line: TreeLine): WriteEntry {
  const slash = line.path.lastIndexOf('/');
  const parent = line.path.slice(0, Math.max(slash, 0)) as Name;
  switch (line.kind) {
    case 'whiteout':
      return whiteoutEntry(parent, line.path.slice(slash + 1) as Name);
    case 'opaque':
      return opaqueEntry(line.path as Name);
    case 'sock':
    case 'redirect':
      throw new Error(`a tar has no ${line.kind}`);
    case 'link':
      return { ...attributes(line, 'hardlink'), link: line.target as Name };
    case 'symlink':
      return { ...attributes(line, 'symlink'), link: line.target as Name };
    default:
      return attributes(line, line.kind);
  }
}

function attributes(line: TreeLine, type: EntryType): WriteEntry {
  const [seconds = '0', fraction = '0'] = (line.mtime ?? '0.0').split('.');
  const [major = 0, minor = 0] = (line.rdev ?? '0:0').split(':').map(Number);
  return {
    type,
    path: (line.path === '' ? '.' : line.path) as Name,
    mode: line.mode ?? defaultMode(line.kind === 'link' ? 'file' : line.kind),
    uid: line.uid ?? 0,
    gid: line.gid ?? 0,
    // As in a timespec: -1.5 is half a second before 1970.
    mtimeSec: Number(seconds),
    mtimeNsec: Number(fraction.padEnd(9, '0')),
    deviceMajor: major,
    deviceMinor: minor,
    xattrs: new Map([...line.xattrs].map(([key, value]) => [key as Name, value])),
  };
}
