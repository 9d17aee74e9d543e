/** A layer: a read-only tree that the union stacks. Implementers: directory-layer.ts, tar-layer.ts. Callers: union.ts, merge.ts.
 *
 *  A directory of a layer has a number (LayerDir), valid as long as the layer is open. Any object is addressed by the directory it
 *  lies in, its name, and `ref`, the layer's own number for it as `list` told it (a tar layer's entry number; 0 in a directory layer,
 *  which finds things by name). Nothing here follows a symlink, and nothing leaves the layer. */

import type { Attributes } from '../base/attributes.js';
import type { Name } from '../base/name.js';

declare const layerDirBrand: unique symbol;
export type LayerDir = number & { readonly [layerDirBrand]: true };

export interface Layer {
  /** What people know it by: the directory's path as given, or the layer's digest. */
  readonly label: string;
  /** Inode space: two layers with the same text never use one inode number for two objects (for directories: the device). */
  readonly inodeSpace: string;
  readonly root: LayerDir;

  /** Fills `into` with what the directory holds and says. EIO, EACCES from the disk; EBADMSG for a malformed marker. */
  list(dir: LayerDir, into: Listing): void;
  /** As `list`, but of all names only `names`: what the directory says of itself, and of those. A directory is not read for it. */
  listNamed(dir: LayerDir, names: readonly Name[], into: Listing): void;
  /** One entry of a directory, without listing it: its type, a whiteout or a lower link; undefined where there is none. May touch the disk. */
  find(dir: LayerDir, name: Name): Found | undefined;
  /** The number of the child directory `name`. PRE: `list` told it as a directory or a pass. Memory only. */
  directory(dir: LayerDir, name: Name, ref: number): LayerDir;

  /** The marks of a directory alone, without its names: isOpaque, redirect, isImpure. `into` is cleared before. */
  listMarks(dir: LayerDir, into: Listing): void;
  /** Whether a directory hides `name` of lower layers, whatever it has under that name itself. */
  hides(dir: LayerDir, name: Name): boolean;

  /** Nobody will use the number again: it may be given to another directory. */
  dropDirectory(dir: LayerDir): void;

  /** ENOENT where the object vanished behind our back. `out.dev` is not meaningful. */
  stat(dir: LayerDir, name: Name, ref: number, out: Attributes): void;
  /** Whether the layer never spells this directory out, only things in it (L-5): its attributes are then those of the next lower layer
   *  that has a directory there, and what statDirectory tells (0755, 0:0) only where none has. Memory only. */
  isImplied(dir: LayerDir): boolean;
  /** The attributes of a directory itself (the root has no name). */
  statDirectory(dir: LayerDir, out: Attributes): void;
  readlink(dir: LayerDir, name: Name, ref: number): Name;
  /** xattrs as stored, overlay's own ones included: overlay/xattrs.ts and markers.ts know which to hide. */
  getxattr(dir: LayerDir, name: Name, ref: number, key: Name): Buffer | undefined;
  listxattr(dir: LayerDir, name: Name, ref: number): Name[];
  getxattrDirectory(dir: LayerDir, key: Name): Buffer | undefined;
  listxattrDirectory(dir: LayerDir): Name[];
  /** The bytes of a regular file. The caller closes it. */
  open(dir: LayerDir, name: Name, ref: number): Content;

  /** Every name of the multi-linked file `ino` in this layer, as paths from its root (names joined by '/'); may walk the layer once. */
  namesOf(ino: number): Name[];
  /** Whether namesOf answers from memory, so that a stat may ask it. */
  readonly knowsNames: boolean;
  /** The hard links to what this layer does not hold (L-8). Memory only. */
  lowerLinks(): readonly LowerLink[];
  /** Gives back descriptors. */
  close(): void;
}

/** A name of a layer that is a hard link to an object of the view of the layers below, both as paths from the root. */
export interface LowerLink {
  readonly path: Name;
  readonly target: Name;
}

/** Where an object lies: what Layer's methods take. Reused: valid until the next call of `locate`. */
export interface Place {
  layer: Layer;
  dir: LayerDir;
  name: Name;
  ref: number;
}

/** What `find` tells: `type` is a d_type, or -1 for a whiteout, -2 for a hard link to an object of the lower layers' view, or -3 for a
 *  directory that is there for markers alone (see Listing.passes). */
export interface Found {
  type: number;
  ino: number;
  ref: number;
}
export const foundWhiteout = -1;
export const foundLink = -2;
export const foundPass = -3;

/** Bytes of a regular file: `size` bytes (`untilEnd` for a file on disk) from `start` of descriptor `fd`, or, with `extents`, the data parts of
 *  a sparse one. content.ts reads them. */
export interface Content {
  readonly fd: number;
  readonly start: number;
  readonly size: number;
  /** Sparse files of tars: ascending data ranges; `at` is the position in `fd`. What lies between them reads as zeros. */
  readonly extents?: readonly { offset: number; length: number; at: number }[];
  close(): void;
}

/** What one directory of one layer says. A record that callers reuse: `clear` before each `list`. */
export class Listing {
  /** Nothing of lower layers shows in this directory. */
  isOpaque = false;
  /** The lower layers' part of this directory is elsewhere: an absolute path from the overlay root, or one name in the lower parent. */
  redirect: Name | undefined = undefined;
  /** This directory may hold objects whose inode number is their origin's (overlay.impure): d_ino must be looked at one by one. */
  isImpure = false;
  /** Entries other than markers, each name once. `types` are d_types, never unknown. */
  names: Name[] = [];
  types: number[] = [];
  inos: number[] = [];
  refs: number[] = [];
  /** Names of lower layers that this directory hides. A name may be here and in `names`: then the entry stays. */
  whiteouts: Name[] = [];
  /** Hard links to what this layer does not hold (L-8): names, not in `names`, and the path of each one's target from the image root
   *  (names joined by '/'), to be looked up in the view of the layers below this one. */
  links: Name[] = [];
  linkTargets: Name[] = [];
  /** Directories that hold markers and nothing else, not in `names`: they say what of a lower directory does not show, and are nothing
   *  where no lower layer has one. */
  passes: Name[] = [];
  passRefs: number[] = [];

  clear(): void {
    this.isOpaque = false;
    this.redirect = undefined;
    this.isImpure = false;
    this.names.length = 0;
    this.types.length = 0;
    this.inos.length = 0;
    this.refs.length = 0;
    this.whiteouts.length = 0;
    this.links.length = 0;
    this.linkTargets.length = 0;
    this.passes.length = 0;
    this.passRefs.length = 0;
  }

  addLink(name: Name, target: Name): void {
    this.links.push(name);
    this.linkTargets.push(target);
  }

  addPass(name: Name, ref: number): void {
    this.passes.push(name);
    this.passRefs.push(ref);
  }

  add(name: Name, type: number, ino: number, ref: number): void {
    this.names.push(name);
    this.types.push(type);
    this.inos.push(ino);
    this.refs.push(ref);
  }
}
