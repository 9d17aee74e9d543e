/** The layer tar of an upper (T-1 to T-7): the same bytes for the same upper on any machine. What the upper holds but did not change is
 *  left out; a directory above a change is there with its attributes, as unpackers expect. */

import type { Attributes } from '../../base/attributes.js';
import { errno } from '../../base/errno.js';
import { errnoOf } from '../../base/errors.js';
import { dirType } from '../../base/mode.js';
import { type Name, textFromName } from '../../base/name.js';
import { opaqueEntry, whiteoutEntry } from '../../layers/tar/tar-markers.js';
import { TarWriter } from '../../tar/writer.js';
import { hasSameContent } from '../changes/diff.js';
import { isSameMap } from '../changes/same-object.js';
import type { OnBytes } from '../intake/tar-intake.js';
import { compareTrees, unreadable, type WalkStep } from '../tree/compare.js';
import { storedXattrs, TreeEntries } from '../tree/tree-entry.js';
import type { NodeNumber, TreeView } from '../tree/tree-view.js';

export interface LayerTarOptions {
  /** Times keep their nanoseconds; without it they are cut to seconds, as docker does. */
  readonly nanoseconds?: boolean;
  /** A replaced directory lists what is gone instead of an opaque mark (T-4). */
  readonly explicitWhiteouts?: boolean;
  /** Times later than this, in seconds, become it. */
  readonly latestSec?: number | undefined;
  /** Hears how many bytes of the tar there are. */
  readonly onBytes?: OnBytes;
}

interface Frame {
  readonly path: Name;
  readonly node: NodeNumber;
  isWritten: boolean;
  /** An opaque mark here or above hides all that was. */
  readonly isCovered: boolean;
}

export class LayerTar {
  /** Entries so far; 0 at the end: the upper changes nothing, and the bytes are those of the empty tar (T-8). */
  entries = 0;
  /** What was left out, as sentences. */
  readonly warnings: string[] = [];
  private readonly writer: TarWriter;
  private readonly objects: TreeEntries;
  private readonly frames: Frame[] = [];

  /** `after` is `before` with an upper on it. */
  constructor(
    private readonly before: TreeView | undefined,
    private readonly after: TreeView,
    private readonly options: LayerTarOptions,
  ) {
    this.writer = new TarWriter({ nanoseconds: options.nanoseconds === true });
    this.objects = new TreeEntries(after, this.writer, options.latestSec);
  }

  /** The tar in chunks, each good until the next is asked for; of `steps` where the trees were compared already. PlyfsError `unreadable`.
   *  Once only. */
  *chunks(steps: Iterable<WalkStep> = compareTrees(this.before, this.after, 'upper')): Generator<Buffer> {
    for (const step of steps) {
      try {
        yield* this.take(step);
      } catch (error) {
        if (errnoOf(error) !== errno.ENOENT || step.kind !== 'object') throw unreadable(this.after, step.path, error);
        this.warn(step.path, 'vanished while the upper was read');
      }
    }
    yield* this.writer.finish();
    for (const path of this.writer.shortened) this.warn(path, 'became shorter while it was read: the rest is zeros');
  }

  private *take(step: WalkStep): Generator<Buffer> {
    switch (step.kind) {
      case 'enter':
        yield* this.enter(step);
        return;
      case 'leave':
        this.frames.pop();
        return;
      case 'object':
        if (this.isCovered || !this.isUnchanged(step.before, step.after)) yield* this.object(step);
        return;
      case 'gone':
        if (!this.isCovered) yield* this.whiteout(step.path);
        return;
      case 'vanished':
        this.warn(step.path, 'vanished while the upper was read');
        return;
      default:
        step satisfies never;
    }
  }

  private get isCovered(): boolean {
    return this.frames.at(-1)?.isCovered === true;
  }

