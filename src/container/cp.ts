/** `plyfs cp`: files between a container and this machine, by docker's rules. Reading goes through the merged tree, writing through the
 *  mount where the container is mounted, otherwise into its upper. */

import { statSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { FsError, PlyfsError } from '../base/errors.js';
import { dirType } from '../base/mode.js';
import { type Name, nameFromText, textFromName } from '../base/name.js';
import { systemWords } from '../base/system-words.js';
import { openContainer } from '../image/find/open-tree.js';
import type { NodeNumber, TreeView } from '../image/tree/tree-view.js';
import { type Container, getContainer } from '../store/containers.js';
import type { Store } from '../store/store.js';
import { mountOf } from './containers.js';
import { UpperTarget } from './cp-into-upper.js';
import {
  destinationOf,
  directoryAt,
  endHere,
  findIn,
  localSource,
  type Place,
  placeOf,
  type Source,
  sourceOf,
} from './cp-places.js';
import { openTarStream, tarOfNode } from './cp-tar.js';
import { type CopyTarget, DiskTarget } from './cp-target.js';
import { flushUpper } from './flush.js';

export interface CopyOptions {
  /** Owners stay; otherwise files belong to root in a container, and to the caller on this machine. */
  readonly keepsOwners: boolean;
  /** A symlink named as the source stands for what it points to. */
  readonly follow: boolean;
  /** The bytes of a word that is not UTF-8. */
  readonly bytesOf?: (word: string) => Name;
}

/** What `-` stands for. */
export interface TarStreams {
  /** Tars that come in. */
  readonly input: AsyncIterable<Buffer>;
  /** Writes a tar; a chunk is good until the next is asked for. */
  readonly write: (tar: Iterable<Buffer>) => Promise<void>;
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
  const bytesOf = options.bytesOf ?? nameFromText;
  const from = placeOf(source, bytesOf(source));
  const to = placeOf(destination, bytesOf(destination));
  if ((from.container === undefined) === (to.container === undefined)) {
    throw new PlyfsError('usage', 'one of source and destination is CONTAINER:PATH, the other a path here');
  }
  if (from.container !== undefined) {
    const container = getContainer(store, from.container);
    if (destination === '-') return copyToTar(container, from, store, options, streams.write);
    return copyOut(container, from, endHere(to.path), store, options);
  }
  const container = getContainer(store, to.container ?? '');
  if (source === '-') return copyFromTar(container, to, store, streams.input);
  return copyIn(container, localSource(from, options.follow), to, store, options);
}

async function copyOut(container: Container, from: Place, to: string, store: Store, options: CopyOptions): Promise<string[]> {
  await flushUpper(container.upper);
  const opened = await openContainer(store, container);
  try {
    const node = opened.tree.get(from.bytes, options.follow || /\/\.?$/.test(from.path));
    const source = sourceOf(opened.tree, node, from);
    const found = statSync(to, { throwIfNoEntry: false });
    const place = destinationOf(source, to, found === undefined ? undefined : found.isDirectory());
    const base = resolve(place.isInto ? to : dirname(resolve(to)));
    if (statSync(base, { throwIfNoEntry: false })?.isDirectory() !== true)
      throw new PlyfsError('ENOENT', `there is no directory ${base}`);
    const copy = new Copy(source.tree, new DiskTarget(base), options, process.geteuid?.() ?? 0, process.getegid?.() ?? 0);
    return copy.run(source, '' as Name, place.isInto ? undefined : nameFromText(basename(resolve(to))));
  } finally {
    opened.close();
  }
}

async function copyToTar(
  container: Container,
  from: Place,
  store: Store,
  options: CopyOptions,
  write: TarStreams['write'],
): Promise<string[]> {
  await flushUpper(container.upper);
  const opened = await openContainer(store, container);
  try {
    const node = opened.tree.get(from.bytes, options.follow || /\/\.?$/.test(from.path));
    const source = sourceOf(opened.tree, node, from);
    await write(tarOfNode(source.tree, node, source.isContents ? ('.' as Name) : source.name));
    return [];
  } finally {
    opened.close();
  }
}

/** Owners are those of the tar. PlyfsError ENOTDIR where `to` is no directory that is there. */
async function copyFromTar(container: Container, to: Place, store: Store, input: AsyncIterable<Buffer>): Promise<string[]> {
  const { isDirectory } = await findIn(store, container, to);
  if (isDirectory !== true)
    throw new PlyfsError('ENOTDIR', `container ${container.name} has no directory ${to.path} for the tar`);
  const { tree, close } = await openTarStream(store, input);
  const source = { tree, node: tree.root, name: '' as Name, isDirectory: true, isContents: true, path: 'the tar' };
  const view = await openContainer(store, container);
  try {
    // A tar that names bin/tool says nothing of bin: where that is a symlink, tar goes through it.
    const options = { keepsOwners: true, follow: false, through: (path: Name) => directoryAt(view.tree, path) };
    return await copyIn(container, { source, close }, to, store, options);
  } finally {
    view.close();
  }
}

/** What is asked of a copy. */
interface Wishes extends CopyOptions {
  /** Where a directory that nothing describes goes when a symlink has its name: the directory that the symlink leads to, if any. */
  readonly through?: (path: Name) => Name | undefined;
}

async function copyIn(
  container: Container,
  local: { source: Source; close: () => void },
  to: Place,
  store: Store,
  options: Wishes,
): Promise<string[]> {
  try {
    await flushUpper(container.upper);
    const { isDirectory, parent, name } = await findIn(store, container, to);
    const place = destinationOf(local.source, to.path, isDirectory);
    const mount = mountOf(container);
    if (mount?.isReadOnly) throw new PlyfsError('EROFS', `container ${container.name} is mounted read-only on ${mount.target}`);
    const target = mount === undefined ? await UpperTarget.open(store, container) : new DiskTarget(mount.target, true);
    const copy = new Copy(local.source.tree, target, options, 0, 0);
    if (!place.isInto) return copy.run(local.source, parent, name);
    return copy.run(local.source, [parent, name].filter((part) => part !== '').join('/') as Name, undefined); // Names and a slash
  } finally {
    local.close();
  }
}

class Copy {
  private readonly warnings: string[] = [];

  constructor(
    private readonly tree: TreeView,
    private readonly target: CopyTarget,
    private readonly options: Wishes,
    private readonly uid: number,
    private readonly gid: number,
  ) {}

  /** Copies the source into the directory at `path`: as `name`, or under its own name, or its contents alone. Closes the target. */
  run(source: Source, path: Name, name: Name | undefined): string[] {
    try {
      const directory = this.target.openDirectory(path);
      try {
        if (name === undefined && source.isContents) this.contents(source.node, directory, path);
        else this.object(source.node, directory, path, name ?? source.name);
      } finally {
        this.target.closeDirectory(directory);
      }
      return this.warnings;
    } catch (error) {
      if (!(error instanceof FsError)) throw error;
      throw new PlyfsError('copy', `${source.path} could not be copied: ${systemWords(error)}`, { cause: error });
    } finally {
      this.target.close();
    }
  }

  /** `path` is that of `directory`, without symlinks. */
  private contents(node: NodeNumber, directory: number, path: Name): void {
    for (const { name, node: child } of this.tree.list(node)) this.object(child, directory, path, name);
  }

  private object(node: NodeNumber, directory: number, above: Name, name: Name): void {
    const type = this.tree.type(node);
    const there = this.target.typeOf(directory, name);
    const path = (above === '' ? name : `${above}/${name}`) as Name; // Names and a slash
    const led =
      there === dirType.lnk && type === dirType.dir && this.tree.isImplied(node) ? this.options.through?.(path) : undefined;
    if (led !== undefined) {
      this.through(node, led);
      return;
    }
    if (there !== undefined && (there === dirType.dir) !== (type === dirType.dir)) {
      const [old, fresh] = there === dirType.dir ? ['directory', 'file'] : ['file', 'directory'];
      throw new PlyfsError('copy', `${textFromName(name)} is a ${old} there: a ${fresh} cannot replace it`);
    }
    if (type === dirType.dir) {
      this.directory(node, directory, name, path, there !== undefined);
      return;
    }
    if (there !== undefined) this.target.remove(directory, name);
    this.make(node, type, directory, name);
    this.finish(node, type, directory, name);
  }

  /** A directory that is there keeps its attributes. */
  private directory(node: NodeNumber, directory: number, name: Name, path: Name, isThere: boolean): void {
    if (!isThere) this.target.makeDirectory(directory, name);
    const inner = this.target.enter(directory, name);
    try {
      this.contents(node, inner, path);
    } finally {
      this.target.closeDirectory(inner);
    }
    if (!isThere) this.finish(node, dirType.dir, directory, name);
  }

  private through(node: NodeNumber, path: Name): void {
    const directory = this.target.openDirectory(path);
    try {
      this.contents(node, directory, path);
    } finally {
      this.target.closeDirectory(directory);
    }
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
