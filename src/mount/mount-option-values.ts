/** The values that mount options set, with their defaults. Which option sets which is in mount-option-table.ts. */

import type { IoMode } from '../fuse/driver.js';
import type { IdMap } from '../overlay/config.js';

/** What was asked for, before any look at the disk; paths as written. */
export class MountOptions {
  /** Top first. */
  layers: string[] = [];
  upper: string | undefined;
  work: string | undefined;
  driver: 'direct' | 'fuse-native' = 'direct';
  io: IoMode = 'auto';
  isReadOnly = false;
  /** A mount that is there gets other flags. */
  isRemount = false;
  isVolatile = false;
  isForcedDirty = false;
  allowOther: boolean | undefined;
  defaultPermissions = true;
  posixAcl = true;
  staticNlink = false;
  xino: 'auto' | 'on' | 'off' = 'auto';
  uidMapping: IdMap | undefined;
  gidMapping: IdMap | undefined;
  squashToUid: number | undefined;
  squashToGid: number | undefined;
  whNames: 'refuse' | 'allow' = 'refuse';
  userXattr: boolean | undefined;
  redirectDir = true;
  timeoutSec = 1_000_000_000;
  spinUs = 50;
  awake: 'auto' | 'on' | 'off' = 'auto';
  source = 'plyfs';
  subtype = 'plyfs';
  /** For mount(2): nosuid, noatime, ... The last of a pair (dev, nodev) counts. */
  mountFlags = new Set<string>();
  isDebug = false;
  /** Sentences for stderr and the log. */
  warnings: string[] = [];
}
