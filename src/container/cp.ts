/** `plyfs cp`: files between a container and this machine, by docker's rules. Reading goes through the merged tree, writing through the
 *  mount where the container is mounted, otherwise into its upper. */

import { lstatSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { FsError, PlyfsError } from '../base/errors.js';
import { dirType } from '../base/mode.js';
import { type Name, nameFromText, textFromName } from '../base/name.js';
import { openContainer, openDirectoryTree } from '../image/find/open-tree.js';
import type { NodeNumber, TreeView } from '../image/tree/tree-view.js';
import { type Container, getContainer } from '../store/containers.js';
import type { Store } from '../store/store.js';
import { mountOf } from './containers.js';
import { UpperTarget } from './cp-into-upper.js';
import { openTarStream, tarOfNode } from './cp-tar.js';
import { type CopyTarget, DiskTarget } from './cp-target.js';
import { flushUpper } from './flush.js';

export interface CopyOptions {
  /** Owners stay; otherwise files belong to root in a container, and to the caller on this machine. */
  readonly keepsOwners: boolean;
  /** A symlink named as the source stands for what it points to. */
  readonly follow: boolean;
}

/** What `-` stands for. */
export interface TarStreams {
  /** Tars that come in. */
  readonly input: AsyncIterable<Buffer>;
  /** Writes a tar; a chunk is good until the next is asked for. */
  readonly write: (tar: Iterable<Buffer>) => void;
}

/** Copies `source` to `destination`, one of which is CONTAINER:PATH, the other a path here or `-`, a tar. Returns what could not be kept, as sentences. PlyfsError `usage`,
 *  `no-container`, `ENOENT`, `ENOTDIR`, `copy`. */
export async function copyFiles(
  store: Store,
  source: string,
  destination: string,
  options: CopyOptions,
  streams: TarStreams,
): Promise<string[]> {
  const from = placeOf(source);
  const to = placeOf(destination);
  if ((from.container === undefined) === (to.container === undefined)) {
    throw new PlyfsError('usage', 'one of source and destination is CONTAINER:PATH, the other a path here');
  }
  if (from.container !== undefined) {
    const container = getContainer(store, from.container);
    if (destination === '-') return copyToTar(container, from.path, store, options, streams.write);
    return copyOut(container, from.path, to.path, store, options);
  }
  const container = getContainer(store, to.container ?? '');
  if (source === '-') return copyFromTar(container, to.path, store, streams.input);
  return copyIn(container, localSource(from.path, options.follow), to.path, store, options);
}

/** docker's rule: what begins with a slash or a dot is a path here. */
function placeOf(text: string): { container: string | undefined; path: string } {
  const colon = text.indexOf(':');
  if (/^[./]/.test(text) || colon <= 0) return { container: undefined, path: text };
  return { container: text.slice(0, colon), path: text.slice(colon + 1) || '/' };
}

async function copyOut(container: Container, path: string, to: string, store: Store, options: CopyOptions): Promise<string[]> {
  await flushUpper(container.upper);
  const opened = await openContainer(store, container);
  try {
    const node = opened.tree.get(nameFromText(path), options.follow || path.endsWith('/') || path.endsWith('/.'));
    const source = sourceOf(opened.tree, node, path);
    const found = statSync(to, { throwIfNoEntry: false });
    const place = destinationOf(source, to, found === undefined ? undefined : found.isDirectory());
    const base = resolve(place.isInto ? to : dirname(resolve(to)));
    const copy = new Copy(source.tree, new DiskTarget(base), options, process.geteuid?.() ?? 0, process.getegid?.() ?? 0);
    return copy.run(source, '' as Name, place.isInto ? undefined : nameFromText(basename(resolve(to))));
  } finally {
    opened.close();
  }
}

async function copyToTar(
  container: Container,
  path: string,
  store: Store,
  options: CopyOptions,
  write: TarStreams['write'],
): Promise<string[]> {
  await flushUpper(container.upper);
  const opened = await openContainer(store, container);
  try {
    const node = opened.tree.get(nameFromText(path), options.follow || path.endsWith('/') || path.endsWith('/.'));
    const source = sourceOf(opened.tree, node, path);
    write(tarOfNode(source.tree, node, source.isContents ? ('.' as Name) : source.name));
    return [];
  } finally {
    opened.close();
  }
}

/** Owners are those of the tar. PlyfsError ENOTDIR where `to` is no directory that is there. */
async function copyFromTar(container: Container, to: string, store: Store, input: AsyncIterable<Buffer>): Promise<string[]> {
  const { isDirectory } = await findIn(store, container, to);
  if (isDirectory !== true) throw new PlyfsError('ENOTDIR', `container ${container.name} has no directory ${to} for the tar`);
  const { tree, close } = await openTarStream(store, input);
  const source = { tree, node: tree.root, name: '' as Name, isDirectory: true, isContents: true, path: 'the tar' };
  return copyIn(container, { source, close }, to, store, { keepsOwners: true, follow: false });
}

async function copyIn(
  container: Container,
  local: { source: Source; close: () => void },
  to: string,
  store: Store,
  options: CopyOptions,
): Promise<string[]> {
  try {
    await flushUpper(container.upper);
    const { isDirectory, parent, name } = await findIn(store, container, to);
    const place = destinationOf(local.source, to, isDirectory);
    const mount = mountOf(container);
    if (mount?.isReadOnly) throw new PlyfsError('EROFS', `container ${container.name} is mounted read-only on ${mount.target}`);
    const target = mount === undefined ? await UpperTarget.open(store, container) : new DiskTarget(mount.target);
    const copy = new Copy(local.source.tree, target, options, 0, 0);
    if (!place.isInto) return copy.run(local.source, parent, name);
    return copy.run(local.source, [parent, name].filter((part) => part !== '').join('/') as Name, undefined); // Names and a slash
  } finally {
    local.close();
  }
}

interface Source {
  readonly tree: TreeView;
  readonly node: NodeNumber;
  readonly name: Name;
  readonly isDirectory: boolean;
  /** `dir/.`: what is in it, not the directory. */
  readonly isContents: boolean;
  readonly path: string;
}

function sourceOf(tree: TreeView, node: NodeNumber, path: string): Source {
  const isDirectory = tree.type(node) === dirType.dir;
  if (!isDirectory && (path.endsWith('/') || path.endsWith('/.'))) throw new PlyfsError('ENOTDIR', `${path} is not a directory`);
  const name = nameFromText(basename(resolve('/', path)));
  return { tree, node, name, isDirectory, isContents: isDirectory && (path.endsWith('/.') || name === ''), path };
}

/** A file of this machine as the child of a tree: its directory's. */
function localSource(path: string, follow: boolean): { source: Source; close: () => void } {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw new PlyfsError('ENOENT', `there is no ${path}`);
  const real = follow || path.endsWith('/') || path.endsWith('/.') ? realpathSync(path) : resolve(path);
  const isDirectory = statSync(real, { throwIfNoEntry: false })?.isDirectory() === true && !lstatSync(real).isSymbolicLink();
  const opened = openDirectoryTree(isDirectory ? real : dirname(real));
  const node = isDirectory ? opened.tree.root : opened.tree.get(nameFromText(basename(real)), false);
  const source = sourceOf(opened.tree, node, path);
  return { source: { ...source, name: nameFromText(basename(resolve(path))) }, close: () => opened.close() };
}

/** Where a path of a container leads, its symlinks followed within the container. `isDirectory` undefined: there is nothing yet. */
async function findIn(
  store: Store,
  container: Container,
  path: string,
): Promise<{ isDirectory: boolean | undefined; parent: Name; name: Name }> {
  const opened = await openContainer(store, container);
  try {
    const { tree } = opened;
    const node = tree.find(nameFromText(path));
    if (node !== undefined) {
      const names = tree.pathOf(node);
      return {
        isDirectory: tree.type(node) === dirType.dir,
        parent: names.slice(0, -1).join('/') as Name,
        name: names.at(-1) ?? ('' as Name),
      };
    }
    const absolute = resolve('/', path);
    const parent = tree.find(nameFromText(dirname(absolute)));
    if (parent === undefined || tree.type(parent) !== dirType.dir) {
      throw new PlyfsError('ENOENT', `container ${container.name} has no directory ${dirname(absolute)}`);
    }
    return { isDirectory: undefined, parent: tree.pathOf(parent).join('/') as Name, name: nameFromText(basename(absolute)) };
  } finally {
    opened.close();
  }
}

/** docker's table: into a directory that is there, over a file, or under a new name. */
function destinationOf(source: Source, to: string, isDirectory: boolean | undefined): { isInto: boolean } {
  if (isDirectory === undefined && to.endsWith('/') && !source.isDirectory)
    throw new PlyfsError('ENOENT', `there is no directory ${to}`);
  if (isDirectory === false && source.isDirectory)
    throw new PlyfsError('copy', `${to} is a file: the directory ${source.path} cannot replace it`);
  if (isDirectory === false && to.endsWith('/')) throw new PlyfsError('ENOTDIR', `${to} is not a directory`);
  return { isInto: isDirectory === true };
}

class Copy {
  private readonly warnings: string[] = [];

  constructor(
    private readonly tree: TreeView,
    private readonly target: CopyTarget,
    private readonly options: CopyOptions,
    private readonly uid: number,
    private readonly gid: number,
  ) {}

  /** Copies the source into the directory at `path`: as `name`, or under its own name, or its contents alone. Closes the target. */
  run(source: Source, path: Name, name: Name | undefined): string[] {
    try {
      const directory = this.target.openDirectory(path);
      try {
        if (name === undefined && source.isContents) this.contents(source.node, directory);
        else this.object(source.node, directory, name ?? source.name);
      } finally {
        this.target.closeDirectory(directory);
      }
      return this.warnings;
    } catch (error) {
      if (!(error instanceof FsError)) throw error;
      throw new PlyfsError('copy', `${source.path} could not be copied: ${error.message}`, { cause: error });
    } finally {
      this.target.close();
    }
  }

  private contents(node: NodeNumber, directory: number): void {
    for (const { name, node: child } of this.tree.list(node)) this.object(child, directory, name);
  }

  private object(node: NodeNumber, directory: number, name: Name): void {
    const type = this.tree.type(node);
    const there = this.target.typeOf(directory, name);
    if (there !== undefined && (there === dirType.dir) !== (type === dirType.dir)) {
      const [old, fresh] = there === dirType.dir ? ['directory', 'file'] : ['file', 'directory'];
      throw new PlyfsError('copy', `${textFromName(name)} is a ${old} there: a ${fresh} cannot replace it`);
    }
    if (type === dirType.dir) {
      this.directory(node, directory, name, there !== undefined);
      return;
    }
    if (there !== undefined) this.target.remove(directory, name);
    this.make(node, type, directory, name);
    this.finish(node, type, directory, name);
  }

  /** A directory that is there keeps its attributes. */
  private directory(node: NodeNumber, directory: number, name: Name, isThere: boolean): void {
    if (!isThere) this.target.makeDirectory(directory, name);
    const inner = this.target.enter(directory, name);
    try {
      this.contents(node, inner);
    } finally {
      this.target.closeDirectory(inner);
    }
    if (!isThere) this.finish(node, dirType.dir, directory, name);
  }

  private make(node: NodeNumber, type: number, directory: number, name: Name): void {
    if (type === dirType.lnk) {
      this.target.makeSymlink(directory, name, this.tree.readlink(node));
    } else if (type === dirType.reg) {
      const file = this.tree.open(node);
      try {
        this.target.makeFile(directory, name, file);
      } finally {
        file.close();
      }
    } else {
      const { mode, rdev } = this.tree.attributes(node);
      this.target.makeSpecial(directory, name, mode, rdev);
    }
  }

  private finish(node: NodeNumber, type: number, directory: number, name: Name): void {
    const { uid, gid, mode, mtimeSec, mtimeNsec } = this.tree.attributes(node);
    const owner = this.options.keepsOwners ? { uid, gid } : { uid: this.uid, gid: this.gid };
    const attributes = { ...owner, mode: mode & 0o7777, mtimeSec, mtimeNsec, xattrs: this.tree.shownXattrs(node) };
    for (const key of this.target.setAttributes(directory, name, type, attributes)) {
      this.warnings.push(`${textFromName(name)}: the attribute ${textFromName(key)} cannot be set there`);
    }
  }
}
