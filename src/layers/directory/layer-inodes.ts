/** The inode numbers of a directory layer, where its file system is not one set of numbers, or where its listings do not tell them.
 *
 *  A subvolume of btrfs has numbers of its own, under a device number of its own; so have the layers of an overlay of the kernel. A FUSE
 *  file system may tell nothing in a listing (0xffffffff for every name), and an overlay other numbers than in stat(2). */

import { Attributes } from '../../base/attributes.js';
import { partCount, partIno } from '../../base/inode-number.js';
import { dirType } from '../../base/mode.js';
import type { Name } from '../../base/name.js';
import { fsMagic } from '../../sys/constants.js';
import { readDirectory } from '../../sys/dir.js';
import { fileHandle, subvolumeOf } from '../../sys/handle.js';
import { fsTypeOf, statAt } from '../../sys/stat.js';

const self = '' as Name;
/** What libfuse writes where it does not know the number, and what others do. */
const unknownInos: readonly number[] = [0xffffffff, 0];
/** Which entries of a listing have to be asked for their number, by the type of the file system; of others none. */
const askedOf: Readonly<Record<number, 'directories' | 'all'>> = {
  [fsMagic.btrfs]: 'directories',
  [fsMagic.fuse]: 'all',
  [fsMagic.overlay]: 'all',
};

export class LayerInodes {
  /** File handles name an object of this file system for as long as it lives, and no other later. */
  readonly hasLastingHandles: boolean;
  readonly hasSubvolumes: boolean;
  private readonly asked: 'directories' | 'all' | undefined;
  /** The part of the numbers that a device other than the root's has. */
  private readonly parts = new Map<number, number>();
  private readonly attributes = new Attributes();

  /** `root` is a descriptor of the layer's root, which lies on `device`. */
  constructor(
    root: number,
    readonly device: number,
  ) {
    const type = fsTypeOf(root);
    this.asked = askedOf[type];
    this.hasSubvolumes = type === fsMagic.btrfs;
    this.hasLastingHandles = type !== fsMagic.fuse;
  }

  /** The number in the layer of the object with these attributes, which lies in directory `dirFd` as `name`. */
  of({ dev, ino }: Attributes, dirFd: number, name: Name): number {
    return dev === this.device ? ino : partIno(this.parts.get(dev) ?? this.addPart(dev, dirFd, name), ino);
  }

  /** The same number in every mount, if it can be had: that of the subvolume. */
  private addPart(device: number, dirFd: number, name: Name): number {
    const handle = fileHandle(dirFd, name);
    const taken = new Set(this.parts.values());
    let part = (handle === undefined ? undefined : subvolumeOf(handle)) ?? 0;
    part %= partCount;
    while (taken.has(part)) part = (part + 1) % partCount;
    this.parts.set(device, part);
    return part;
  }

  /** readDirectory with these numbers. */
  read(fd: number, each: (name: Name, type: number, ino: number) => void): void {
    if (this.asked !== undefined) statAt(fd, self, this.attributes);
    const dev = this.asked === undefined ? this.device : this.attributes.dev;
    readDirectory(fd, (name, type, ino) => {
      if (this.isAsked(type, ino)) {
        if (!statAt(fd, name, this.attributes)) return; // it is no longer there
        each(name, type, this.of(this.attributes, fd, name));
      } else {
        each(name, type, dev === this.device ? ino : partIno(this.parts.get(dev) ?? this.addPart(dev, fd, self), ino));
      }
    });
  }

  private isAsked(type: number, ino: number): boolean {
    if (this.asked === 'all' || unknownInos.includes(ino)) return true;
    return this.asked === 'directories' && type === dirType.dir;
  }
}
