/** Trees in the tree language: a merged one as a mount would show it, or one layer with its markers. */

import { Attributes, deviceMajor, deviceMinor } from '../../base/attributes.js';
import { dirType, kindName } from '../../base/mode.js';
import type { Name } from '../../base/name.js';
import { type Layer, type LayerDir, Listing } from '../../layers/layer.js';
import { isHiddenXattr, viewXattr } from '../../layers/markers.js';
import { chunksOf } from './content.js';
import { ContentDigest, printedContentMax, type TreeKind, type TreeLine } from './tree-language.js';
import type { NodeNumber, TreeView } from './tree-view.js';

/** What there is to ask of one object. */
interface Subject {
  readonly attributes: Attributes;
  readonly xattrs: Map<string, Buffer>;
  readlink(): Name;
  /** `size`: as the attributes say; a file on a disk may have changed since. */
  read(size: number): Iterable<Buffer>;
}

/** All that shows in the tree; later names of a file are links to the first that was met. PlyfsError, FsError from the disk. */
export function dumpTree(tree: TreeView): TreeLine[] {
  const lines: TreeLine[] = [];
  const names = new FirstNames();
  const visit = (node: NodeNumber, path: Name): void => {
    const subject = {
      attributes: tree.attributes(node),
      xattrs: tree.shownXattrs(node),
      readlink: () => tree.readlink(node),
      read: (size: number) => tree.read(node, 0, size),
    };
    lines.push(names.link(path, tree.type(node), subject.attributes.ino) ?? lineOf(path, tree.type(node), subject));
    if (tree.type(node) !== dirType.dir) return;
    for (const child of tree.list(node)) visit(child.node, below(path, child.name));
  };
  visit(tree.root, '' as Name);
  return lines;
}

/** What a layer itself holds, with its whiteouts, opaque marks and redirects, and `link name -> /path` to files of lower layers. */
export function dumpLayer(layer: Layer): TreeLine[] {
  return [...linesOfDirectory(layer, layer.root, '' as Name, new FirstNames())];
}

function* linesOfDirectory(layer: Layer, dir: LayerDir, path: Name, names: FirstNames): Generator<TreeLine> {
  const listing = new Listing();
  layer.list(dir, listing);
  yield lineOf(path, dirType.dir, directorySubject(layer, dir));
  if (listing.isOpaque) yield marker('opaque', path);
  if (listing.redirect !== undefined) yield marker('redirect', path, listing.redirect);
  for (const name of listing.whiteouts) yield marker('whiteout', below(path, name));
  for (const [at, name] of listing.links.entries())
    yield marker('link', below(path, name), `/${listing.linkTargets[at]}` as Name); // of Names
  for (const [at, name] of listing.names.entries()) {
    const here = below(path, name);
    const [type, ref, ino] = [listing.types[at]!, listing.refs[at]!, listing.inos[at]!]; // they go with the names
    if (type === dirType.dir) yield* linesOfDirectory(layer, layer.directory(dir, name, ref), here, names);
    else yield names.link(here, type, ino) ?? lineOf(here, type, objectSubject(layer, dir, name, ref));
  }
}

function directorySubject(layer: Layer, dir: LayerDir): Subject {
  const attributes = new Attributes();
  layer.statDirectory(dir, attributes);
  const noFile = (): never => {
    throw new Error('a directory has neither bytes nor a target');
  };
  const xattrs = shown(layer.listxattrDirectory(dir), (key) => layer.getxattrDirectory(dir, key));
  return { attributes, xattrs, readlink: noFile, read: noFile };
}

function objectSubject(layer: Layer, dir: LayerDir, name: Name, ref: number): Subject {
  const attributes = new Attributes();
  layer.stat(dir, name, ref, attributes);
  return {
    attributes,
    xattrs: shown(layer.listxattr(dir, name, ref), (key) => layer.getxattr(dir, name, ref, key)),
    readlink: () => layer.readlink(dir, name, ref),
    *read(size) {
      const content = layer.open(dir, name, ref);
      try {
        yield* chunksOf(content, 0, size);
      } finally {
        content.close();
      }
    },
  };
}

/** Markers are lines of their own; what else is an overlay's bookkeeping means nothing to a reader. */
function shown(keys: readonly Name[], get: (key: Name) => Buffer | undefined): Map<string, Buffer> {
  return new Map(keys.filter((key) => !isHiddenXattr(key)).flatMap((key) => [[viewXattr(key), get(key) ?? Buffer.alloc(0)]]));
}

/** The first names of files, by inode number. */
class FirstNames {
  private readonly first = new Map<number, Name>();

  /** The line of a further name of a file; undefined for a first one, which is kept. */
  link(path: Name, type: number, ino: number): TreeLine | undefined {
    const known = type === dirType.dir ? undefined : this.first.get(ino);
    if (known !== undefined) return marker('link', path, known);
    this.first.set(ino, path);
    return undefined;
  }
}

function marker(kind: TreeKind, path: Name, target?: Name): TreeLine {
  return { kind, path, xattrs: new Map(), ...(target === undefined ? {} : { target }) };
}

/** Joined of Names. */
function below(path: Name, name: Name): Name {
  return (path === '' ? name : `${path}/${name}`) as Name;
}

function lineOf(path: Name, type: number, subject: Subject): TreeLine {
  const { attributes, xattrs } = subject;
  const { mode, uid, gid, nlink, rdev, size, mtimeSec, mtimeNsec } = attributes;
  const kind = kindName(type) as TreeKind; // the names of base/mode.ts are the kinds of the tree language
  const mtime = `${mtimeSec}.${String(mtimeNsec).padStart(9, '0')}`;
  const line: TreeLine = { kind, path, mode: mode & 0o7777, uid, gid, mtime, xattrs };
  if (kind !== 'dir') line.nlink = nlink;
  if (kind === 'symlink') line.target = subject.readlink();
  if (kind === 'chr' || kind === 'blk') line.rdev = `${deviceMajor(rdev)}:${deviceMinor(rdev)}`;
  if (kind === 'file') addContent(line, size, subject.read(size));
  return line;
}

function addContent(line: TreeLine, size: number, chunks: Iterable<Buffer>): void {
  line.size = size;
  if (size <= printedContentMax) line.content = Buffer.concat([...chunks]);
  else {
    const digest = new ContentDigest();
    let at = 0;
    for (const chunk of chunks) {
      digest.update(chunk, at);
      at += chunk.length;
    }
    line.digest = digest.text();
  }
}
