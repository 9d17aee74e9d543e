/** What each layer did to a path: the versions of a name, found by one walk down each layer. */

import { Attributes } from '../../base/attributes.js';
import { dirType } from '../../base/mode.js';
import type { Name } from '../../base/name.js';
import { foundLink, foundPass, foundWhiteout, type LayerDir } from '../../layers/layer.js';
import { flag } from '../../layers/tar/tar-index-format.js';
import type { OpenedLayer } from '../stack/stack.js';
import type { TreeView } from './tree-view.js';

export interface PathChange {
  readonly layer: OpenedLayer;
  /** added: no lower layer shows it; replaced: one does; deleted: a whiteout, opaque directory or another object in a parent's place. */
  readonly kind: 'added' | 'replaced' | 'deleted';
  /** d_type of what the layer has there; 0 for a deletion. */
  readonly type: number;
  /** Bytes of a regular file; 0 for everything else. */
  readonly sizeBytes: number;
}

/** What a layer says of a path: an object, a deletion, or (undefined) nothing. `hides`: lower layers do not show through at or under it.
 *  `needsDirectory`: it says so of a lower directory only. */
interface Word {
  readonly object: { readonly type: number; readonly sizeBytes: number } | undefined;
  readonly needsDirectory?: boolean;
  readonly hides: boolean;
}

/** Where `path` leads in the merged tree, from the root on: symlinks on the way are followed, the last one is not. What is not there stays
 *  as it is written. PlyfsError ELOOP. */
export function physicalPath(tree: TreeView, path: Name): Name {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  for (let known = parts.at(-1) === '..' ? parts.length : parts.length - 1; known > 0; known--) {
    const node = tree.find(parts.slice(0, known).join('/') as Name); // parts of a Name and slashes
    if (node === undefined || tree.type(node) !== dirType.dir) continue;
    return `/${[...tree.pathOf(node), ...parts.slice(known)].join('/')}` as Name; // Names and slashes
  }
  return `/${parts.join('/')}` as Name; // parts of a Name and slashes
}

/** The layers that wrote, replaced or deleted `path`, newest first. Symlinks are not followed: see physicalPath. A layer that only implies
 *  a directory does not count as writing it. */
export function changesOf(stack: readonly OpenedLayer[], path: Name): PathChange[] {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.') as Name[]; // parts of a Name are Names
  const changes: PathChange[] = [];
  let isThere = false;
  let type: number = dirType.dir;
  for (const layer of [...stack].reverse()) {
    const { object, hides, needsDirectory } = wordOf(layer, parts);
    if (needsDirectory === true && !(isThere && type === dirType.dir)) continue;
    if (object !== undefined) {
      changes.push({ layer, kind: isThere ? 'replaced' : 'added', ...object });
      isThere = true;
      type = object.type;
    } else if (hides && isThere) {
      changes.push({ layer, kind: 'deleted', type: 0, sizeBytes: 0 });
      isThere = false;
    }
  }
  return changes.reverse();
}

function wordOf({ layer }: OpenedLayer, parts: readonly Name[]): Word {
  let dir: LayerDir = layer.root;
  let hides = false;
  let needsDirectory = false;
  for (const [at, name] of parts.entries()) {
    hides ||= isOpaque(layer, dir);
    const found = layer.find(dir, name);
    if (found === undefined) return { object: undefined, hides };
    if (found.type === foundWhiteout) return { object: undefined, hides: true };
    const isLast = at === parts.length - 1;
    needsDirectory = found.type === foundPass;
    if (found.type !== dirType.dir && !needsDirectory) {
      return isLast
        ? {
            object: { type: found.type === foundLink ? dirType.reg : found.type, sizeBytes: sizeOf(layer, dir, name, found) },
            hides: true,
          }
        : { object: undefined, hides: true };
    }
    dir = layer.directory(dir, name, found.ref);
  }
  const isSilent = layer.isImplied(dir) && !isOpaque(layer, dir);
  return { object: isSilent ? undefined : { type: dirType.dir, sizeBytes: 0 }, hides, needsDirectory };
}

function isOpaque(layer: OpenedLayer['layer'], dir: LayerDir): boolean {
  return layer.index.has(dir, flag.opaque);
}

const attributes = new Attributes();

function sizeOf(layer: OpenedLayer['layer'], dir: LayerDir, name: Name, found: { type: number; ref: number }): number {
  if (found.type !== dirType.reg) return 0;
  layer.stat(dir, name, found.ref, attributes);
  return attributes.size;
}
