/** Reads any Layer into the tree language, through the seam alone. A link to a lower layer is `link name -> /target`. */

import { readSync } from 'node:fs';
import { Attributes, deviceMajor, deviceMinor } from '../../src/base/attributes.js';
import { dirType, isRegular, kindName, typeOfMode } from '../../src/base/mode.js';
import type { Name } from '../../src/base/name.js';
import { type Content, type Layer, type LayerDir, Listing } from '../../src/layers/layer.js';
import type { TreeKind, TreeLine } from './tree.js';

export function dumpLayer(layer: Layer): TreeLine[] {
  const lines: TreeLine[] = [];
  const firstNames = new Map<number, string>();
  directory(layer, layer.root, '', lines, firstNames);
  return lines;
}

function directory(layer: Layer, dir: LayerDir, path: string, lines: TreeLine[], first: Map<number, string>): void {
  const out = new Attributes();
  layer.statDirectory(dir, out);
  const xattrs = new Map<string, Buffer>(layer.listxattrDirectory(dir).map((key) => [key, layer.getxattrDirectory(dir, key)!]));
  lines.push({ kind: 'dir', path, mode: out.mode & 0o7777, uid: out.uid, gid: out.gid, mtime: timeOf(out), xattrs });
  const listing = new Listing();
  layer.list(dir, listing);
  const below = (name: string) => (path === '' ? name : `${path}/${name}`);
  if (listing.isOpaque) lines.push({ kind: 'opaque', path, xattrs: new Map() });
  for (const name of listing.whiteouts) lines.push({ kind: 'whiteout', path: below(name), xattrs: new Map() });
  listing.links.forEach((name, i) => {
    lines.push({ kind: 'link', path: below(name), target: `/${listing.linkTargets[i]}`, xattrs: new Map() });
  });
  // Directories for markers alone are directories of the layer, though they make none in a view.
  listing.passes.forEach((name, i) => {
    directory(layer, layer.directory(dir, name, listing.passRefs[i]!), below(name), lines, first);
  });
  listing.names.forEach((name, i) => {
    const ref = listing.refs[i]!;
    if (listing.types[i] === dirType.dir) directory(layer, layer.directory(dir, name, ref), below(name), lines, first);
    else lines.push(object(layer, dir, name, ref, below(name), listing.inos[i]!, first));
  });
}

function object(
  layer: Layer,
  dir: LayerDir,
  name: Name,
  ref: number,
  path: string,
  ino: number,
  first: Map<number, string>,
): TreeLine {
  const known = first.get(ino);
  if (known !== undefined) return { kind: 'link', path, target: known, xattrs: new Map() };
  first.set(ino, path);
  const out = new Attributes();
  layer.stat(dir, name, ref, out);
  if (out.ino !== ino) throw new Error(`${path}: list says inode ${ino}, stat ${out.ino}`);
  const kind = kindName(typeOfMode(out.mode)) as TreeKind; // the names of base/mode.ts are the kinds of the tree language
  const xattrs = new Map<string, Buffer>(
    layer.listxattr(dir, name, ref).map((key) => [key, layer.getxattr(dir, name, ref, key)!]),
  );
  const line: TreeLine = {
    kind,
    path,
    mode: out.mode & 0o7777,
    uid: out.uid,
    gid: out.gid,
    nlink: out.nlink,
    mtime: timeOf(out),
    xattrs,
  };
  if (kind === 'symlink') line.target = layer.readlink(dir, name, ref);
  if (kind === 'chr' || kind === 'blk') line.rdev = `${deviceMajor(out.rdev)}:${deviceMinor(out.rdev)}`;
  if (isRegular(out.mode)) {
    const content = layer.open(dir, name, ref);
    line.content = bytesOf(content);
    content.close();
  }
  return line;
}

function bytesOf(content: Content): Buffer {
  const bytes = Buffer.alloc(content.size);
  for (const { offset, length, at } of content.extents ?? [{ offset: 0, length: content.size, at: content.start }]) {
    const count = readSync(content.fd, bytes, offset, length, at);
    if (count !== length) throw new Error(`${count} bytes read of ${length}`);
  }
  return bytes;
}

function timeOf(out: Attributes): string {
  return `${out.mtimeSec}.${String(out.mtimeNsec).padStart(9, '0')}`;
}
