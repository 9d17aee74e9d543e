/** What a mount of the fuse-native driver does otherwise than one of the direct driver, and why. The case list skips by it (test/cases), and
 *  native-notes/fuse-native.md shows it as a table; a test compares the two. */

export interface Limit {
  /** What somebody wants of the mount. */
  readonly what: string;
  /** What the direct driver does. */
  readonly direct: string;
  /** What this driver does instead. */
  readonly here: string;
  /** Why: a clause. */
  readonly reason: string;
}

export const unsupported = {
  caller: {
    what: 'new files belong to who makes them',
    direct: "the caller's uid and gid, or the group of a setgid directory",
    here: 'they belong to the user the daemon runs as (the group of a setgid directory still counts)',
    reason: 'the addon does not tell who calls',
  },
  callerRights: {
    what: '`trusted.*` names are listed to root alone',
    direct: 'yes',
    here: 'they are listed to everybody; reading and writing them is still for root alone',
    reason: 'the addon does not tell who calls',
  },
  setgid: {
    what: 'a write by an ordinary user drops setgid from a file that its group may not execute',
    direct: 'no: the kernel does not ask for it',
    here: 'no',
    reason: 'the kernel does not ask for it, as with the direct driver',
  },
  acl: {
    what: 'POSIX ACLs',
    direct: 'the kernel checks them, new objects inherit default ACLs',
    here: 'they are kept and shown, not enforced; what is inherited is cut by the umask',
    reason: 'libfuse 2 cannot agree on POSIX_ACL and DONT_MASK with the kernel',
  },
  renameFlags: {
    what: 'RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_WHITEOUT',
    direct: 'yes',
    here: 'EINVAL',
    reason: 'libfuse 2 has no RENAME2',
  },
  tmpfile: { what: 'O_TMPFILE', direct: 'yes', here: 'EOPNOTSUPP', reason: 'libfuse 2 has no TMPFILE' },
  fallocate: {
    what: 'fallocate, also punching holes',
    direct: 'yes',
    here: 'EOPNOTSUPP',
    reason: 'fuse-native has no fallocate',
  },
  seek: {
    what: 'SEEK_DATA, SEEK_HOLE',
    direct: 'the holes of the file',
    here: 'every file is one piece of data (its holes stay holes on the disk)',
    reason: 'libfuse 2 has no LSEEK',
  },
  copyRange: {
    what: 'copy_file_range',
    direct: 'in the daemon, sharing blocks where the disk can',
    here: 'the kernel reads and writes, as cp did of old',
    reason: 'libfuse 2 has no COPY_FILE_RANGE',
  },
  setTimes: {
    what: 'times that are set',
    direct: 'to the nanosecond; one without the other too',
    here: 'to the millisecond; setting one alone (touch -m) does nothing, without an error',
    reason: 'the addon passes milliseconds, and libfuse calls it only for both times',
  },
  birthTime: { what: 'birth time', direct: 'yes', here: 'none', reason: 'libfuse 2 has no STATX' },
  removedDirectory: {
    what: 'a removed directory, symlink or FIFO that is still open, and open files that were in such a directory',
    direct: 'go on',
    here: 'ENOENT',
    reason: 'libfuse 2 addresses by path',
  },
  replacedAtOnce: {
    what: 'a rename over an open file is one step',
    direct: 'yes',
    here: 'the name is missing for a moment',
    reason: 'libfuse 2 hides the open file first',
  },
  hardLinks: {
    what: 'names of one file share pages and locks',
    direct: 'yes',
    here: 'while both are open, each name has pages and locks of its own; attributes are asked for each time',
    reason: 'libfuse 2 has an inode for each path',
  },
  caching: {
    what: 'io=writeback, io=passthrough',
    direct: 'yes',
    here: 'a warning; every write is a request, and so is every stat of a writable mount',
    reason: 'libfuse 2 agrees on neither',
  },
  capability: {
    what: 'a write to a file without capabilities is one request',
    direct: 'yes',
    here: 'two: the kernel asks for security.capability first',
    reason: 'libfuse 2 cannot agree on HANDLE_KILLPRIV',
  },
  inodeFlags: {
    what: 'chattr, lsattr',
    direct: '+i and +a, and the disk’s own',
    here: 'ENOTTY',
    reason: 'the addon has no ioctl',
  },
  flags: {
    what: 'nodiratime, strictatime, lazytime, nosymfollow',
    direct: 'yes',
    here: 'a warning, and no effect',
    reason: 'libfuse 2 does not know them',
  },
  mountPoint: {
    what: 'mounting on what is a mount point already',
    direct: 'yes',
    here: 'refused; a path of more than 1,023 bytes too',
    reason: 'fuse-native refuses it',
  },
  machine: {
    what: 'architectures',
    direct: 'x64, arm64',
    here: 'x64, fuse-native 2.2.6 and no other version',
    reason: 'its binary is for x64, and the driver reads its memory',
  },
} as const satisfies Record<string, Limit>;

/** The table for the notes: a row for each limit. */
export function limitTable(): string {
  const rows = Object.values<Limit>(unsupported).map(
    ({ what, direct, here, reason }) => `| ${what} | ${direct} | ${here} | ${reason} |`,
  );
  return ['| what | direct | fuse-native | why |', '|---|---|---|---|', ...rows].join('\n');
}
