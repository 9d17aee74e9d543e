/** The bytes of files: opening, reading, writing, syncing. What would take long is Deferred. */

import { Attributes } from '../base/attributes.js';
import { errno } from '../base/errno.js';
import { FsError } from '../base/errors.js';
import { dirType } from '../base/mode.js';
import type { Name } from '../base/name.js';
import { type NodeIndex, nodeFlag } from '../layers/union/node-table.js';
import { O_ACCMODE, O_RDONLY, O_RDWR, O_TRUNC, UTIME_OMIT } from '../sys/constants.js';
import { copyFileRange, fallocate, lseek, pwriteSome } from '../sys/file.js';
import { closeFd, openAt, openWithoutAccessTimes } from '../sys/open.js';
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
  /** Descriptors for the kernel's passthrough that move no access time. */
  private readonly twins = new Map<NodeIndex, number>();

  constructor(
    private readonly state: OverlayState,
    private readonly copyUp: CopyUp,
    private readonly changes: AttributeChanges,
  ) {}

  isHeld(node: NodeIndex): boolean {
    return this.holders.size > 0 && this.holders.has(node);
  }

  open(node: NodeIndex, flags: number): void {
    const { state } = this;
    const type = state.tree.nodes.type(node);
    if ((flags & O_ACCMODE) !== O_RDONLY) {
      if (type === dirType.dir) throw new FsError(errno.EISDIR);
      state.mustBeWritable();
    }
    if (type !== dirType.reg) return;
    if ((flags & O_TRUNC) !== 0) {
      this.changes.truncate(node, 0);
      state.invalidate(node);
    } else {
      state.files.reading(node);
    }
    this.holders.set(node, (this.holders.get(node) ?? 0) + 1);
  }

  release(node: NodeIndex): void {
    const { state } = this;
    const left = (this.holders.get(node) ?? 0) - 1;
    state.invalidate(node);
    if (left > 0) {
      this.holders.set(node, left);
      return;
    }
    this.holders.delete(node);
    this.dropTwin(node);
    if (!state.tree.nodes.has(node, nodeFlag.isDetached)) state.files.unpin(node);
  }

  backing(node: NodeIndex, writable: boolean): number | undefined {
    const { state } = this;
    if (state.tree.nodes.type(node) !== dirType.reg) return undefined;
    if (!state.isUpper(node) && (writable || !state.isReadOnly)) return undefined;
    if (!state.files.isPinned(node) && !state.files.hasRoom) return undefined;
    if (writable) state.files.writing(node);
    const file = state.files.pin(node);
    if (file.start !== 0 || file.extents !== undefined) return undefined;
    return writable && state.config.accessTimes.files === 'never' ? this.twin(node, file.fd) : file.fd;
  }

  /** The kernel opens a backing file anew, without O_NOATIME: it gets one of a mount without access times. */
  private twin(node: NodeIndex, fd: number): number | undefined {
    const known = this.twins.get(node) ?? openWithoutAccessTimes(fd, O_RDWR);
    if (known !== undefined) this.twins.set(node, known);
    return known;
  }

  private dropTwin(node: NodeIndex): void {
    const fd = this.twins.get(node);
    if (fd === undefined) return;
    this.twins.delete(node);
    closeFd(fd);
  }

  read(node: NodeIndex, offset: number, buffer: Buffer, at: number, length: number): number {
    const type = this.state.tree.nodes.type(node);
    if (type !== dirType.reg) throw new FsError(type === dirType.dir ? errno.EISDIR : errno.EINVAL);
    if (offset > sizeMax) return 0;
    const count = readBytes(this.state.files.reading(node), offset, buffer, at, length);
    this.state.counters.add('bytesRead', count);
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
    const { state } = this;
    if (state.tree.nodes.type(node) !== dirType.reg) throw new FsError(errno.EINVAL);
    checkEnd(offset + length);
    this.copyUp.ensure(node);
    if (killPrivileges) this.changes.dropPrivileges(node);
    if (keepTimes) state.getattr(node, this.known, false);
    const { fd } = state.files.writing(node);
    state.invalidate(node);
    const count = pwriteSome(fd, buffer, at, length, offset);
    if (keepTimes) utimensAt(fd, '' as Name, 0, UTIME_OMIT, this.known.mtimeSec, this.known.mtimeNsec);
    state.counters.add('bytesWritten', count);
    return count;
  }

  fsync(node: NodeIndex, dataOnly: boolean): void {
    const { state } = this;
    if (state.isReadOnly || state.config.isVolatile || !state.isUpper(node)) return;
    const { nodes } = state.tree;
    if (nodes.isDirectory(node)) {
      if (state.isRemoved(node)) return;
      const fd = openAt(state.upperFd(state.tree.directory(node)), '.' as Name, O_RDONLY);
      throw new Deferred({ kind: 'fsync', fd, dataOnly }, 'done', () => closeFd(fd));
    }
    if (nodes.type(node) !== dirType.reg) return;
    const wasPinned = state.files.isPinned(node);
    const { fd } = state.files.pin(node);
    throw new Deferred({ kind: 'fsync', fd, dataOnly }, 'done', () => this.unpinAfter(node, wasPinned));
  }

  private unpinAfter(node: NodeIndex, wasPinned: boolean): void {
    if (wasPinned || this.holders.has(node) || this.state.tree.nodes.has(node, nodeFlag.isDetached)) return;
    this.state.files.unpin(node);
  }

  fallocate(node: NodeIndex, mode: number, offset: number, length: number): void {
    const { state } = this;
    if (state.tree.nodes.type(node) !== dirType.reg) throw new FsError(errno.ENODEV);
    checkEnd(offset + length);
    this.copyUp.ensure(node);
    fallocate(state.files.writing(node).fd, mode, offset, length);
    state.invalidate(node);
  }

  seek(node: NodeIndex, offset: number, whence: number): number {
    if (offset < 0 || offset > sizeMax) throw new FsError(errno.ENXIO);
    const file = this.state.files.reading(node);
    if (file.start === 0 && file.extents === undefined) return lseek(file.fd, offset, whence);
    this.state.stat(node);
    return seekContent(file.extents, this.state.tree.nodes.size(node), offset, whence);
  }

  copyFileRange(source: NodeIndex, sourceOffset: number, target: NodeIndex, targetOffset: number, length: number): number {
    const { state } = this;
    if (sourceOffset > sizeMax) return 0;
    checkEnd(targetOffset);
    this.copyUp.ensure(target);
    const from = state.files.reading(source);
    if (from.extents !== undefined) throw new FsError(errno.EOPNOTSUPP);
    const to = state.files.writing(target);
    const wanted = Math.min(length, Math.max(0, from.size - sourceOffset));
    state.invalidate(target);
    if (wanted <= inlineRangeMax) return copyFileRange(from.fd, from.start + sourceOffset, to.fd, targetOffset, wanted);
    const held = [source, target].filter((node) => !state.files.isPinned(node));
    state.files.pin(source);
    state.files.pin(target);
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
      state.invalidate(target);
    });
  }
}
