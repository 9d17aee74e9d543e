/** The bytes of files: opening, reading, writing, syncing. What would take long is Deferred. */

import { Attributes } from '../base/attributes.js';
import { errno } from '../base/errno.js';
import { FsError } from '../base/errors.js';
import { dirType } from '../base/mode.js';
import type { Name } from '../base/name.js';
import { type NodeIndex, nodeFlag } from '../layers/union/node-table.js';
import { O_ACCMODE, O_RDONLY, O_TRUNC, UTIME_OMIT } from '../sys/constants.js';
import { copyFileRange, fallocate, lseek, pwriteSome } from '../sys/file.js';
import { closeFd, openAt } from '../sys/open.js';
import { utimensAt } from '../sys/stat.js';
import { Deferred } from '../vfs/filesystem.js';
import type { AttributeChanges } from './attribute-changes.js';
import { checkEnd, readBytes, seekContent, sizeMax } from './content.js';
import type { CopyUp } from './copy-up.js';
import type { OverlayState } from './state.js';

/** Larger ranges are copied outside the serving thread, in bytes. */
const inlineRangeMax = 1 << 20;

export class FileBytes {
  private readonly known = new Attributes();
  /** How many hold each file open, told by drivers that serve OPEN. */
  private readonly holders = new Map<NodeIndex, number>();

  constructor(
    private readonly view: OverlayState,
    private readonly copyUp: CopyUp,
    private readonly changes: AttributeChanges,
  ) {}

  isHeld(node: NodeIndex): boolean {
    return this.holders.size > 0 && this.holders.has(node);
  }

  open(node: NodeIndex, flags: number): void {
    const { view } = this;
    const type = view.tree.nodes.type(node);
    if ((flags & O_ACCMODE) !== O_RDONLY) {
      if (type === dirType.dir) throw new FsError(errno.EISDIR);
      view.mustBeWritable();
    }
    if (type !== dirType.reg) return;
    if ((flags & O_TRUNC) !== 0) {
      this.changes.truncate(node, 0);
      view.invalidate(node);
    } else {
      view.files.reading(node);
    }
    this.holders.set(node, (this.holders.get(node) ?? 0) + 1);
  }

  release(node: NodeIndex): void {
    const { view } = this;
    const left = (this.holders.get(node) ?? 0) - 1;
    view.invalidate(node);
    if (left > 0) {
      this.holders.set(node, left);
      return;
    }
    this.holders.delete(node);
    if (!view.tree.nodes.has(node, nodeFlag.isDetached)) view.files.unpin(node);
  }

  backing(node: NodeIndex, writable: boolean): number | undefined {
    const { view } = this;
    if (view.tree.nodes.type(node) !== dirType.reg) return undefined;
    if (!view.isUpper(node) && (writable || !view.isReadOnly)) return undefined;
    if (writable) view.files.writing(node);
    const file = view.files.pin(node);
    return file.start === 0 && file.extents === undefined ? file.fd : undefined;
  }

  read(node: NodeIndex, offset: number, buffer: Buffer, at: number, length: number): number {
    const type = this.view.tree.nodes.type(node);
    if (type !== dirType.reg) throw new FsError(type === dirType.dir ? errno.EISDIR : errno.EINVAL);
    if (offset > sizeMax) return 0;
    const count = readBytes(this.view.files.reading(node), offset, buffer, at, length);
    this.view.counters.add('bytesRead', count);
    return count;
  }

  write(
    node: NodeIndex,
    offset: number,
    buffer: Buffer,
    at: number,
    length: number,
    killPrivileges: boolean,
    keepTimes = false,
  ): number {
    const { view } = this;
    if (view.tree.nodes.type(node) !== dirType.reg) throw new FsError(errno.EINVAL);
    checkEnd(offset + length);
    this.copyUp.ensure(node);
    if (killPrivileges) this.changes.dropPrivileges(node);
    if (keepTimes) view.getattr(node, this.known, false);
    const { fd } = view.files.writing(node);
    view.invalidate(node);
    const count = pwriteSome(fd, buffer, at, length, offset);
    if (keepTimes) utimensAt(fd, '' as Name, 0, UTIME_OMIT, this.known.mtimeSec, this.known.mtimeNsec);
    view.counters.add('bytesWritten', count);
    return count;
  }

  fsync(node: NodeIndex, dataOnly: boolean): void {
    const { view } = this;
    if (view.isReadOnly || view.config.isVolatile || !view.isUpper(node)) return;
    const { nodes } = view.tree;
    if (nodes.isDirectory(node)) {
      if (view.isRemoved(node)) return;
      const fd = openAt(view.upperFd(view.tree.directory(node)), '.' as Name, O_RDONLY);
      throw new Deferred({ kind: 'fsync', fd, dataOnly }, 'done', () => closeFd(fd));
    }
    if (nodes.type(node) !== dirType.reg) return;
    const wasPinned = view.files.isPinned(node);
    const { fd } = view.files.pin(node);
    throw new Deferred({ kind: 'fsync', fd, dataOnly }, 'done', () => this.unpinAfter(node, wasPinned));
  }

  private unpinAfter(node: NodeIndex, wasPinned: boolean): void {
    if (wasPinned || this.holders.has(node) || this.view.tree.nodes.has(node, nodeFlag.isDetached)) return;
    this.view.files.unpin(node);
  }

  fallocate(node: NodeIndex, mode: number, offset: number, length: number): void {
    const { view } = this;
    if (view.tree.nodes.type(node) !== dirType.reg) throw new FsError(errno.ENODEV);
    checkEnd(offset + length);
    this.copyUp.ensure(node);
    fallocate(view.files.writing(node).fd, mode, offset, length);
    view.invalidate(node);
  }

  seek(node: NodeIndex, offset: number, whence: number): number {
    if (offset < 0 || offset > sizeMax) throw new FsError(errno.ENXIO);
    const file = this.view.files.reading(node);
    if (file.start === 0 && file.extents === undefined) return lseek(file.fd, offset, whence);
    this.view.stat(node);
    return seekContent(file.extents, this.view.tree.nodes.size(node), offset, whence);
  }

  copyFileRange(source: NodeIndex, sourceOffset: number, target: NodeIndex, targetOffset: number, length: number): number {
    const { view } = this;
    if (sourceOffset > sizeMax) return 0;
    checkEnd(targetOffset);
    this.copyUp.ensure(target);
    const from = view.files.reading(source);
    if (from.extents !== undefined) throw new FsError(errno.EOPNOTSUPP);
    const to = view.files.writing(target);
    const wanted = Math.min(length, Math.max(0, from.size - sourceOffset));
    view.invalidate(target);
    if (wanted <= inlineRangeMax) return copyFileRange(from.fd, from.start + sourceOffset, to.fd, targetOffset, wanted);
    const held = [source, target].filter((node) => !view.files.isPinned(node));
    view.files.pin(source);
    view.files.pin(target);
    const job = {
      kind: 'copy-range',
      source: from.fd,
      sourceOffset: from.start + sourceOffset,
      target: to.fd,
      targetOffset,
      length: wanted,
    } as const;
    throw new Deferred(job, 'done', () => {
      for (const node of held) this.unpinAfter(node, false);
      view.invalidate(target);
    });
  }
}
