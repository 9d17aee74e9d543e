/** The table of `-o` options. Sources: overlayfs.rst of the kernel, fuse-overlayfs(1), mount(8), fuse(8). README, "Mount options", says the
 *  same to users. */

import { PlyfsError } from '../base/errors.js';
import type { IdMap, IdRange } from '../overlay/config.js';
import type { MountOptions } from './mount-option-values.js';
import { splitPaths, unescapeValue } from './option-string.js';

export type Row =
  | { takes: 'nothing'; apply: (options: MountOptions) => void }
  | { takes: 'value'; apply: (options: MountOptions, value: string, name: string) => void }
  /** `fsync`, `fsync=0`, `fsync=1`. */
  | { takes: 'switch'; apply: (options: MountOptions, isOn: boolean) => void }
  /** No meaning here. `values`: what may be written after `=`; `quiet`: the values (or `''` for none) that need no warning. */
  | { takes: 'anything'; reason: string; values?: readonly string[]; quiet?: readonly string[] };

/** The row of the option `name`; undefined for an unknown one. */
export function rowOf(name: string): Row | undefined {
  if (Object.hasOwn(rows, name)) return rows[name];
  // Remarks of fstab for userspace, which mount(8) keeps to itself or hands on.
  return /^[xX]-/.test(name) ? silent : undefined;
}

/** The refusal of `value`; `advice` says what to write. */
export function badValue(name: string, value: string, advice: string): PlyfsError {
  const shown = value.length > 60 ? `${value.slice(0, 60)}...` : value;
  return new PlyfsError('bad-option', `option ${name} cannot be "${shown}": ${advice}`);
}

/** `a, b or c`. */
export function orList(values: readonly string[]): string {
  return values.length < 2 ? values.join() : `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`;
}

function choice<const Words extends readonly string[]>(
  words: Words,
  apply: (options: MountOptions, word: Words[number]) => void,
): Row {
  return {
    takes: 'value',
    apply: (options, value, name) => {
      const word = words.find((each) => each === value);
      if (word === undefined) throw badValue(name, value, `use ${orList(words)}`);
      apply(options, word);
    },
  };
}

const path = (apply: (options: MountOptions, path: string) => void): Row => ({
  takes: 'value',
  apply: (options, value, name) => {
    if (value === '') throw badValue(name, value, 'it needs the path of a directory');
    apply(options, unescapeValue(value));
  },
});

const id = (apply: (options: MountOptions, id: number) => void): Row => ({
  takes: 'value',
  apply: (options, value, name) => apply(options, idValue(value, name)),
});

/** 2^32 - 1 is (uid_t)-1, which is no id. */
function idValue(value: string, name: string): number {
  if (!/^\d{1,10}$/.test(value) || Number(value) > 0xfffffffe) throw badValue(name, value, 'use a number from 0 to 4294967294');
  return Number(value);
}

const seconds = (apply: (options: MountOptions, seconds: number) => void): Row => ({
  takes: 'value',
  apply: (options, value, name) => {
    if (!/^\d+(\.\d+)?$/.test(value)) throw badValue(name, value, 'use a number of seconds, 0 or more');
    apply(options, Number(value));
  },
});

const nothing = (apply: (options: MountOptions) => void): Row => ({ takes: 'nothing', apply });
const ignored = (reason: string, values?: readonly string[], quiet?: readonly string[]): Row => ({
  takes: 'anything',
  reason,
  ...(values && { values }),
  ...(quiet && { quiet }),
});
const silent: Row = { takes: 'anything', reason: '' };

const idMapping = (apply: (options: MountOptions, map: IdMap) => void): Row => ({
  takes: 'value',
  apply: (options, value, name) => apply(options, readIdMap(value, name)),
});

function setFsync(options: MountOptions, isOn: boolean): void {
  options.isVolatile = !isOn;
}

/** `onDisk:shown:count[:...]`, as fuse-overlayfs reads them; containers/storage writes an empty word before the first. */
function readIdMap(value: string, name: string): IdMap {
  const words = value.split(':').filter((word) => word !== '');
  const ranges: IdRange[] = [];
  for (let at = 0; at < words.length; at += 3) {
    const [onDisk, shown, count] = words.slice(at, at + 3).map((word) => idValue(word, name));
    if (onDisk === undefined || shown === undefined || count === undefined || count === 0) {
      throw badValue(name, value, 'use ondisk:shown:count, three numbers a range');
    }
    ranges.push({ onDisk, shown, count });
  }
  if (ranges.length === 0 || overlap(ranges, 'onDisk') || overlap(ranges, 'shown')) {
    throw badValue(name, value, 'use ranges ondisk:shown:count that do not overlap');
  }
  return ranges;
}

