/** Whiteouts and opaque marks: the one place that knows how a layer spells "nothing below here", and overlay's other private xattrs.
 *  Readers: directory-layer, tar-index, upper. Writer: upper. Source: OCI image-spec layer.md; Linux fs/overlayfs/{overlayfs.h,util.c}. */

import { errno } from '../base/errno.js';
import { FsError } from '../base/errors.js';
import type { Name } from '../base/name.js';

/** What a base name says in the `.wh.` spelling; `ignored` are leftovers of AUFS. */
export type Marker = { kind: 'whiteout'; name: Name } | { kind: 'opaque' } | { kind: 'ignored' };

export const whiteoutPrefix = '.wh.';
export const opaqueName = '.wh..wh..opq' as Name;
/** Where AUFS keeps files with several names. */
export const aufsLinksName = '.wh..wh.plnk' as Name;
const aufsNames: readonly string[] = [aufsLinksName, '.wh..wh.aufs', '.wh..wh.orph'];

/** The marker that the base name stands for, or undefined for an ordinary name. Decides by the name only (W-1).
 *  FsError EBADMSG: `.wh.`, `.wh..` and `.wh...`, which name nothing (W-5). */
export function markerOfName(name: Name): Marker | undefined {
  if (!name.startsWith(whiteoutPrefix)) return undefined;
  if (name === opaqueName) return { kind: 'opaque' };
  if (aufsNames.includes(name)) return { kind: 'ignored' };
  const hidden = name.slice(whiteoutPrefix.length);
  if (hidden === '' || hidden === '.' || hidden === '..') throw new FsError(errno.EBADMSG, `marker ${name} names nothing`);
  return { kind: 'whiteout', name: hidden as Name };
}

/** The `.wh.` name that hides `name`. */
export function whiteoutName(name: Name): Name {
  return (whiteoutPrefix + name) as Name;
}

/** One way to write markers on a disk. The rows are in the order in which an upper tries them (D-2). */
export interface MarkerFormat {
  readonly name: 'overlay' | 'overlay-user' | 'oci';
  /** Prefix of the private xattrs; '' where there are none. */
  readonly prefix: string;
  /** How a whiteout is made: a character device 0:0, an empty file with the `whiteout` xattr, or a `.wh.` file. */
  readonly whiteout: 'device' | 'xattr' | 'file';
}

export const markerFormats = {
  overlay: { name: 'overlay', prefix: 'trusted.overlay.', whiteout: 'device' },
  overlayUser: { name: 'overlay-user', prefix: 'user.overlay.', whiteout: 'device' },
  overlayFiles: { name: 'overlay', prefix: 'trusted.overlay.', whiteout: 'file' },
  overlayUserFiles: { name: 'overlay-user', prefix: 'user.overlay.', whiteout: 'file' },
  oci: { name: 'oci', prefix: '', whiteout: 'file' },
} as const satisfies Record<string, MarkerFormat>;

/** Private xattr of an upper's root: files whose names begin with `.wh.` are files there (wh_names=allow), not whiteouts. */
export const whNamesKey = 'plyfs.wh_names';
/** Private xattr of a directory: names that begin with `.wh.` are ordinary in it, as it is part of the upper of an overlay whose whiteouts they
 *  are. */
export const whDirectoryKey = 'plyfs.wh_directory';
/** Owner and mode of an object, kept where they cannot be set (kept-ids.ts; containers/storage). */
export const overrideStatKey = 'user.containers.override_stat' as Name;

/** Which xattrs of layers are an overlay's own. The kernel reads one prefix, by the option userxattr: the attributes of the other are anybody's. */
export class PrivateXattrs {
  private constructor(readonly prefixes: readonly string[]) {}

  private static readonly ofFuse = 'user.fuseoverlayfs.';
  static readonly trusted = new PrivateXattrs(['trusted.overlay.', PrivateXattrs.ofFuse]);
  static readonly user = new PrivateXattrs(['user.overlay.', PrivateXattrs.ofFuse]);
  /** Of an upper of whatever overlay. */
  static readonly any = new PrivateXattrs(['trusted.overlay.', 'user.overlay.', PrivateXattrs.ofFuse]);

  /** The private part of an xattr name (`opaque` of `trusted.overlay.opaque`), undefined for any other xattr (D-3). */
  key(xattr: Name): string | undefined {
    for (const prefix of this.prefixes) if (xattr.startsWith(prefix)) return xattr.slice(prefix.length);
    return undefined;
  }

  /** Whether an xattr of a layer must not show in the view. */
  hides(xattr: Name): boolean {
    return xattr === overrideStatKey || this.prefixes.some((prefix) => xattr.startsWith(prefix) && !isEscaped(xattr, prefix));
  }

  /** The name in the view of a stored xattr: `trusted.overlay.overlay.x` shows as `trusted.overlay.x` (OV-33). */
  inView(stored: Name): Name {
    for (const prefix of this.prefixes) {
      if (isEscaped(stored, prefix)) return (prefix + stored.slice(prefix.length + escapeMark.length)) as Name;
    }
    return stored;
  }

  /** The stored name of an xattr of the view: the reverse of inView. */
  stored(view: Name): Name {
    for (const prefix of this.prefixes) {
      if (view.startsWith(prefix)) return (prefix + escapeMark + view.slice(prefix.length)) as Name;
    }
    return view;
  }
}

/** Those of an upper with markers of this format, and of all layers below it. */
export function privatesOf({ prefix }: MarkerFormat): PrivateXattrs {
  if (prefix === '') return PrivateXattrs.any; // it holds none
  return prefix === markerFormats.overlay.prefix ? PrivateXattrs.trusted : PrivateXattrs.user;
}

/** Of an upper of whatever overlay, and of layers in images. */
export const privateKey = (xattr: Name): string | undefined => PrivateXattrs.any.key(xattr);
export const isHiddenXattr = (xattr: Name): boolean => PrivateXattrs.any.hides(xattr);
export const viewXattr = (stored: Name): Name => PrivateXattrs.any.inView(stored);

const escapeMark = 'overlay.';

function isEscaped(xattr: string, prefix: string): boolean {
  return xattr.startsWith(escapeMark, prefix.length);
}
