/** What a caller asks to be mounted, and what becomes of it once it was checked. */

import type { Digest } from '../base/digest.js';
import type { PullPolicy } from '../base/pull-policy.js';
import type { DriverOptions } from '../fuse/driver.js';
import type { PreparedLayer } from '../oci/prepared-layer.js';
import type { OverlayConfig } from '../overlay/config.js';
import { closeFd } from '../sys/open.js';
import type { FixedOptions } from './fixed-options.js';
import type { MountOptions } from './mount-option-values.js';

/** An image or a container instead of layer directories. */
export interface ImageRequest {
  /** A container's name or ID; an image's name, ID or digest in the store; or the path of an archive, layout or root tar. */
  text: string;
  /** With an upper; in a new container where none is named. */
  isWritable?: boolean;
  platform?: string;
  pull?: PullPolicy;
  /** Only the layers up to this one (1 is the bottom), or this one alone. */
  upto?: number;
  only?: number;
}

/** The image of a mount: plain data, which the serving thread opens. */
export interface MountedImage {
  label: string;
  storeRoot: string;
  /** Top first. */
  layers: readonly PreparedLayer[];
  /** The image of the store that the mount uses; undefined for an archive. */
  id: Digest | undefined;
}

export interface MountRequest {
  options: MountOptions;
  image?: ImageRequest;
  /** As written. */
  target: string;
  /** Relative paths start here. */
  cwd: string;
  /** The form for people (--layer, --upper): a missing upper is made, and a missing work directory beside it. */
  makesUpper: boolean;
  isForeground: boolean;
}

/** The real paths of what a mount writes to. */
export interface Writable {
  upper: string;
  work: string;
}

/** A mount that can be made: real paths, everything claimed. */
export interface PreparedMount {
  driver: 'direct' | 'fuse-native';
  config: OverlayConfig;
  image: MountedImage | undefined;
  driverOptions: DriverOptions;
  /** As the caller named them, for records: the upper also of a read-only mount. */
  upper: string | undefined;
  work: string | undefined;
  claims: Claims;
  /** For the record. */
  fixedOptions: FixedOptions;
}

/** What was made or taken for a mount that may still fail. */
export class Claims {
  private undos: (() => void)[] = [];
  private locks: number[] = [];

  add(undo: () => void): void {
    this.undos.push(undo);
  }

  /** A descriptor that is locked for as long as it is open. */
  addLock(fd: number): void {
    this.locks.push(fd);
  }

  /** The locks are whoever closes them now: the thread that serves the mount, the moment it is gone. */
  releaseLocks(): number[] {
    const locks = this.locks;
    this.locks = [];
    return locks;
  }

  /** The mount is made: what was made for it stays. */
  keep(): void {
    this.undos = [];
  }

  /** Gives everything back, the last first. Safe to repeat. */
  undo(): void {
    for (let undo = this.undos.pop(); undo !== undefined; undo = this.undos.pop()) undo();
    for (const fd of this.releaseLocks()) closeFd(fd);
  }
}
