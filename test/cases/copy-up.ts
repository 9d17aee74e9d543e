/** Copy-up: when it happens, what it keeps, and what must not show of it. */

import { unsupported } from '../../src/fuse/libfuse/unsupported.js';
import type { Case } from '../support/case.js';

const granules = 'copies data in pieces of 1 MiB, filling the holes between';
const staleMap = 'a map made before the copy-up keeps showing the old file';

/** A static x86-64 ELF program that calls pause(2) for ever, as content of the tree language. */
const pauseProgram =
  '\\x7f\\x45\\x4c\\x46\\x02\\x01\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\x3e\\x00\\x01\\x00\\x00\\x00\\x78\\x00\\x40\\x00\\x00\\x00\\x00\\x00\\x40\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x40\\x00\\x38\\x00\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x01\\x00\\x00\\x00\\x05\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x40\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x40\\x00\\x00\\x00\\x00\\x00\\x81\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x81\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x10\\x00\\x00\\x00\\x00\\x00\\x00\\xb8\\x22\\x00\\x00\\x00\\x0f\\x05\\xeb\\xf7';

export const copyUpCases: readonly Case[] = [
  {
    name: 'OV-11 reading, listing and pointing at a file copies nothing up',
    lower: ['file a = A; dir d; file d/b = B; symlink l -> a'],
    run: 'read a -> "A"\nf = open d/b r\npread f 0 -> "B"\nreadlink l -> a\nls d\nstat d/b\nlistx a\nsymlink a s\naccess a rw',
    upperAfter: 'symlink s -> a',
  },
  {
    name: 'OV-11 writing, truncating, and changing mode, owner, times and xattrs copy the file up, and that file alone',
    lower: [
      'file w = 123; file t = 123; file m = 123; file o = 123; file u = 123; file x = 123; file h = 123; file r = 123; dir d; file d/a; file d/b',
    ],
    run: `
      write w "9"
      truncate t 1
      chmod m 0600
      chown o 5:6
      utimes u 1 2
      setx x user.k "v"
      link h h2
      append d/a "z"
      read r -> "123"`,
    view: `file w = 923; file t = 1; file m 0600 = 123; file o uid=5 gid=6 = 123; file u mtime=2 = 123; file x xattr:user.k=v = 123
      file h = 123; link h2 -> h; file r = 123; dir d; file d/a = z; file d/b`,
    upperAfter: `file w = 923; file t = 1; file m 0600 = 123; file o uid=5 gid=6 = 123; file u mtime=2 = 123; file x xattr:user.k=v = 123
      file h = 123; link h2 -> h; dir d; file d/a = z`,
  },
  {
    name: 'OV-12 copy-up keeps owner, mode, nanosecond times and xattrs, and makes the missing parents with theirs',
    lower: [
      `dir p 0711 uid=3 gid=4 xattr:user.dir=1 xattr:trusted.dir=2; dir p/q 0777 uid=5 mtime=77.000000007
      file p/q/f 0640 uid=1 gid=2 mtime=1234.123456789 xattr:user.a=1 xattr:trusted.b=2 xattr:security.c=3 = content`,
    ],
    run: 'setx p/q/f user.new "n"',
    view: `dir p 0711 uid=3 gid=4 xattr:user.dir=1 xattr:trusted.dir=2; dir p/q 0777 uid=5 mtime=77.000000007
      file p/q/f 0640 uid=1 gid=2 mtime=1234.123456789 xattr:user.a=1 xattr:user.new=n xattr:trusted.b=2 xattr:security.c=3 = content`,
    upperAfter: `dir p 0711 uid=3 gid=4 xattr:user.dir=1 xattr:trusted.dir=2; dir p/q 0777 uid=5 mtime=77.000000007
      file p/q/f 0640 uid=1 gid=2 mtime=1234.123456789 xattr:user.a=1 xattr:user.new=n xattr:trusted.b=2 xattr:security.c=3 = content`,
  },
  {
    name: 'OV-12 symlinks, FIFOs and devices keep times, owners and xattrs across copy-up (fuse-overlayfs loses them)',
    lower: [
      `symlink l uid=7 gid=8 mtime=99.5 xattr:trusted.t=1 -> some/target; fifo p 0600 mtime=98.000000001 xattr:trusted.t=2
      chr c 0660 1:3 gid=9 mtime=97 xattr:trusted.t=3; sock s mtime=96`,
    ],
    run: 'setx l trusted.n "1"\nsetx p trusted.n "1"\nchown c 1:9\nchown s 2:2\nutimes s 1 95.25',
    upperAfter: `symlink l uid=7 gid=8 mtime=99.5 xattr:trusted.t=1 xattr:trusted.n=1 -> some/target; fifo p 0600 mtime=98.000000001 xattr:trusted.t=2 xattr:trusted.n=1
      chr c 0660 1:3 uid=1 gid=9 mtime=97 xattr:trusted.t=3; sock s uid=2 gid=2 mtime=95.25`,
  },
  {
    name: 'OV-12 setuid, setgid and sticky bits survive the copy-up of a chmod-free change',
    lower: ['file s 06755 = x; dir d 03777; file d/f 02750'],
    run: 'setx s user.k "1"\nsetx d user.k "1"\nutimes d/f 1 1',
    view: 'file s 06755 xattr:user.k=1 = x; dir d 03777 xattr:user.k=1; file d/f 02750 mtime=1',
  },
  {
    name: 'OV-14 a big file is whole when it is copied up',
    lower: ['file big pattern=1:3000000'],
    run: 'write big "XYZ" 1500000\nf = open big r\npread f 1499998 7\nread big',
  },
  {
    name: 'OV-41 chmod of a lower directory copies up the directory, not its children',
    lower: ['dir d; file d/a = 1; dir d/e; file d/e/b'],
    run: 'chmod d 0700',
    view: 'dir d 0700; file d/a = 1; dir d/e; file d/e/b',
    upperAfter: 'dir d 0700',
  },
  {
    name: 'OV-29 a read-only descriptor opened before the copy-up sees what is written after it',
    lower: ['file a = old content'],
    run: `
      r = open a r
      pread r 0 -> "old content"
      write a "NEW"
      pread r 0 -> "NEW content"
      truncate a 2
      pread r 0 -> "NE"
      fget r size -> 2
      append a "more"
      pread r 0 -> "NEmore"`,
    needsKernel: true,
  },
  {
    name: 'OV-29 a read-only descriptor sees later changes of mode, owner and xattrs',
    lower: ['file a = x'],
    run: 'r = open a r\nchmod a 0600\nchown a 4:5\nsetx a user.k "v"\nfget r mode -> 0600\nfget r owner -> 4:5\nfgetx r user.k -> "v"',
  },
  {
    name: 'OV-29 a chmod through a descriptor opened before the copy-up reaches the copy',
    lower: ['file a = x'],
    run: 'r = open a r\nwrite a "y"\nfchmod r 0611\nfchown r 1:1\nget a mode -> 0611\nget a owner -> 1:1\nread a -> "y"',
  },
  {
    name: 'OV-27 a shared map made before the copy-up sees what is written after it',
    lower: ['file a pattern=3:8192'],
    run: `
      f = open a r
      m = mmap f 8192
      peek m 4
      write a "WXYZ"
      peek m 4 -> "WXYZ"
      write a "tail" 4096
      peek m 4 -> "WXYZ"`,
    differs: { kernel: staleMap },
    needsKernel: true,
  },
  {
    name: 'a writable shared map of a lower file writes to the upper',
    lower: ['file a pattern=3:8192'],
    run: 'f = open a rw\nm = mmap f 8192 rw\npoke m "mapped"\nmunmap m\ng = open a r\npread g 0 6 -> "mapped"',
    needsKernel: true,
  },
  {
    name: 'OV-28 a lower file that is being executed cannot be written, as on ext4',
    lower: [`file prog 0755 = ${pauseProgram}`],
    run: 'start p prog\nwrite prog "x" -> ETXTBSY\ntruncate prog 0 -> ETXTBSY\nchmod prog 0700',
    needsKernel: true,
  },
  {
    name: 'OV-26 reading does not change the times of lower files',
    lower: ['file a mtime=1000 = x; dir d mtime=1000; file d/b'],
    run: 'read a\nls d\ndropcaches\nget a mtime -> 1000\nget d mtime -> 1000\nget a atime -> 1000',
  },
  {
    name: 'fuse-overlayfs: RO open, then RW open, then write must not reach the lower',
    lower: ['file a = lower data'],
    run: `
      r = open a r
      pread r 0 -> "lower data"
      w = open a rw
      pwrite w 0 "UPPER" -> 5
      pread w 0 -> "UPPER data"
      fsync w`,
    view: 'file a = UPPER data',
    upperAfter: 'file a = UPPER data',
  },
  {
    name: 'fuse-overlayfs: deleting a big lower file copies nothing',
    lower: ['file big size=1099511627776; dir d; file d/big size=1099511627776'],
    run: 'unlink big\nrmtree d\nget . nlink',
    upperAfter: 'whiteout big; whiteout d',
  },
  {
    name: 'fuse-overlayfs: sparse files stay sparse when copied up',
    lower: ['file s size=67108864 at=33554432 = middle'],
    run: `
      write s "head"
      f = open s r
      get s size -> 67108864
      pread f 33554432 6 -> "middle"
      seekdata f 4096 -> 33554432
      seekhole f 0 -> 4096
      seekhole f 33554432 -> 33558528
      get s blocks -> 16`,
    differs: { kernel: granules, 'fuse-native': unsupported.seek.reason },
  },
  {
    name: 'a hole at the end and a file that is all hole stay so when copied up',
    lower: ['file all size=1048576; file tail size=1048576 = x'],
    run: 'chmod all 0600\nchmod tail 0600\nget all size -> 1048576\nget all blocks -> 0\nget tail size -> 1048576\nget tail blocks -> 8',
    differs: { kernel: granules },
  },
  {
    name: 'O_TRUNC on a lower file gives an empty file and O_EXCL refuses it',
    lower: ['file a 0640 uid=4 = long content'],
    run: 'f = open a w creat excl -> EEXIST\nf = open a w trunc\nfget f size -> 0\nfwrite f "s" -> 1',
    view: 'file a 0640 uid=4 = s',
  },
  {
    name: 'open for writing of a lower directory is EISDIR and copies nothing',
    lower: ['dir d; file a'],
    run: 'f = open d w -> EISDIR\nf = open d rw creat -> EISDIR\nf = open a r dir -> ENOTDIR',
    upperAfter: '',
  },
  {
    name: 'a shared time: mtime before 1970 and beyond 2038 survive copy-up',
    lower: ['file old mtime=-1.5 = o; file far mtime=7000000000.999999999 = f'],
    run: 'chmod old 0600\nchmod far 0600\nutimes old omit -86400.25',
    view: 'file old 0600 mtime=-86400.25 = o; file far 0600 mtime=7000000000.999999999 = f',
    differs: { 'fuse-native': unsupported.setTimes.reason },
  },
];
