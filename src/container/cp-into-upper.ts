/** Writing into a container that is not mounted: through the engine, so that its upper becomes what a mount would have made it. */

import { Attributes } from '../base/attributes.js';
import { errno } from '../base/errno.js';
import { FsError } from '../base/errors.js';
import { dirType, S_IFREG, typeOfMode } from '../base/mode.js';
import type { Name } from '../base/name.js';
import { locateContainerImage } from '../image/find/container-image.js';
import { openStackOf } from '../image/stack/stack.js';
import type { OpenedFile } from '../image/tree/content.js';
import { MountOptions } from '../mount/mount-option-values.js';
import { Claims } from '../mount/mount-request.js';
import { claimUpper } from '../mount/upper-claim.js';
import { Counters } from '../observe/counters.js';
import { openOverlay } from '../overlay/open.js';
import type { OverlayFs } from '../overlay/overlay-fs.js';
import type { Container } from '../store/containers.js';
import type { Store } from '../store/store.js';
import { type Caller, type NodeId, rootNode } from '../vfs/filesystem.js';
import { namesOf } from '../vfs/walk.js';
import { type CopiedAttributes, type CopyTarget, copyContent, refusedXattrs } from './cp-target.js';

const caller: Caller = { uid: 0, gid: 0, pid: process.pid, umask: 0 };

/** Numbers are nodes. */
export class UpperTarget implements CopyTarget {
  private readonly attributes = new Attributes();

  private constructor(
    private readonly fs: OverlayFs,
    private readonly claims: Claims,
  ) {}

  /** Claims the upper as a mount would. PlyfsError `in-use`. Changes the process's umask. */
  static async open(store: Store, container: Container): Promise<UpperTarget> {
    const claims = new Claims();
    try {
      const { upper, work } = container;
      claimUpper({ upper, work }, new MountOptions(), claims);
      const image = locateContainerImage(store, container);
      const layers = image.layers.length === 0 ? [] : (await openStackOf(store, image)).map(({ layer }) => layer);
      const rest = {
        isVolatile: false,
        staticNlink: false,
        xino: 'auto',
        whNames: 'refuse',
        redirectDir: true,
        accessTimes: { files: 'relative', directories: 'relative' },
        posixAcl: true,
        keepsIds: process.geteuid?.() !== 0,
      } as const;
      return new UpperTarget(openOverlay({ layers: [], upper, work, ...rest }, new Counters(), layers), claims);
    } catch (error) {
      claims.undo();
      throw error;
    }
  }

  openDirectory(path: Name): number {
    return namesOf(path).reduce((directory, name) => this.node(directory, name), rootNode);
  }

  closeDirectory(): void {}

  private node(directory: number, name: Name): NodeId {
    const node = this.find(directory, name);
    if (node === undefined) throw new FsError(errno.ENOENT, name);
    return node;
  }

  private find(directory: number, name: Name): NodeId | undefined {
    return this.fs.lookup(directory as NodeId, name); // the numbers given out here are nodes
  }

  typeOf(directory: number, name: Name): number | undefined {
    const node = this.find(directory, name);
    if (node === undefined) return undefined;
    this.fs.getattr(node, this.attributes);
    return typeOfMode(this.attributes.mode);
  }

  remove(directory: number, name: Name): void {
    this.fs.unlink(directory as NodeId, name); // see find, here and below
  }

  makeDirectory(directory: number, name: Name): void {
    this.fs.mkdir(directory as NodeId, name, 0o700, caller);
  }

  makeFile(directory: number, name: Name, source: OpenedFile): void {
    const node = this.fs.mknod(directory as NodeId, name, S_IFREG | 0o600, 0, caller);
    copyContent(source, (buffer, length, offset) => this.fs.write(node, offset, buffer, 0, length, false));
    if (source.extents !== undefined) this.fs.setattr(node, { size: source.size }, caller);
  }

  makeSymlink(directory: number, name: Name, target: Name): void {
    this.fs.symlink(directory as NodeId, name, target, caller);
  }

  makeSpecial(directory: number, name: Name, mode: number, rdev: number): void {
    this.fs.mknod(directory as NodeId, name, mode, rdev, caller);
  }

  enter(directory: number, name: Name): number {
    return this.node(directory, name);
  }

  setAttributes(directory: number, name: Name, type: number, attributes: CopiedAttributes): Name[] {
    const { uid, gid, mode, mtimeSec, mtimeNsec, xattrs } = attributes;
    const node = this.node(directory, name);
    this.fs.setattr(node, { uid: inContainer(uid, process.geteuid?.()), gid: inContainer(gid, process.getegid?.()) }, caller);
    if (type !== dirType.lnk) this.fs.setattr(node, { mode }, caller);
    const refused = refusedXattrs(xattrs, (key, value) => this.fs.setxattr(node, key, value, 0));
    const time = { sec: mtimeSec, nsec: mtimeNsec };
    this.fs.setattr(node, { mtime: time, atime: time }, caller);
    return refused;
  }

  close(): void {
    this.fs.destroy();
    this.claims.undo();
  }
}

/** Who is not root is root in his containers: what is his here is root's there. */
function inContainer(id: number, own: number | undefined): number {
  return process.geteuid?.() !== 0 && id === own ? 0 : id;
}
