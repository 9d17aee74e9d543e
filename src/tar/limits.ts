/** What a reader of archives accepts before it refuses: the bounds on memory and work that hostile input can cause. */

export interface TarLimits {
  /** Bytes of one path or link target. Linux itself stops at 4096 a call. */
  readonly pathBytes: number;
  /** Bytes of one PAX header (all its records), so also of one entry's xattrs. */
  readonly paxBytes: number;
  /** Entries of one archive, implied directories counted: an index holds about 60 bytes and the name for each. */
  readonly entries: number;
  /** Data ranges of one sparse file. */
  readonly sparseExtents: number;
  /** Bytes that a compressed stream may give. */
  readonly outputBytes: number;
  /** Bytes out for each byte in, looked at from `ratioFromBytes` of output on; an archive of empty files reaches about 500. */
  readonly ratio: number;
  readonly ratioFromBytes: number;
}

export const defaultLimits: TarLimits = {
  pathBytes: 64 * 1024,
  paxBytes: 1024 * 1024,
  entries: 10_000_000,
  sparseExtents: 1_000_000,
  outputBytes: 1024 ** 4,
  ratio: 2000,
  ratioFromBytes: 1024 ** 3,
};
