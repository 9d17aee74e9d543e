/** What an OverlayFs is made from: plain data, because the command line's side of a mount and its serving thread exchange it. */

/** One range of ids in the order of fuse-overlayfs(1), whose options these are: `count` ids from `onDisk` show as those from `shown`. */
export interface IdRange {
  onDisk: number;
  shown: number;
  count: number;
}

/** Ranges that do not overlap; an id in none of them shows as the overflow id 65534. */
export type IdMap = readonly IdRange[];

/** When access times move: `relative` as relatime, `always` as strictatime, `never` as noatime. */
export interface AccessTimeRules {
  files: 'relative' | 'always' | 'never';
  directories: 'relative' | 'always' | 'never';
}

export interface OverlayConfig {
  /** Directories, top first, absolute; none where the layers of an image are handed over opened. */
  layers: readonly string[];
  /** The command that made each layer, top first, where the image tells it. */
  history?: readonly (string | undefined)[];
  /** Both or neither; absolute, on one file system. Neither: the view is read-only. */
  upper?: string;
  work?: string;
  /** Nothing is synced, and the work directory keeps `incompat/volatile` from the first change on, as the kernel's overlayfs does. */
  isVolatile: boolean;
  /** st_nlink is 1 for every object that is no directory. */
  staticNlink: boolean;
  /** Whether inode numbers carry the number of their layer's file system in their high bits. */
  xino: 'auto' | 'on' | 'off';
  /** Ids on disk against ids in the view; undefined: the same. */
  uidMapping?: IdMap;
  gidMapping?: IdMap;
  /** Every object shows this owner, whoever owns it on disk. */
  squashToUid?: number;
  squashToGid?: number;
  /** Whether callers may create names that are OCI whiteouts (`.wh.*`). */
  whNames: 'refuse' | 'allow';
  /** Markers are written as `user.overlay.*`; undefined: chosen by what the upper's file system and our rights allow. */
  userXattr?: boolean;
  /** Owners of an image are kept in an xattr of the upper, as we may not chown. */
  keepsIds?: boolean;
  /** Renaming a lower or merged directory leaves a redirect mark; false: EXDEV, as overlayfs with redirect_dir=off. */
  redirectDir: boolean;
  posixAcl: boolean;
  accessTimes: AccessTimeRules;
  /** Names kept in memory once the kernel has forgotten them; undefined: a million. */
  namesMax?: number;
}
