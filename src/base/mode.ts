/** File modes, kinds and directory-entry types (sys/stat.h, dirent.h). The d_type is the top four bits of the mode. */

export const S_IFMT = 0o170000;
export const S_IFSOCK = 0o140000;
export const S_IFLNK = 0o120000;
export const S_IFREG = 0o100000;
export const S_IFBLK = 0o060000;
export const S_IFDIR = 0o040000;
export const S_IFCHR = 0o020000;
export const S_IFIFO = 0o010000;
export const S_ISUID = 0o4000;
export const S_ISGID = 0o2000;
export const S_ISVTX = 0o1000;

/** d_type values; 0 says that the file system does not tell. */
export const dirType = { unknown: 0, fifo: 1, chr: 2, dir: 4, blk: 6, reg: 8, lnk: 10, sock: 12 } as const;

export function isDirectory(mode: number): boolean {
  return (mode & S_IFMT) === S_IFDIR;
}
export function isRegular(mode: number): boolean {
  return (mode & S_IFMT) === S_IFREG;
}
export function isSymlink(mode: number): boolean {
  return (mode & S_IFMT) === S_IFLNK;
}

/** The d_type of a mode. */
export function typeOfMode(mode: number): number {
  return (mode & S_IFMT) >>> 12;
}

const kindNames = new Map<number, string>([
  [dirType.fifo, 'fifo'],
  [dirType.chr, 'chr'],
  [dirType.dir, 'dir'],
  [dirType.blk, 'blk'],
  [dirType.reg, 'file'],
  [dirType.lnk, 'symlink'],
  [dirType.sock, 'sock'],
]);

/** `dir`, `file`, `symlink`, `fifo`, `chr`, `blk`, `sock`: the words of the tree language and the traces. */
export function kindName(type: number): string {
  return kindNames.get(type) ?? 'unknown';
}

const kindSentences = new Map<number, string>([
  [dirType.fifo, 'a FIFO'],
  [dirType.chr, 'a character device'],
  [dirType.dir, 'a directory'],
  [dirType.blk, 'a block device'],
  [dirType.reg, 'a file'],
  [dirType.lnk, 'a symlink'],
  [dirType.sock, 'a socket'],
]);

/** The kind in a sentence for people: `a directory`. */
export function kindWords(type: number): string {
  return kindSentences.get(type) ?? 'of no known kind';
}
