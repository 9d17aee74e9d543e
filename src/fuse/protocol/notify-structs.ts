/** The structures of notifications, by their names in include/uapi/linux/fuse.h. */

import { struct } from './struct.js';

export const notifyInvalInode = struct('fuse_notify_inval_inode_out', [
  ['ino', 'u64'],
  ['off', 'i64'],
  ['len', 'i64'],
]);
export const notifyInvalEntry = struct('fuse_notify_inval_entry_out', [
  ['parent', 'u64'],
  ['namelen', 'u32'],
  ['flags', 'u32'],
]);
export const notifyDelete = struct('fuse_notify_delete_out', [
  ['parent', 'u64'],
  ['child', 'u64'],
  ['namelen', 'u32'],
  ['padding', 'skip32'],
]);
export const notifyStore = struct('fuse_notify_store_out', [
  ['nodeid', 'u64'],
  ['offset', 'u64'],
  ['size', 'u32'],
  ['padding', 'skip32'],
]);
export const notifyPrune = struct('fuse_notify_prune_out', [
  ['count', 'u32'],
  ['padding', 'skip32'],
  ['spare', 'skip64'],
]);
