/** What the two words of `plyfs cp` stand for: CONTAINER:PATH or a path here, a source to be read, a destination and where it leads. */

import { lstatSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { PlyfsError } from '../base/errors.js';
import { dirType } from '../base/mode.js';
import { bytesFromName, type Name, nameFromBytes, nameFromText, textFromName } from '../base/name.js';
import { openContainer, openDirectoryTree } from '../image/find/open-tree.js';
import type { NodeNumber, TreeView } from '../image/tree/tree-view.js';
import type { Container } from '../store/containers.js';
import type { Store } from '../store/store.js';

export interface Place {
  readonly container: string | undefined;
  /** As people wrote it; `bytes` is what they meant, which need not be UTF-8. */
  readonly path: string;
  readonly bytes: Name;
}

/** docker's rule: what begins with a slash or a dot is a path here. */
export function placeOf(text: string, bytes: Name): Place {
  const colon = text.indexOf(':');
  if (/^[./]/.test(text) || colon <= 0) return { container: undefined, path: text, bytes };
  // What is before the colon is ASCII where it names a container.
  const inner = bytes.slice(bytes.indexOf(':') + 1) || '/';
  return { container: text.slice(0, colon), path: text.slice(colon + 1) || '/', bytes: inner as Name }; // a part of a Name
}

export interface Source {
  readonly tree: TreeView;
  readonly node: NodeNumber;
  readonly name: Name;
  readonly isDirectory: boolean;
  /** `dir/.`: what is in it, not the directory. */
  readonly isContents: boolean;
  readonly path: string;
}

export function sourceOf(tree: TreeView, node: NodeNumber, { path, bytes }: Pick<Place, 'path' | 'bytes'>): Source {
  const isDirectory = tree.type(node) === dirType.dir;
  if (!isDirectory && (path.endsWith('/') || path.endsWith('/.'))) throw new PlyfsError('ENOTDIR', `${path} is not a directory`);
  const name = basename(resolve('/', bytes)) as Name; // a part of a Name
  return { tree, node, name, isDirectory, isContents: isDirectory && (path.endsWith('/.') || name === ''), path };
}

/** A file of this machine as the child of a tree: its directory's. */
export function localSource({ path, bytes }: Place, follow: boolean): { source: Source; close: () => void } {
  const found = lstatSync(bytesFromName(bytes), { throwIfNoEntry: false });
  if (found === undefined) throw new PlyfsError('ENOENT', `there is no ${path}`);
  const whole = resolve(nameFromText(process.cwd()), bytes) as Name; // joined of Names
  const isFollowed = follow || path.endsWith('/') || path.endsWith('/.');
  const real = isFollowed ? nameFromBytes(realpathSync(bytesFromName(bytes), { encoding: 'buffer' })) : whole;
  const is = (stat: typeof statSync) => stat(bytesFromName(real), { throwIfNoEntry: false });
  const isDirectory = is(statSync)?.isDirectory() === true && is(lstatSync)?.isSymbolicLink() !== true;
  const opened = openDirectoryTree(textFromName((isDirectory ? real : dirname(real)) as Name)); // a part of a Name
  const node = isDirectory ? opened.tree.root : opened.tree.get(basename(real) as Name, false); // the same
  const source = sourceOf(opened.tree, node, { path, bytes });
  return { source: { ...source, name: basename(whole) as Name }, close: () => opened.close() }; // the same
}

/** Where a path of a container leads, its symlinks followed within the container, also to what is not there yet. `isDirectory` undefined:
 *  there is nothing yet. */
export async function findIn(
  store: Store,
  container: Container,
  { path, bytes }: Pick<Place, 'path' | 'bytes'>,
): Promise<{ isDirectory: boolean | undefined; parent: Name; name: Name }> {
  const opened = await openContainer(store, container);
  try {
    const { tree } = opened;
    const end = endOf(tree, (resolve('/', bytes) + (path.endsWith('/') ? '/' : '')) as Name);
    const node = tree.find(end);
    if (node !== undefined) {
      const names = tree.pathOf(node);
      return {
        isDirectory: tree.type(node) === dirType.dir,
        parent: names.slice(0, -1).join('/') as Name, // Names and slashes
        name: names.at(-1) ?? ('' as Name),
      };
    }
    const [, above = '', name = ''] = /^(.*?)([^/]*)\/*$/s.exec(end) ?? [];
    const parent = directoryAt(tree, above as Name); // parts of a Name are Names
    if (parent === undefined) {
      throw new PlyfsError(
        'ENOENT',
        `container ${container.name} has no directory ${textFromName(above.replace(/(.)\/$/, '$1') as Name)}`,
      );
    }
    return { isDirectory: undefined, parent, name: name as Name };
  } finally {
    opened.close();
  }
}

/** As Linux. */
const symlinkLimit = 40;

/** The path at the end of the symlinks that the last name of `path` begins, where they lead to nothing. */
function endOf(tree: TreeView, path: Name): Name {
  let at = path;
  for (let left = symlinkLimit; left > 0; left--) {
    const node = tree.resolve(at) === 'ENOENT' ? tree.resolve(at, false) : 'ENOENT';
    if (typeof node === 'string' || tree.type(node) !== dirType.lnk) return at;
    const target = tree.readlink(node);
    at = (target.startsWith('/') ? target : `${tree.pathOf(node).slice(0, -1).join('/')}/${target}`) as Name; // Names and slashes
  }
  return at;
}

/** The same on this machine: docker writes to where a symlink leads. */
export function endHere(path: string): string {
  let at = path;
  for (let left = symlinkLimit; left > 0; left--) {
    const bare = at.replace(/(.)\/+$/, '$1');
    if (lstatSync(bare, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return at;
    at = resolve(dirname(bare), readlinkSync(bare)) + (at === bare ? '' : '/');
  }
  return at;
}

/** The path without symlinks of the directory that `path` leads to; undefined where it leads to none. */
export function directoryAt(tree: TreeView, path: Name): Name | undefined {
  const node = tree.resolve(path);
  return typeof node === 'string' || tree.type(node) !== dirType.dir ? undefined : (tree.pathOf(node).join('/') as Name); // Names and slashes
}

/** docker's table: into a directory that is there, over a file, or under a new name. */
export function destinationOf(source: Source, to: string, isDirectory: boolean | undefined): { isInto: boolean } {
  if (isDirectory === undefined && to.endsWith('/') && !source.isDirectory)
    throw new PlyfsError('ENOENT', `there is no directory ${to}`);
  if (isDirectory === false && source.isDirectory)
    throw new PlyfsError('copy', `${to} is a file: the directory ${source.path} cannot replace it`);
  if (isDirectory === false && to.endsWith('/')) throw new PlyfsError('ENOTDIR', `${to} is not a directory`);
  return { isInto: isDirectory === true };
}