  private *enter({ path, before, after, isCover }: Extract<WalkStep, { kind: 'enter' }>): Generator<Buffer> {
    const isOpaque = isCover && this.options.explicitWhiteouts !== true;
    const isChanged = this.isCovered || isOpaque || !this.isUnchangedDirectory(path, before, after);
    this.frames.push({ path, node: after, isWritten: false, isCovered: this.isCovered || isOpaque });
    if (isChanged) yield* this.parents();
    if (isOpaque) yield* this.add(opaqueEntry(path));
  }

  private *object({ path, before, after }: Extract<WalkStep, { kind: 'object' }>): Generator<Buffer> {
    if (this.after.type(after) === dirType.sock) {
      this.warn(path, 'is a socket, which a layer cannot hold: left out');
      if (before !== undefined && !this.isCovered) yield* this.whiteout(path);
      return;
    }
    yield* this.parents();
    yield* this.objects.write(after, path);
    this.entries++;
  }

  private *whiteout(path: Name): Generator<Buffer> {
    yield* this.parents();
    const slash = path.lastIndexOf('/');
    // Parts of a Name are Names.
    yield* this.add(whiteoutEntry(path.slice(0, Math.max(slash, 0)) as Name, path.slice(slash + 1) as Name));
  }

  /** The directories on the way that are not in the tar yet. The root needs no entry above a change, unless it is different itself. */
  private *parents(): Generator<Buffer> {
    for (const frame of this.frames) {
      if (frame.isWritten) continue;
      frame.isWritten = true;
      if (frame.path === '' && this.before !== undefined && this.isSameDirectory(this.before.root, frame.node, true)) continue;
      yield* this.objects.write(frame.node, frame.path);
      this.entries++;
    }
  }

  private *add(entry: Parameters<TarWriter['add']>[0]): Generator<Buffer> {
    this.entries++;
    yield* this.writer.add(entry);
  }

  /** The root's time alone is no reason for a layer: whoever made the upper directory made it at some time. */
  private isUnchangedDirectory(path: Name, before: NodeNumber | undefined, after: NodeNumber): boolean {
    if (path === '' && this.before === undefined) return true;
    return before !== undefined && this.isSameDirectory(before, after, path !== '');
  }

  private isSameDirectory(before: NodeNumber, after: NodeNumber, withTime: boolean): boolean {
    const old = this.before!; // it has the node
    if (old.type(before) !== dirType.dir) return false;
    const was = old.attributes(before);
    const is = this.after.attributes(after);
    if (!isSameOwnerAndMode(was, is) || (withTime && !isSameTime(was, is))) return false;
    return isSameMap(storedXattrs(old, before), storedXattrs(this.after, after));
  }

  /** Whether the object is what it was to the last byte. A file with several names is always taken to be changed: what the others are would
   *  have to be found out. */
  private isUnchanged(before: NodeNumber | undefined, after: NodeNumber): boolean {
    const old = this.before;
    if (before === undefined || old === undefined) return false;
    const type = this.after.type(after);
    if (old.type(before) !== type || type === dirType.sock) return false;
    const was = old.attributes(before);
    const is = this.after.attributes(after);
    if (!isSameOwnerAndMode(was, is) || !isSameTime(was, is)) return false;
    if (was.nlink !== 1 || is.nlink !== 1 || was.size !== is.size || was.rdev !== is.rdev) return false;
    if (type === dirType.lnk && old.readlink(before) !== this.after.readlink(after)) return false;
    if (!isSameMap(storedXattrs(old, before), storedXattrs(this.after, after))) return false;
    return type !== dirType.reg || hasSameContent(old, before, this.after, after);
  }

  private warn(path: Name, what: string): void {
    this.warnings.push(`/${textFromName(path)} of ${this.after.label} ${what}`);
  }
}

function isSameOwnerAndMode(was: Attributes, is: Attributes): boolean {
  return (was.mode & 0o7777) === (is.mode & 0o7777) && was.uid === is.uid && was.gid === is.gid;
}

function isSameTime(was: Attributes, is: Attributes): boolean {
  return was.mtimeSec === is.mtimeSec && was.mtimeNsec === is.mtimeNsec;
}
