/** Which lower objects the objects of an upper were copied up from, as far as it is certain: a number that is another object's by now would
 *  make two files one for cp, rsync and linkers. What the lower layers have under the same name is compared by the union itself. */

import { Attributes } from '../../base/attributes.js';
import { dirType } from '../../base/mode.js';
import { type Name, nameFromText } from '../../base/name.js';
import { type FileHandle, fsUuid, openHandle } from '../../sys/handle.js';
import { closeFd } from '../../sys/open.js';
import { statAt } from '../../sys/stat.js';
import { getxattrAt } from '../../sys/xattr.js';
import type { Layer, LayerDir } from '../layer.js';
import type { OriginClaim } from '../origin-claim.js';
import { DirectoryLayer } from './directory-layer.js';
import { decodeOrigin, decodePlainOrigin, generationOf } from './origin.js';
import type { Upper } from './upper.js';

const self = '' as Name;

/** A position in the stack, and a number in its layer. */
interface Found {
  position: number;
  ino: number;
}

const noUuid = '0'.repeat(32);

export class Origins {
  /** By the uuid of their file system in hex: a layer, and its position in the stack. */
  private readonly layers = new Map<string, { layer: DirectoryLayer; position: number } | 'several'>();
  private readonly attributes = new Attributes();

  /** `lower`, top first, lie below the upper. */
  constructor(
    private readonly upper: Upper,
    lower: readonly Layer[],
  ) {
    for (const [i, layer] of lower.entries()) {
      if (!(layer instanceof DirectoryLayer) || !layer.inodes.hasLastingHandles) continue;
      const uuid = fsUuid(layer.fd(layer.root))?.toString('hex') ?? noUuid;
      const known = this.layers.get(uuid);
      if (known === undefined) this.layers.set(uuid, { layer, position: i + 1 });
      else if (known !== 'several' && !isSameFs(known.layer, layer)) this.layers.set(uuid, 'several');
    }
  }

  /** What the object `name` says, right or not. */
  of(dir: LayerDir, name: Name): OriginClaim | undefined {
    const { prefix } = this.upper.format;
    if (prefix === '') return undefined;
    const fd = this.upper.fd(dir);
    const bytes = getxattrAt(fd, name, nameFromText(`${prefix}origin`));
    const plain = () => getxattrAt(this.upper.fd(dir), name, nameFromText(`${prefix}plyfs.origin`));
    return bytes === undefined ? ofPlain(plain()) : this.ofHandle(bytes, () => plain() !== undefined);
  }

  private ofHandle(bytes: Buffer, hasAllNames: () => boolean): OriginClaim | undefined {
    const origin = decodeOrigin(bytes);
    if (origin === undefined) return undefined;
    const { inos, handle, uuid } = origin;
    return { inos, hasAllNames, find: (type, nlink) => this.findHandle(handle, uuid, type, nlink > 1 || hasAllNames()) };
  }

  /** As the kernel does it (ovl_decode_real_fh). Without CAP_DAC_READ_SEARCH nothing is found. */
  private findHandle(handle: FileHandle, uuid: string, type: number, hasAllNames: boolean): Found | undefined {
    const known = this.layers.get(uuid);
    if (known === undefined || known === 'several') return undefined;
    // Without uuid the file system may be another one by now, and without generations (squashfs) the object any other.
    if (uuid === noUuid && generationOf(handle) === 0) return undefined;
    const { layer, position } = known;
    const fd = openHandle(layer.fd(layer.root), handle);
    if (fd === undefined) return undefined;
    try {
      const { attributes } = this;
      statAt(fd, self, attributes);
      const isOther = attributes.mode >>> 12 !== type || (type !== dirType.dir && attributes.nlink > 1 && !hasAllNames);
      return isOther ? undefined : { position, ino: layer.inodes.of(attributes, fd, self) };
    } finally {
      closeFd(fd);
    }
  }
}

/** The number of a device is another one after a boot, and a file may have been made anew; a digest is one set of numbers for ever. */
function ofPlain(bytes: Buffer | undefined): OriginClaim | undefined {
  const origin = bytes === undefined ? undefined : decodePlainOrigin(bytes);
  if (origin === undefined) return undefined;
  return { inos: [origin.ino], hasAllNames: () => true, find: () => (/^sha\d+:/.test(origin.space) ? origin : undefined) };
}

/** Subvolumes of btrfs are one file system, and its handles name an object from whichever of them. */
function isSameFs(a: DirectoryLayer, b: DirectoryLayer): boolean {
  return a.inodes.device === b.inodes.device || (a.inodes.hasSubvolumes && b.inodes.hasSubvolumes);
}
