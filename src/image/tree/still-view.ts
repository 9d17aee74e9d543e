/** The view of an upper as it was at one moment, to be read while writers go on. Names and attributes are taken at once, and of what was
 *  changed lately everything: small files in memory, of large ones a clone or the descriptor. The rest is read later, and its ctime tells
 *  whether it is still what it was. */

import { closeSync, openSync, rmSync } from 'node:fs';
import { Attributes } from '../../base/attributes.js';
import { errno } from '../../base/errno.js';
import { errnoOf } from '../../base/errors.js';
import { dirType } from '../../base/mode.js';
import type { Name } from '../../base/name.js';
import type { Content, Layer } from '../../layers/layer.js';
import type { Store } from '../../store/store.js';
import { writing } from '../../store/writing.js';
import { clone, copyData, dataRanges, pread } from '../../sys/file.js';
import { closeFd } from '../../sys/open.js';
import { raiseNofile } from '../../sys/process.js';
import { statAt } from '../../sys/stat.js';
import { compareTrees, unreadable, type WalkStep } from './compare.js';
import type { OpenedFile } from './content.js';
import type { NodeNumber, TreeView } from './tree-view.js';
import { UpperView } from './upper-view.js';

/** Files up to this size are read at once, as long as all of them together fit. */
const smallBytes = 64 * 1024;
const memoryBytes = 32 * 1024 * 1024;
/** What nobody has touched for so long will most likely not be touched before it is read. */
const quietMs = 2_000;
/** Two changes of a file within this time may leave one and the same ctime (a tick of the kernel, as long as 10 ms). */
export const racyMs = 25;

/** How an object was when it was taken; another one says that somebody has changed it. */
interface Stamp {
  readonly ctimeSec: number;
  readonly ctimeNsec: number;
  readonly size: number;
}

interface Kept {
  readonly path: Name;
  readonly stamp: Stamp;
  /** undefined: read when it is asked for, by its name. */
  readonly taken: Taken | undefined;
}

interface Taken {
  readonly xattrs: Map<Name, Buffer>;
  /** Of a symlink. */
  readonly target?: Name;
  /** Of a file, all of it; or a descriptor, of the file itself or (`isOwn`) of a copy. */
  readonly bytes?: Buffer;
  readonly fd?: number;
  readonly isOwn?: boolean;
}

export interface StillOptions {
  /** Copies of files are made on its disk. */
  readonly store: Store;
  /** What is to be taken at once, files as copies, because it was found changed afterwards: paths, or everything. */
  readonly copies: ReadonlySet<Name> | 'all';
}

export class StillView extends UpperView {
  private readonly kept = new Map<NodeNumber, Kept>();
  private memoryLeft = memoryBytes;
  private descriptorsLeft = Math.floor(raiseNofile() / 2);
  private canClone = true;
  private beganMs = 0;
  /** Files may be written to while they are taken: then takeChanged sees to the racy ones. */
  private passes = false;

  constructor(
    label: string,
    layers: readonly Layer[],
    private readonly options: StillOptions,
  ) {
    super(label, layers);
  }

  /** Everything that the upper changes of `before`, taken now. PRE: nobody changes names or attributes, nor (unless `passes`) writes to
   *  files; only once. */
  take(before: TreeView | undefined, passes = false): WalkStep[] {
    this.beganMs = Date.now();
    this.passes = passes;
    this.findIndexedNames(before);
    const steps: WalkStep[] = [];
    for (const step of compareTrees(before, this, 'upper')) {
      steps.push(step);
      if (step.kind === 'enter' || step.kind === 'object') this.keep(step.after, step.path);
    }
    return steps;
  }

  private keep(node: NodeNumber, path: Name): void {
    // What lies in a lower layer does not change.
    if (this.kept.has(node) || !this.isUpper(node)) return;
    try {
      const stamp = stampOf(this.attributes(node));
      this.kept.set(node, { path, stamp, taken: this.isLeft(node, path, stamp) ? undefined : this.takeNow(node, path, stamp) });
    } catch (error) {
      throw unreadable(this, path, error);
    }
  }

  /** Whether it can be read later. A directory's stamp tells nothing: it changes with every name in it. */
  private isLeft(node: NodeNumber, path: Name, stamp: Stamp): boolean {
    return this.type(node) !== dirType.dir && !this.mustCopy(path) && timeMs(stamp) < this.beganMs - quietMs;
  }

  private mustCopy(path: Name): boolean {
    const { copies } = this.options;
    return copies === 'all' || copies.has(path);
  }

  private takeNow(node: NodeNumber, path: Name, stamp: Stamp): Taken | undefined {
    const type = this.type(node);
    if (type === dirType.lnk) return { xattrs: super.xattrs(node), target: super.readlink(node) };
    if (type !== dirType.reg) return { xattrs: super.xattrs(node) };
    const file = this.takeFile(node, path, stamp);
    return file === undefined ? undefined : { xattrs: super.xattrs(node), ...file };
  }

