/** Descriptors of regular files by node. Reads and writes go by node, so a descriptor is opened when bytes are first asked for and kept
 *  in a bounded cache; those of files that somebody holds open are pinned, and those of all objects that have lost their last name. */

import { errno } from '../base/errno.js';
import { errnoOf } from '../base/errors.js';
import { LRUCache } from '../base/lru.js';
import type { Name } from '../base/name.js';
import { untilEnd } from '../layers/content.js';
import type { Upper } from '../layers/directory/upper.js';
import type { Content } from '../layers/layer.js';
import { withOwnerRights } from '../layers/owner-rights.js';
import type { NodeIndex } from '../layers/union/node-table.js';
import { nodeFlag } from '../layers/union/node-table.js';
import type { Union } from '../layers/union/union.js';
import { O_NOATIME, O_NOFOLLOW, O_NONBLOCK, O_PATH, O_RDWR } from '../sys/constants.js';
import { closeFd, openAt } from '../sys/open.js';
import type { DescriptorBudget } from './descriptor-budget.js';

export interface OpenFile extends Content {
  readonly isWritable: boolean;
}

export class OpenFiles {
  private readonly cache: LRUCache<NodeIndex, OpenFile>;
  private readonly pinned = new Map<NodeIndex, OpenFile>();

  constructor(
    private readonly union: Union,
    private readonly upper: Upper | undefined,
    private readonly budget: DescriptorBudget,
    /** No access time moves (noatime). */
    private readonly isNoAtime = false,
  ) {
    this.cache = new LRUCache<NodeIndex, OpenFile>({ max: budget.files, dispose: (file) => file.close() });
  }

  /** The file's descriptor, for reading. FsError from the layer. */
  reading(node: NodeIndex): OpenFile {
    const known = this.pinned.get(node) ?? this.cache.get(node);
    if (known !== undefined) return known;
    const file = this.open(node);
    this.cache.set(node, file);
    return file;
  }

  /** The file's descriptor in the upper, for writing. PRE: the node is upper. */
  writing(node: NodeIndex): OpenFile {
    const known = this.reading(node);
    if (known.isWritable) return known;
    const place = this.union.locate(node);
    const fd = this.upper!.fd(place.dir); // PRE: it is upper
    // Who holds it open may have taken his own right to write meanwhile, or made it without (git's objects are 0444).
    const file = ownFile(
      withOwnerRights([[fd, place.name]], () => this.openWritable(fd, place.name)),
      true,
    );
    this.adopt(node, file);
    return file;
  }

  /** The descriptor if there is one. */
  known(node: NodeIndex): OpenFile | undefined {
    return this.pinned.get(node) ?? this.cache.get(node);
  }

  private open(node: NodeIndex): OpenFile {
    const place = this.union.locate(node);
    if (!this.union.tree.nodes.has(node, nodeFlag.isUpper)) {
      return { ...place.layer.open(place.dir, place.name, place.ref), isWritable: false };
    }
    const fd = this.upper!.fd(place.dir); // an upper node has an upper
    try {
      return ownFile(this.openWritable(fd, place.name), true);
    } catch (error) {
      const number = errnoOf(error);
      if (number !== errno.EACCES && number !== errno.EPERM && number !== errno.EROFS && number !== errno.ETXTBSY) throw error;
      return { ...place.layer.open(place.dir, place.name, place.ref), isWritable: false };
    }
  }

  /** O_NOATIME is for the owner of the file and for root. */
  private openWritable(dirFd: number, name: Name): number {
    const flags = O_RDWR | O_NOFOLLOW | O_NONBLOCK;
    if (!this.isNoAtime) return openAt(dirFd, name, flags);
    try {
      return openAt(dirFd, name, flags | O_NOATIME);
    } catch (error) {
      if (errnoOf(error) !== errno.EPERM) throw error;
      return openAt(dirFd, name, flags);
    }
  }

  /** The node's bytes are behind this descriptor from now on; the old one is closed. */
  adopt(node: NodeIndex, file: OpenFile): void {
    const held = this.pinned.get(node);
    if (held === undefined) {
      this.cache.set(node, file);
      return;
    }
    held.close();
    this.pinned.set(node, file);
  }

  /** Keeps the descriptor open until `drop`, opening it if need be. */
  pin(node: NodeIndex): OpenFile {
    const held = this.pinned.get(node);
    if (held !== undefined) return held;
    const file = this.take(node) ?? this.open(node);
    this.pinned.set(node, file);
    return file;
  }

  /** Keeps hold of `name`, a directory or a special file that is about to lose its last name. */
  pinObject(node: NodeIndex, dirFd: number, name: Name): void {
    this.pinned.set(node, ownFile(openAt(dirFd, name, O_PATH | O_NOFOLLOW), false));
  }

  /** Whether one more file may be pinned for as long as somebody holds it open. */
  get hasRoom(): boolean {
    return this.pinned.size < this.budget.held;
  }

  isPinned(node: NodeIndex): boolean {
    return this.pinned.has(node);
  }

  /** Back to the cache: it may be closed at any time. */
  unpin(node: NodeIndex): void {
    const file = this.pinned.get(node);
    if (file === undefined) return;
    this.pinned.delete(node);
    this.cache.set(node, file);
  }

  private take(node: NodeIndex): OpenFile | undefined {
    const file = this.cache.get(node);
    if (file === undefined) return undefined;
    // the cache closes what it loses: give it a stand-in to lose
    this.cache.set(node, { ...file, close: () => undefined }, { noDisposeOnSet: true });
    this.cache.delete(node);
    return file;
  }

  /** Nobody will ask again. */
  drop(node: NodeIndex): void {
    this.pinned.get(node)?.close();
    this.pinned.delete(node);
    this.cache.delete(node);
  }

  close(): void {
    for (const file of this.pinned.values()) file.close();
    this.pinned.clear();
    this.cache.clear();
  }
}

/** A descriptor whose bytes are the file's own. */
export function ownFile(fd: number, isWritable: boolean): OpenFile {
  return { fd, start: 0, size: untilEnd, isWritable, close: () => closeFd(fd) };
}
