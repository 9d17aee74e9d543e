/** Inode flags as chattr(1) and lsattr(1) have them (FS_IOC_GETFLAGS, linux/fs.h), and the other spelling of the same (FS_IOC_FSGETXATTR). */

export const FS_SYNC_FL = 0x08;
export const FS_IMMUTABLE_FL = 0x10;
export const FS_APPEND_FL = 0x20;
export const FS_NODUMP_FL = 0x40;
export const FS_NOATIME_FL = 0x80;
/** The two that protect a file from change. */
export const protectionFlags = FS_IMMUTABLE_FL | FS_APPEND_FL;

/** [FS_*_FL, FS_XFLAG_*] */
const spellings: readonly (readonly [number, number])[] = [
  [FS_IMMUTABLE_FL, 0x08],
  [FS_APPEND_FL, 0x10],
  [FS_SYNC_FL, 0x20],
  [FS_NOATIME_FL, 0x40],
  [FS_NODUMP_FL, 0x80],
];

export function xflagsOf(flags: number): number {
  return spellings.reduce((xflags, [flag, xflag]) => ((flags & flag) === 0 ? xflags : xflags | xflag), 0);
}

/** `flags` with those replaced that xflags can say. */
export function withXflags(flags: number, xflags: number): number {
  return spellings.reduce((all, [flag, xflag]) => ((xflags & xflag) === 0 ? all & ~flag : all | flag), flags);
}
