/** What statx(2) tells of an object: plain numbers in a reusable record, so that asking makes no garbage. */

export class Attributes {
  /** Device of the file system it lies on, as st_dev (makedev). */
  dev = 0;
  /** Below 2^53; larger inode numbers of a foreign file system are folded by whoever fills this. */
  ino = 0;
  /** Kind and permission bits. */
  mode = 0;
  nlink = 0;
  uid = 0;
  gid = 0;
  /** Device number of a chr or blk object, as the kernel's new_encode_dev (the 32-bit form FUSE and stat share). */
  rdev = 0;
  /** Bytes. */
  size = 0;
  /** Units of 512 bytes. */
  blocks = 0;
  blksize = 4096;
  /** Whole seconds since 1970, may be negative; nanoseconds 0..999999999 on top. */
  atimeSec = 0;
  atimeNsec = 0;
  mtimeSec = 0;
  mtimeNsec = 0;
  ctimeSec = 0;
  ctimeNsec = 0;
  /** Birth time; 0 and 0 where the file system keeps none. */
  btimeSec = 0;
  btimeNsec = 0;
}

/** 32-bit device number from its parts: the layout of new_encode_dev in the kernel (12 bits major, 20 bits minor). */
export function makeDevice(major: number, minor: number): number {
  return ((minor & 0xff) | ((major & 0xfff) << 8) | ((minor & ~0xff) << 12)) >>> 0;
}

export function deviceMajor(device: number): number {
  return (device >>> 8) & 0xfff;
}

export function deviceMinor(device: number): number {
  return ((device & 0xff) | ((device >>> 12) & 0xfff00)) >>> 0;
}
