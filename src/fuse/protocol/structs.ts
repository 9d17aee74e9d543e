/** The structures of the FUSE protocol we read or write, by their names in include/uapi/linux/fuse.h (7.31 to 7.45). */

import { struct } from './struct.js';

export const inHeader = struct('fuse_in_header', [
  ['len', 'u32'],
  ['opcode', 'u32'],
  ['unique', 'skip64'],
  ['nodeid', 'u64'],
  ['uid', 'u32'],
  ['gid', 'u32'],
  ['pid', 'u32'],
  ['total_extlen', 'u16'],
  ['padding', 'skip16'],
]);

/** `unique` is copied as two words, never decoded: it is not ours. */
export const outHeader = struct('fuse_out_header', [
  ['len', 'u32'],
  ['error', 'i32'],
  ['unique', 'skip64'],
]);

const attrFields = [
  ['ino', 'u64'],
  ['size', 'u64'],
  ['blocks', 'u64'],
  ['atime', 'i64'],
  ['mtime', 'i64'],
  ['ctime', 'i64'],
  ['atimensec', 'u32'],
  ['mtimensec', 'u32'],
  ['ctimensec', 'u32'],
  ['mode', 'u32'],
  ['nlink', 'u32'],
  ['uid', 'u32'],
  ['gid', 'u32'],
  ['rdev', 'u32'],
  ['blksize', 'u32'],
  ['flags', 'skip32'],
] as const;

export const entryOut = struct('fuse_entry_out', [
  ['nodeid', 'u64'],
  ['generation', 'skip64'],
  ['entry_valid', 'u64'],
  ['attr_valid', 'u64'],
  ['entry_valid_nsec', 'u32'],
  ['attr_valid_nsec', 'u32'],
  ...attrFields,
]);

export const attrOut = struct('fuse_attr_out', [
  ['attr_valid', 'u64'],
  ['attr_valid_nsec', 'u32'],
  ['dummy', 'skip32'],
  ...attrFields,
]);

export const statxIn = struct('fuse_statx_in', [
  ['getattr_flags', 'u32'],
  ['reserved', 'skip32'],
  ['fh', 'u64'],
  ['sx_flags', 'u32'],
  ['sx_mask', 'u32'],
]);

/** fuse_statx_out with its fuse_statx and fuse_sx_time members laid out flat. */
export const statxOut = struct('fuse_statx_out', [
  ['attr_valid', 'u64'],
  ['attr_valid_nsec', 'u32'],
  ['flags', 'skip32'],
  ['spare0', 'skip64'],
  ['spare1', 'skip64'],
  ['mask', 'u32'],
  ['blksize', 'u32'],
  ['attributes', 'skip64'],
  ['nlink', 'u32'],
  ['uid', 'u32'],
  ['gid', 'u32'],
  ['mode', 'u16'],
  ['spare2', 'skip16'],
  ['ino', 'u64'],
  ['size', 'u64'],
  ['blocks', 'u64'],
  ['attributes_mask', 'skip64'],
  ['atime', 'i64'],
  ['atimensec', 'u32'],
  ['reserved0', 'skip32'],
  ['btime', 'i64'],
  ['btimensec', 'u32'],
  ['reserved1', 'skip32'],
  ['ctime', 'i64'],
  ['ctimensec', 'u32'],
  ['reserved2', 'skip32'],
  ['mtime', 'i64'],
  ['mtimensec', 'u32'],
  ['reserved3', 'skip32'],
  ['rdev_major', 'u32'],
  ['rdev_minor', 'u32'],
  ['dev_major', 'u32'],
  ['dev_minor', 'u32'],
  ...Array.from({ length: 14 }, (_, index) => [`spare${index + 4}`, 'skip64'] as const),
]);

export const initIn = struct('fuse_init_in', [
  ['major', 'u32'],
  ['minor', 'u32'],
  ['max_readahead', 'u32'],
  ['flags', 'u32'],
  ['flags2', 'u32'],
  ...Array.from({ length: 11 }, (_, index) => [`unused${index}`, 'skip32'] as const),
]);

export const initOut = struct('fuse_init_out', [
  ['major', 'u32'],
  ['minor', 'u32'],
  ['max_readahead', 'u32'],
  ['flags', 'u32'],
  ['max_background', 'u16'],
  ['congestion_threshold', 'u16'],
  ['max_write', 'u32'],
  ['time_gran', 'u32'],
  ['max_pages', 'u16'],
  ['map_alignment', 'skip16'],
  ['flags2', 'u32'],
  ['max_stack_depth', 'u32'],
  ['request_timeout', 'skip16'],
  ...Array.from({ length: 11 }, (_, index) => [`unused${index}`, 'skip16'] as const),
]);

export const forgetIn = struct('fuse_forget_in', [['nlookup', 'u64']]);
export const batchForgetIn = struct('fuse_batch_forget_in', [
  ['count', 'u32'],
  ['dummy', 'skip32'],
]);
export const forgetOne = struct('fuse_forget_one', [
  ['nodeid', 'u64'],
  ['nlookup', 'u64'],
]);

export const getattrIn = struct('fuse_getattr_in', [
  ['getattr_flags', 'u32'],
  ['dummy', 'skip32'],
  ['fh', 'u64'],
]);

/** Times are signed: a file may be older than 1970. */
export const setattrIn = struct('fuse_setattr_in', [
  ['valid', 'u32'],
  ['padding', 'skip32'],
  ['fh', 'u64'],
  ['size', 'offset'],
  ['lock_owner', 'skip64'],
  ['atime', 'time'],
  ['mtime', 'time'],
  ['ctime', 'time'],
  ['atimensec', 'u32'],
  ['mtimensec', 'u32'],
  ['ctimensec', 'u32'],
  ['mode', 'u32'],
  ['unused4', 'skip32'],
  ['uid', 'u32'],
  ['gid', 'u32'],
  ['unused5', 'skip32'],
]);

