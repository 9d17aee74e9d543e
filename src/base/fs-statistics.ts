/** What statvfs(3) tells of a file system, in the units of statfs(2) and of FUSE's kstatfs. */
export interface FsStatistics {
  blocks: number;
  bfree: number;
  bavail: number;
  files: number;
  ffree: number;
  bsize: number;
  frsize: number;
  namelen: number;
}
