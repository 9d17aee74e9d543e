/** Any Layer written as a tar through the seam, for tests of the writer: depth first, names sorted, first names carry the data. */

import { readSync } from 'node:fs';
import { Attributes, deviceMajor, deviceMinor } from '../../src/base/attributes.js';
import { dirType } from '../../src/base/mode.js';
import type { Name } from '../../src/base/name.js';
import { type Content, type Layer, type LayerDir, Listing } from '../../src/layers/layer.js';
import { opaqueEntry, whiteoutEntry } from '../../src/layers/tar/tar-markers.js';
import type { EntryType, WriteEntry } from '../../src/tar/entry.js';
import { type FileData, TarWriter } from '../../src/tar/writer.js';

const types = new Map<number, EntryType>([
  [dirType.reg, 'file'],
  [dirType.lnk, 'symlink'],
  [dirType.chr, 'chr'],
  [dirType.blk, 'blk'],
  [dirType.fifo, 'fifo'],
]);

export function tarOfLayer(layer: Layer, options: { nanoseconds?: boolean } = { nanoseconds: true }): Buffer {
  const writer = new TarWriter(options);
  const parts: Buffer[] = [];
  const first = new Map<number, Name>();
  const add = (entry: WriteEntry, data?: FileData) => {
    for (const chunk of writer.add(entry, data)) parts.push(Buffer.from(chunk));
  };

  function directory(dir: LayerDir, path: Name): void {
    const out = new Attributes();
    layer.statDirectory(dir, out);
    const xattrs = new Map(layer.listxattrDirectory(dir).map((key) => [key, layer.getxattrDirectory(dir, key)!] as const));
    if (path !== '') add(entryOf('dir', path, out, xattrs));
    const listing = new Listing();
    layer.list(dir, listing);
    if (listing.isOpaque) add(opaqueEntry(path));
    for (const name of listing.whiteouts) add(whiteoutEntry(path, name));
    listing.names.forEach((name, i) => {
      const below = (path === '' ? name : `${path}/${name}`) as Name;
      if (listing.types[i] === dirType.dir) directory(layer.directory(dir, name, listing.refs[i]!), below);
      else object(dir, name, listing.refs[i]!, types.get(listing.types[i]!)!, below);
    });
  }

  function object(dir: LayerDir, name: Name, ref: number, type: EntryType, path: Name): void {
    const out = new Attributes();
    layer.stat(dir, name, ref, out);
    const known = first.get(out.ino);
    if (known !== undefined) {
      add({ ...entryOf('hardlink', path, out), link: known });
      return;
    }
    first.set(out.ino, path);
    const xattrs = new Map(layer.listxattr(dir, name, ref).map((key) => [key, layer.getxattr(dir, name, ref, key)!] as const));
    const entry = entryOf(type, path, out, xattrs);
    if (type === 'symlink') add({ ...entry, link: layer.readlink(dir, name, ref) });
    else add(entry, type === 'file' ? dataOf(layer.open(dir, name, ref)) : undefined);
  }

  directory(layer.root, '' as Name);
  for (const chunk of writer.finish()) parts.push(Buffer.from(chunk));
  const bytes = Buffer.concat(parts);
  if (bytes.length !== writer.position) throw new Error(`position ${writer.position}, ${bytes.length} bytes`);
  return bytes;
}

function entryOf(type: EntryType, path: Name, out: Attributes, xattrs?: ReadonlyMap<Name, Buffer>): WriteEntry {
  return {
    type,
    path,
    mode: out.mode & 0o7777,
    uid: out.uid,
    gid: out.gid,
    mtimeSec: out.mtimeSec,
    mtimeNsec: out.mtimeNsec,
    deviceMajor: deviceMajor(out.rdev),
    deviceMinor: deviceMinor(out.rdev),
    ...(xattrs === undefined ? {} : { xattrs }),
  };
}

export function dataOf(content: Content): FileData {
  const parts = content.extents ?? [{ offset: 0, length: content.size, at: content.start }];
  return {
    size: content.size,
    extents: parts,
    read(buffer, at, length, offset) {
      const part = parts.find((extent) => offset >= extent.offset && offset < extent.offset + extent.length)!;
      return readSync(content.fd, buffer, at, length, part.at + offset - part.offset);
    },
  };
}
