/** Copy-up of the bytes of a regular file: as a reflink, at once, or outside the serving thread where they are many. */

import { FsError } from '../base/errors.js';
import type { Name } from '../base/name.js';
import type { NodeIndex } from '../layers/union/node-table.js';
import { O_CREAT, O_EXCL, O_RDWR } from '../sys/constants.js';
import { clone, copyData, ftruncate, startWriteback } from '../sys/file.js';
import { openAt } from '../sys/open.js';
import { Deferred } from '../vfs/filesystem.js';
import { checkLength, copyExtents } from './content.js';
import type { CopiedObjects } from './copy-up-object.js';
import { crashPoint } from './crash-point.js';
import { type OpenFile, ownFile } from './open-files.js';
import type { OverlayState } from './state.js';

/** Larger files are copied outside the serving thread, in bytes. */
const inlineCopyMax = 1 << 20;

export class FileCopies {
  private readonly underWay = new Map<NodeIndex, Deferred>();

  /** `onCopied` is told of a node that a copy under way had kept alive: one reference to take back. */
  constructor(
    private readonly state: OverlayState,
    private readonly objects: CopiedObjects,
    private readonly onCopied: (node: NodeIndex) => void,
  ) {}

  /** The Deferred that a copy of the node is waited for with. */
  throwIfUnderWay(node: NodeIndex): void {
    const copying = this.underWay.get(node);
    if (copying !== undefined) throw copying;
  }

  /** The node becomes upper with its first `length` bytes. Throws Deferred where that takes long. */
  copy(node: NodeIndex, length: number): void {
    const { state } = this;
    const { upper } = state;
    const source = state.files.reading(node);
    const made = upper.temporaryName();
    const file = ownFile(openAt(upper.workFd, made, O_CREAT | O_EXCL | O_RDWR | this.state.creationFlags, 0o600), true);
    let isHandedOver = false;
    try {
      crashPoint('copy-up-data');
      const isWhole = length === state.tree.nodes.size(node);
      if (length > 0 && !(isWhole && source.start === 0 && source.extents === undefined && clone(source.fd, file.fd))) {
        if (length > inlineCopyMax && source.extents === undefined) {
          isHandedOver = true;
          throw this.copyElsewhere(node, source, made, file, length);
        }
        if (source.extents !== undefined) copyExtents(source, file.fd, length);
        else checkLength(source, copyData(source.fd, source.start, file.fd, length), length);
      }
      ftruncate(file.fd, length);
      this.finishFile(node, made, file);
      isHandedOver = true;
    } finally {
      if (!isHandedOver) {
        file.close();
        upper.discard(made);
      }
    }
    state.counters.add('copyUpBytes', length);
  }

  private copyElsewhere(node: NodeIndex, source: OpenFile, made: Name, file: OpenFile, length: number): Deferred {
    const { state } = this;
    state.files.pin(node);
    // Whatever happens to its names and users meanwhile, the number stays this file's.
    state.tree.nodes.addReferences(node, 1);
    const job = { kind: 'copy', source: source.fd, sourceStart: source.start, target: file.fd, length } as const;
    const deferred = new Deferred(job, 'retry', (failure, copied) => {
      this.underWay.delete(node);
      state.files.unpin(node);
      try {
        if (failure !== 0) throw new FsError(failure, 'copy-up');
        checkLength(source, copied, length);
        ftruncate(file.fd, length);
        this.finishFile(node, made, file);
        state.counters.add('copyUpBytes', length);
      } catch (error) {
        file.close();
        state.upper.discard(made);
        throw error;
      } finally {
        this.onCopied(node);
      }
    });
    this.underWay.set(node, deferred);
    return deferred;
  }

  /** The data is there: the rest of the object, then its place. `file` belongs to the open files afterwards. */
  private finishFile(node: NodeIndex, made: Name, file: OpenFile): void {
    this.objects.putXattrs(made, node);
    this.objects.putAttributes(made, node);
    // With delayed allocation a power failure could leave the new name without the data: have the disk told before the name.
    if (!this.state.config.isVolatile) startWriteback(file.fd);
    crashPoint('copy-up-publish');
    this.objects.publish(node, made, file);
  }
}
