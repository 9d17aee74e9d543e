/** The messages between the main thread of a mount and the thread that serves it. */

import type { ErrorCode } from '../base/error-codes.js';
import type { Attachment, DriverOptions } from '../fuse/driver.js';
import type { MountedImage } from '../mount/mount-request.js';
import type { OverlayConfig } from '../overlay/config.js';
import type { DriverName } from './drivers.js';

/** To the serving thread. */
export type ServeOrder =
  | {
      kind: 'open';
      driver: DriverName;
      config: OverlayConfig;
      image: MountedImage | undefined;
      options: DriverOptions;
      counters: SharedArrayBuffer;
    }
  /** `locks` are descriptors to be closed when the mount is gone. */
  | { kind: 'serve'; attachment: Attachment; locks: readonly number[] }
  | { kind: 'leave' };

/** From the serving thread. `failed` carries what a PlyfsError needs. */
export type ServeReport = { kind: 'opened' } | { kind: 'ready' } | { kind: 'ended' } | ServeFailure;

export interface ServeFailure {
  kind: 'failed';
  code: ErrorCode;
  message: string;
  stack: string;
}
