/** Who holds which file open, in io mode 'passthrough' (the other modes send no OPEN).
 *
 *  The kernel's rules (fs/fuse/iomode.c): all handles of an inode name the same backing file, and a cached handle and a passthrough
 *  handle of one inode must not meet; the open that breaks this fails with EIO. So the first open decides for as long as any handle
 *  is open. In a writable mount only a node whose data is in the upper may pass through: a read-only handle on a lower file would
 *  otherwise pin the lower file against the writable open that copies it up. Files whose privileges a write must drop do not pass
 *  through either. */

import { Attributes } from '../../base/attributes.js';
import { FsError } from '../../base/errors.js';
import { S_ISGID, S_ISUID } from '../../base/mode.js';
import { log } from '../../observe/log.js';
import { closeBacking, openBacking } from '../../sys/device.js';
import { capabilityKey } from '../../sys/xattr.js';
import type { FileSystem, NodeId } from '../../vfs/filesystem.js';
import { FOPEN_KEEP_CACHE, FOPEN_NOFLUSH, FOPEN_PASSTHROUGH } from '../protocol/constants.js';

interface OpenFile {
  handles: number;
  /** 0: the handles are cached ones. */
  backingId: number;
}

/** How an OPEN is to be answered. */
export interface Opened {
  flags: number;
  backingId: number;
}

export class OpenHandles {
  private readonly files = new Map<NodeId, OpenFile>();
  private readonly opened: Opened = { flags: 0, backingId: 0 };
  /** False once the kernel refused to register a backing file (no rights, file systems stacked too deep): then all is cached. */
  private canPass = true;

  private readonly attributes = new Attributes();

  constructor(
    private readonly fs: FileSystem,
    private readonly device: number,
  ) {}

  /** One more handle on `node`, which the file system has opened already. The record returned is reused. */
  open(node: NodeId): Opened {
    let file = this.files.get(node);
    if (file === undefined) {
      file = { handles: 0, backingId: this.register(node) };
      this.files.set(node, file);
    }
    file.handles++;
    this.opened.backingId = file.backingId;
    this.opened.flags = file.backingId === 0 ? FOPEN_KEEP_CACHE | FOPEN_NOFLUSH : FOPEN_PASSTHROUGH | FOPEN_NOFLUSH;
    return this.opened;
  }

  /** One handle less. Nothing for a node that has none (its OPEN was answered ENOSYS). */
  release(node: NodeId): void {
    const file = this.files.get(node);
    if (file === undefined || --file.handles > 0) return;
    this.files.delete(node);
    if (file.backingId !== 0) closeBacking(this.device, file.backingId);
  }

  /** Writes through a shared map of such a file reach its disk without a request. */
  isWrittenPastUs(node: NodeId): boolean {
    return this.files.size > 0 && !this.fs.isReadOnly && (this.files.get(node)?.backingId ?? 0) !== 0;
  }

  private register(node: NodeId): number {
    if (!this.canPass || (!this.fs.isReadOnly && this.isPrivileged(node))) return 0;
    const fd = this.fs.backing(node, !this.fs.isReadOnly);
    if (fd === undefined) return 0;
    try {
      return openBacking(this.device, fd);
    } catch (error) {
      if (!(error instanceof FsError)) throw error;
      this.canPass = false;
      log('warn', `passthrough is off, files are read and written through the daemon: ${error.message}`);
      return 0;
    }
  }

  /** A write must drop setuid, setgid and capabilities. The kernel leaves that to us (HANDLE_KILLPRIV_V2), and we see no write that
   *  passes through. A bit set while such a file is open for passthrough stays. */
  private isPrivileged(node: NodeId): boolean {
    this.fs.getattr(node, this.attributes);
    if ((this.attributes.mode & (S_ISUID | S_ISGID)) !== 0) return true;
    return this.fs.getxattr(node, capabilityKey) !== undefined;
  }
}
