/** The Driver seam: how a FileSystem is served at a mount point. Implementers: direct/driver.ts, libfuse/driver.ts.
 *
 *  A driver works in two threads of one process. `attach` runs in the main thread, which keeps handling signals, control requests and
 *  unmount. `serve` runs in the serving thread, which may block in it for the whole life of the mount. */

import type { Counters } from '../observe/counters.js';
import type { FileSystem } from '../vfs/filesystem.js';

export type IoMode = 'cached' | 'writeback' | 'passthrough' | 'auto';

/** Plain data: it crosses the threads. */
export interface DriverOptions {
  /** Absolute path of the mount point. */
  target: string;
  /** First column of /proc/mounts. */
  source: string;
  /** The file-system type is `fuse.<subtype>`. */
  subtype: string;
  isReadOnly: boolean;
  allowOther: boolean;
  defaultPermissions: boolean;
  posixAcl: boolean;
  /** nosuid, nodev, noexec, noatime, ... as mount(8) spells them. */
  mountFlags: readonly string[];
  io: IoMode;
  /** What passes through may lie on a file system that itself lies on others (overlayfs, FUSE). */
  isBackingStacked: boolean;
  /** Lifetime of entries and attributes in the kernel's caches, in seconds. */
  timeoutSec: number;
  /** fsync is answered without a request (volatile, fsync=0). */
  isVolatile: boolean;
  /** How long the device is polled without blocking after the last request, in microseconds; 0 never. */
  spinUs: number;
  /** Idle CPUs may be kept from halting during bursts of requests. */
  keepsAwake: boolean;
  /** Memory of the Gate through which another thread holds the file system still; without it nobody can. */
  gate?: SharedArrayBuffer;
  /** Trace topics, as PLYFS_TRACE. */
  trace: readonly string[];
}

/** What `attach` made and `serve` needs: plain data. */
export interface Attachment {
  /** The /dev/fuse descriptor of this process; -1 where the driver opens its own. */
  fd: number;
}

export interface Driver {
  readonly name: 'direct' | 'fuse-native';
  /** Makes the mount exist. PlyfsError with a sentence: busy target, no /dev/fuse, no rights, no fusermount3. Nothing stays behind. */
  attach(options: DriverOptions): Attachment;
  /** Serves until the file system is unmounted. `ready` is called once when requests are answered. */
  serve(fs: FileSystem, attachment: Attachment, options: DriverOptions, counters: Counters, ready: () => void): Promise<void>;
  /** Unmounts from the main thread: `isLazy` detaches a busy mount. EBUSY as PlyfsError. */
  detach(options: DriverOptions, isLazy: boolean): void;
}