export const mknodIn = struct('fuse_mknod_in', [
  ['mode', 'u32'],
  ['rdev', 'u32'],
  ['umask', 'u32'],
  ['padding', 'skip32'],
]);
export const mkdirIn = struct('fuse_mkdir_in', [
  ['mode', 'u32'],
  ['umask', 'u32'],
]);
export const renameIn = struct('fuse_rename_in', [['newdir', 'u64']]);
export const rename2In = struct('fuse_rename2_in', [
  ['newdir', 'u64'],
  ['flags', 'u32'],
  ['padding', 'skip32'],
]);
export const linkIn = struct('fuse_link_in', [['oldnodeid', 'u64']]);

export const openIn = struct('fuse_open_in', [
  ['flags', 'u32'],
  ['open_flags', 'u32'],
]);
export const createIn = struct('fuse_create_in', [
  ['flags', 'u32'],
  ['mode', 'u32'],
  ['umask', 'u32'],
  ['open_flags', 'u32'],
]);
export const openOut = struct('fuse_open_out', [
  ['fh', 'u64'],
  ['open_flags', 'u32'],
  ['backing_id', 'i32'],
]);
export const releaseIn = struct('fuse_release_in', [
  ['fh', 'u64'],
  ['flags', 'u32'],
  ['release_flags', 'u32'],
  ['lock_owner', 'skip64'],
]);

/** READ, READDIR and READDIRPLUS. An offset within a directory is ours, of a file below 2^63. */
export const readIn = struct('fuse_read_in', [
  ['fh', 'u64'],
  ['offset', 'offset'],
  ['size', 'u32'],
  ['read_flags', 'u32'],
  ['lock_owner', 'skip64'],
  ['flags', 'u32'],
  ['padding', 'skip32'],
]);
export const writeIn = struct('fuse_write_in', [
  ['fh', 'u64'],
  ['offset', 'offset'],
  ['size', 'u32'],
  ['write_flags', 'u32'],
  ['lock_owner', 'skip64'],
  ['flags', 'u32'],
  ['padding', 'skip32'],
]);
export const writeOut = struct('fuse_write_out', [
  ['size', 'u32'],
  ['padding', 'skip32'],
]);

export const kstatfs = struct('fuse_kstatfs', [
  ['blocks', 'u64'],
  ['bfree', 'u64'],
  ['bavail', 'u64'],
  ['files', 'u64'],
  ['ffree', 'u64'],
  ['bsize', 'u32'],
  ['namelen', 'u32'],
  ['frsize', 'u32'],
  ['padding', 'skip32'],
  ...Array.from({ length: 6 }, (_, index) => [`spare${index}`, 'skip32'] as const),
]);

export const fsyncIn = struct('fuse_fsync_in', [
  ['fh', 'u64'],
  ['fsync_flags', 'u32'],
  ['padding', 'skip32'],
]);

/** The short form, up to 7.32 and wherever SETXATTR_EXT was not agreed on. */
export const setxattrCompatIn = struct('fuse_setxattr_in', [
  ['size', 'u32'],
  ['flags', 'u32'],
]);
export const setxattrIn = struct('fuse_setxattr_in', [
  ['size', 'u32'],
  ['flags', 'u32'],
  ['setxattr_flags', 'u32'],
  ['padding', 'skip32'],
]);
export const getxattrIn = struct('fuse_getxattr_in', [
  ['size', 'u32'],
  ['padding', 'skip32'],
]);
export const getxattrOut = struct('fuse_getxattr_out', [
  ['size', 'u32'],
  ['padding', 'skip32'],
]);

export const fallocateIn = struct('fuse_fallocate_in', [
  ['fh', 'u64'],
  ['offset', 'offset'],
  ['length', 'offset'],
  ['mode', 'u32'],
  ['padding', 'skip32'],
]);
/** lseek(2) takes negative offsets, and the kernel hands them on. */
export const lseekIn = struct('fuse_lseek_in', [
  ['fh', 'u64'],
  ['offset', 'offset'],
  ['whence', 'u32'],
  ['padding', 'skip32'],
]);
export const lseekOut = struct('fuse_lseek_out', [['offset', 'u64']]);
export const copyFileRangeIn = struct('fuse_copy_file_range_in', [
  ['fh_in', 'u64'],
  ['off_in', 'offset'],
  ['nodeid_out', 'u64'],
  ['fh_out', 'u64'],
  ['off_out', 'offset'],
  ['len', 'offset'],
  ['flags', 'u64'],
]);
export const copyFileRangeOut = struct('fuse_copy_file_range_out', [['bytes_copied', 'u64']]);

/** Extensions behind a request (7.38): header, then for FUSE_EXT_GROUPS a count and the groups. */
export const extHeader = struct('fuse_ext_header', [
  ['size', 'u32'],
  ['type', 'u32'],
]);

export const dirent = struct('fuse_dirent', [
  ['ino', 'u64'],
  ['off', 'u64'],
  ['namelen', 'u32'],
  ['type', 'u32'],
]);

export const ioctlIn = struct('fuse_ioctl_in', [
  ['fh', 'skip64'],
  ['flags', 'u32'],
  ['cmd', 'u32'],
  ['arg', 'skip64'],
  ['in_size', 'u32'],
  ['out_size', 'u32'],
]);
export const ioctlOut = struct('fuse_ioctl_out', [
  ['result', 'i32'],
  ['flags', 'u32'],
  ['in_iovs', 'u32'],
  ['out_iovs', 'u32'],
]);