function overlap(ranges: readonly IdRange[], side: 'onDisk' | 'shown'): boolean {
  const sorted = ranges.toSorted((a, b) => a[side] - b[side]);
  return sorted.some((range, index) => index > 0 && sorted[index - 1]![side] + sorted[index - 1]!.count > range[side]);
}

/** Empty elements at the ends come from callers that join lists; `::` in the middle is the kernel's mark of data-only layers. */
function readLayers(options: MountOptions, value: string): void {
  const layers = splitPaths(value);
  const first = layers.findIndex((layer) => layer !== '');
  const last = layers.findLastIndex((layer) => layer !== '');
  const inner = layers.slice(first, last + 1);
  if (first < 0) throw badValue('lowerdir', value, 'it needs at least one directory');
  if (inner.includes(''))
    throw badValue('lowerdir', value, 'data-only layers (after ::) are not supported, write \\: for a colon');
  options.layers.push(...inner);
}

/** mount(2) flags and their opposites. */
const flagPairs = [
  ['nosuid', 'suid'],
  ['nodev', 'dev'],
  ['noexec', 'exec'],
  ['noatime', 'atime'],
  ['nodiratime', 'diratime'],
  ['relatime', 'norelatime'],
  ['strictatime', 'nostrictatime'],
  ['lazytime', 'nolazytime'],
  ['nosymfollow', 'symfollow'],
  ['dirsync', 'nodirsync'],
] as const;

const flagRows = Object.fromEntries(
  flagPairs.flatMap(([flag, opposite]) => [
    [flag, nothing((o) => o.mountFlags.add(flag))],
    [opposite, nothing((o) => o.mountFlags.delete(flag))],
  ]),
);

const tuning = 'the driver chooses by itself';
const switchValues = ['0', '1', 'on', 'off'];

