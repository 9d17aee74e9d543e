/** An upper that is read and not changed: by commit, diff and export. It may be of any overlay. */

import { Attributes } from '../../base/attributes.js';
import { dirType } from '../../base/mode.js';
import type { Name } from '../../base/name.js';
import { readDirectory } from '../../sys/dir.js';
import { statAt } from '../../sys/stat.js';
import { getxattrAt, listxattrAt } from '../../sys/xattr.js';
import { KeptIds } from '../kept-ids.js';
import type { LayerDir, Listing } from '../layer.js';
import { markerFormats, opaqueName, PrivateXattrs, whiteoutPrefix, whNamesKey } from '../markers.js';
import type { Descriptors } from './descriptors.js';
import { DirectoryLayer } from './directory-layer.js';

const self = '' as Name;

export class UpperReader extends DirectoryLayer {
  /** What was listed and cannot be kept in an image (W-8): files whose real name begins with `.wh.`, as paths. */
  readonly unstorable: Name[] = [];
  private readonly scratchAttributes = new Attributes();

  constructor(path: string, descriptors: Descriptors) {
    super(path, path, descriptors);
    this.keptIds = KeptIds.of(this.rootFd, this.scratchAttributes);
    // A mount of root leaves such marks, and what an overlay of a user within it has left is none for us.
    if (listxattrAt(this.rootFd, self).some((xattr) => xattr.startsWith(markerFormats.overlay.prefix)))
      this.privates = PrivateXattrs.trusted;
    this.hasOrdinaryWhNames = this.privates.prefixes.some(
      (prefix) => getxattrAt(this.rootFd, self, (prefix + whNamesKey) as Name) !== undefined,
    );
  }

  override list(dir: LayerDir, into: Listing): void {
    super.list(dir, into);
    for (const name of into.names) if (name.startsWith(whiteoutPrefix)) this.unstorable.push(this.pathOf(dir, name));
    if ((into.whiteouts.length > 0 || into.isOpaque) && !this.isWhDirectory(this.fd(dir))) this.findLookalikes(dir);
  }

  /** A marker is an empty file: what is more than that was not made by an overlay. */
  private findLookalikes(dir: LayerDir): void {
    const fd = this.fd(dir);
    const found: [Name, number][] = [];
    readDirectory(fd, (name, type) => {
      if (name.startsWith(whiteoutPrefix) && name !== opaqueName) found.push([name, type]);
    });
    for (const [name, type] of found) if (!this.isMarker(fd, name, type)) this.unstorable.push(this.pathOf(dir, name));
  }

  private isMarker(fd: number, name: Name, type: number): boolean {
    const { scratchAttributes } = this;
    if (!statAt(fd, name, scratchAttributes)) return true; // it is no longer there
    // fuse-overlayfs makes devices 0:0 of such a name too.
    return (type === dirType.reg && scratchAttributes.size === 0) || (type === dirType.chr && scratchAttributes.rdev === 0);
  }

  private pathOf(dir: LayerDir, name: Name): Name {
    let path: string = name;
    for (let at = dir; at !== this.root; at = this.parents[at]!) path = `${this.names[at]}/${path}`; // rows of this layer
    return path as Name; // Names and slashes
  }
}