  private takeFile(node: NodeNumber, path: Name, stamp: Stamp): Omit<Taken, 'xattrs'> | undefined {
    const { size } = stamp;
    const { layer, dir, name, ref } = this.union.locate(node);
    const content = layer.open(dir, name, ref);
    let keeps = false;
    try {
      if (size <= smallBytes && size <= this.memoryLeft) return { bytes: this.readSmall(content, size) };
      const isRacy = !this.passes && timeMs(stamp) > this.beganMs - racyMs;
      const copy = this.copyOf(content, size, this.mustCopy(path) || isRacy);
      if (copy !== undefined) return { fd: copy, isOwn: true };
      if (this.descriptorsLeft-- <= 0) return undefined;
      keeps = true;
      return { fd: content.fd };
    } finally {
      if (!keeps) content.close();
    }
  }

  private readSmall(content: Content, size: number): Buffer {
    this.memoryLeft -= size;
    const bytes = Buffer.alloc(size);
    for (let at = 0; at < size; ) {
      const count = pread(content.fd, bytes, at, size - at, content.start + at);
      if (count === 0) break;
      at += count;
    }
    return bytes;
  }

  /** A file of our own with the same bytes, where that costs nothing or must be; undefined where not. */
  private copyOf({ fd }: Content, size: number, mustCopy: boolean): number | undefined {
    if (!mustCopy && !this.canClone) return undefined;
    return writing(this.options.store.root, () => this.copyInto(this.unnamedFile(), fd, size, mustCopy));
  }

  private unnamedFile(): number {
    const path = this.options.store.temporary();
    const fd = openSync(path, 'wx+', 0o600);
    rmSync(path);
    return fd;
  }

  private copyInto(copy: number, fd: number, size: number, mustCopy: boolean): number | undefined {
    let keeps = false;
    try {
      this.canClone &&= clone(fd, copy);
      if (!this.canClone && mustCopy) copyData(fd, 0, copy, size);
      keeps = this.canClone || mustCopy;
      return keeps ? copy : undefined;
    } finally {
      if (!keeps) closeSync(copy);
    }
  }

  override xattrs(node: NodeNumber, isWanted?: (key: Name) => boolean): Map<Name, Buffer> {
    const taken = this.kept.get(node)?.taken?.xattrs;
    if (taken === undefined || isWanted === undefined) return taken ?? super.xattrs(node, isWanted);
    return new Map([...taken].filter(([key]) => isWanted(key)));
  }

  override readlink(node: NodeNumber): Name {
    return this.kept.get(node)?.taken?.target ?? super.readlink(node);
  }

  override open(node: NodeNumber): OpenedFile {
    const { bytes, fd } = this.kept.get(node)?.taken ?? {};
    const { size, blocks } = this.attributes(node);
    const close = () => undefined;
    if (bytes !== undefined) {
      return { size, read: (into, at, length, offset) => bytes.copy(into, at, offset, offset + length), close };
    }
    if (fd === undefined) return super.open(node);
    const isSparse = blocks * 512 < size;
    return {
      size,
      ...(isSparse ? { extents: dataRanges(fd, size) } : {}),
      read: (into, at, length, offset) => pread(fd, into, at, length, offset),
      close,
    };
  }

  /** What was read from where it lies, and has been changed since `take`. */
  changedSince(): Name[] {
    const changed: Name[] = [];
    for (const [node, { path, stamp, taken }] of this.kept) {
      if (taken !== undefined && (taken.fd === undefined || taken.isOwn === true)) continue;
      const now = taken?.fd === undefined ? this.stampNow(node) : stampOfDescriptor(taken.fd);
      if (!isSameStamp(stamp, now)) changed.push(path);
    }
    return changed;
  }

  /** Takes the files again that were written to since they were taken, or so shortly before that it could not be seen. Returns their
   *  paths; none: all that was taken was there at one moment. PRE: as take. */
  takeChanged(): Name[] {
    const changed: Name[] = [];
    const racyFromMs = this.beganMs - racyMs;
    this.beganMs = Date.now();
    for (const [node, { path, stamp, taken }] of [...this.kept]) {
      if (this.type(node) !== dirType.reg) continue;
      const now = this.stampNow(node);
      if (isSameStamp(stamp, now) && timeMs(stamp) <= racyFromMs) continue;
      changed.push(path);
      drop(taken);
      this.memoryLeft += taken?.bytes?.length ?? 0;
      this.kept.delete(node);
      this.keep(node, path);
    }
    return changed;
  }

  /** Read from the disk anew; undefined where the name is gone. */
  private stampNow(node: NodeNumber): Stamp | undefined {
    try {
      this.union.statNode(node);
    } catch (error) {
      if (errnoOf(error) !== errno.ENOENT) throw error;
      return undefined;
    }
    return this.attributes(node);
  }

  override close(): void {
    for (const { taken } of this.kept.values()) drop(taken);
    this.kept.clear();
    super.close();
  }
}

function drop(taken: Taken | undefined): void {
  if (taken?.fd !== undefined) closeFd(taken.fd);
}

function timeMs({ ctimeSec, ctimeNsec }: Stamp): number {
  return ctimeSec * 1000 + ctimeNsec / 1e6;
}

function stampOf({ ctimeSec, ctimeNsec, size }: Attributes): Stamp {
  return { ctimeSec, ctimeNsec, size };
}

const scratch = new Attributes();

function stampOfDescriptor(fd: number): Stamp {
  statAt(fd, '' as Name, scratch);
  return scratch;
}

function isSameStamp(a: Stamp, b: Stamp | undefined): boolean {
  return b !== undefined && a.ctimeSec === b.ctimeSec && a.ctimeNsec === b.ctimeNsec && a.size === b.size;
}