const rows: Readonly<Record<string, Row>> = {
  // The stack.
  lowerdir: { takes: 'value', apply: readLayers },
  'lowerdir+': path((o, layer) => o.layers.push(layer)),
  upperdir: path((o, upper) => {
    o.upper = upper;
  }),
  workdir: path((o, work) => {
    o.work = work;
  }),
  // Owners.
  uidmapping: idMapping((o, map) => {
    o.uidMapping = map;
  }),
  gidmapping: idMapping((o, map) => {
    o.gidMapping = map;
  }),
  squash_to_root: nothing((o) => {
    o.squashToUid ??= 0;
    o.squashToGid ??= 0;
  }),
  squash_to_uid: id((o, uid) => {
    o.squashToUid = uid;
  }),
  squash_to_gid: id((o, gid) => {
    o.squashToGid = gid;
  }),
  // What the view does.
  ro: nothing((o) => {
    o.isReadOnly = true;
  }),
  remount: nothing((o) => {
    o.isRemount = true;
  }),
  rw: nothing((o) => {
    o.isReadOnly = false;
  }),
  volatile: nothing((o) => {
    o.isVolatile = true;
  }),
  fsync: { takes: 'switch', apply: setFsync },
  sync: { takes: 'switch', apply: setFsync },
  async: silent,
  force_dirty: nothing((o) => {
    o.isForcedDirty = true;
  }),
  static_nlink: nothing((o) => {
    o.staticNlink = true;
  }),
  xino: choice(['off', 'auto', 'on'], (o, word) => {
    o.xino = word;
  }),
  noacl: nothing((o) => {
    o.posixAcl = false;
  }),
  acl: nothing((o) => {
    o.posixAcl = true;
  }),
  userxattr: nothing((o) => {
    o.userXattr = true;
  }),
  redirect_dir: choice(['on', 'off', 'follow', 'nofollow'], (o, word) => {
    o.redirectDir = word === 'on';
  }),
  wh_names: choice(['refuse', 'allow'], (o, word) => {
    o.whNames = word;
  }),
  // How it is served.
  driver: choice(['direct', 'fuse-native'], (o, word) => {
    o.driver = word;
  }),
  io: choice(['auto', 'cached', 'writeback', 'passthrough'], (o, word) => {
    o.io = word;
  }),
  writeback: {
    takes: 'switch',
    apply: (o, isOn) => {
      o.io = isOn ? 'writeback' : 'cached';
    },
  },
  timeout: seconds((o, timeout) => {
    o.timeoutSec = timeout;
  }),
  spin_us: id((o, us) => {
    o.spinUs = us;
  }),
  awake: choice(['auto', 'on', 'off'], (o, word) => {
    o.awake = word;
  }),
  debug: nothing((o) => {
    o.isDebug = true;
  }),
  // The mount itself.
  allow_other: nothing((o) => {
    o.allowOther = true;
  }),
  allow_root: ignored('use allow_other to let other users in'),
  default_permissions: nothing((o) => {
    o.defaultPermissions = true;
  }),
  fsname: path((o, source) => {
    o.source = source;
  }),
  subtype: silent,
  ...flagRows,
  // Accepted: kernel overlayfs.
  index: ignored('hard links are kept over copy-up without an index', ['on', 'off', 'nofollow'], ['off']),
  metacopy: ignored('files are copied up whole', ['on', 'off'], ['off']),
  nfs_export: ignored('the mount cannot be exported by NFS', ['on', 'off'], ['off']),
  uuid: ignored('the file system id is the mount’s own', ['on', 'off', 'null', 'auto'], ['off', 'null', 'auto']),
  verity: { takes: 'value', apply: readVerity },
  'datadir+': { takes: 'value', apply: refuseDataLayer },
  override_creds: ignored('the daemon always acts with its own rights'),
  // Accepted: SELinux.
  context: ignored('labels are not set on this mount'),
  fscontext: ignored('labels are not set on this mount'),
  defcontext: ignored('labels are not set on this mount'),
  rootcontext: ignored('labels are not set on this mount'),
  // Accepted: fuse-overlayfs.
  xattr_permissions: ignored('owners and modes are kept in the inode, not in an xattr', ['0', '1', '2'], ['0']),
  ino32_t: ignored('inode numbers keep 64 bits'),
  fast_ino: ignored(tuning, switchValues),
  fast_ino_check: ignored(tuning, switchValues),
  noxattrs: ignored('xattrs are always served', switchValues, ['0']),
  threaded: ignored(tuning, switchValues),
  plugins: ignored('there are no plugins'),
  // Accepted: libfuse.
  attr_timeout: ignored('use timeout=SECONDS, one value for names and attributes'),
  entry_timeout: ignored('use timeout=SECONDS, one value for names and attributes'),
  negative_timeout: ignored('use timeout=SECONDS, one value for names and attributes'),
  auto_unmount: ignored('a dead mount is replaced by the next plyfs mount'),
  max_read: ignored(tuning),
  max_write: ignored(tuning),
  max_readahead: ignored(tuning),
  max_background: ignored(tuning),
  congestion_threshold: ignored(tuning),
  max_idle_threads: ignored(tuning),
  max_threads: ignored(tuning),
  clone_fd: ignored(tuning),
  kernel_cache: ignored(tuning),
  auto_cache: ignored(tuning),
  direct_io: ignored(tuning),
  big_writes: ignored(tuning),
  async_read: ignored(tuning),
  sync_read: ignored(tuning),
  splice_read: ignored(tuning),
  splice_write: ignored(tuning),
  splice_move: ignored(tuning),
  no_splice_read: ignored(tuning),
  no_splice_write: ignored(tuning),
  no_splice_move: ignored(tuning),
  use_ino: ignored(tuning),
  readdir_ino: ignored(tuning),
  hard_remove: ignored(tuning),
  nonempty: silent,
  // Remarks of fstab for mount(8).
  defaults: silent,
  auto: silent,
  noauto: silent,
  user: silent,
  nouser: silent,
  users: silent,
  owner: silent,
  group: silent,
  nofail: silent,
  _netdev: silent,
  comment: silent,
  mand: silent,
  nomand: silent,
  silent: silent,
  loud: silent,
};

/** To ignore `require` would be to drop a promise about the bytes. */
function readVerity(options: MountOptions, value: string, name: string): void {
  if (value === 'require') throw badValue(name, value, 'plyfs does not check fs-verity digests, leave the option out');
  if (value === 'on') options.warnings.push('option verity is ignored: fs-verity digests are not checked');
  else if (value !== 'off') throw badValue(name, value, 'use on or off');
}

function refuseDataLayer(_options: MountOptions, value: string, name: string): void {
  throw badValue(name, value, 'data-only layers are not supported');
}
