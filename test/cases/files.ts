/** What is done to open files: bytes, sizes, holes, copies, times, numbers. */

import { unsupported } from '../../src/fuse/libfuse/unsupported.js';
import type { Case } from '../support/case.js';
import { showData } from '../support/operations.js';
import { patternBytes } from '../support/tree.js';

/** A pattern with another one in its middle. */
const patched = patternBytes(5, 3000000);
patternBytes(6, 100000).copy(patched, 1234567);

export const fileCases: readonly Case[] = [
  {
    name: 'reads and writes at any offset of a lower and of an upper file',
    lower: ['file a pattern=1:20000'],
    upper: 'file b pattern=2:20000',
    run: `
      f = open a rw
      g = open b rw
      pwrite f 4095 "across a page" -> 13
      pread f 4090 30
      pwrite g 30000 "past the end" -> 12
      pread g 29998 14 -> "\\x00\\x00past the end"
      pread g 40000 10 -> ""
      fget g size -> 30012
      ftruncate f 5000
      ftruncate f 6000
      pread f 4999 3
      fget f size -> 6000
      fsync f
      fdatasync g`,
    needsKernel: true,
  },
  {
    name: 'a big write arrives byte for byte',
    lower: ['file a = short'],
    run: `
      put a pattern:5:3000000
      put b pattern:5:3000000
      write a pattern:6:100000 1234567
      dropcaches
      read b -> ${showData(patternBytes(5, 3000000))}
      read a -> ${showData(patched)}`,
  },
  {
    name: 'O_APPEND writes at the end whatever was written elsewhere',
    lower: ['file a = 123'],
    run: 'f = open a w append\nappend a "4"\nfwrite f "5" -> 1\nread a -> "12345"',
    view: 'file a = 12345',
  },
  {
    name: 'truncate to zero, to less, to more, to the same, and refused on a directory',
    lower: ['file zero = 123; file less = 123; file more = 123; file same = 123; dir d'],
    run: 'truncate zero 0\ntruncate less 1\ntruncate more 6\ntruncate same 3\ntruncate d 0 -> EISDIR\ntruncate nope 0 -> ENOENT',
    view: 'file zero; file less = 1; file more size=6 = 123; file same = 123; dir d',
  },
  {
    name: 'fallocate makes room, punches holes and refuses what it cannot do',
    lower: ['file a pattern=1:20000'],
    run: `
      f = open a rw
      fallocate f plain 0 40000
      fget f size -> 40000
      fallocate f keep 40000 40000
      fget f size -> 40000
      fallocate f punch 4096 8192
      seekhole f 0 -> 4096
      seekdata f 4096 -> 12288
      fallocate f zero 16384 100
      fallocate f plain 0 0 -> EINVAL
      r = open a r
      fallocate r plain 0 10 -> EBADF`,
    needsKernel: true,
    differs: { 'fuse-native': unsupported.fallocate.reason },
  },
  {
    name: 'SEEK_HOLE and SEEK_DATA find the holes of lower and upper files',
    lower: ['file low size=1048576 at=65536 = data'],
    upper: 'file up size=1048576 at=131072 = data; file solid = abc',
    run: `
      l = open low r
      u = open up r
      s = open solid r
      seekdata l 0 -> 65536
      seekhole l 65536 -> 69632
      seekdata l 69632 -> ENXIO
      seekhole l 0 -> 0
      seekdata u 0 -> 131072
      seekdata s 0 -> 0
      seekhole s 0 -> 3
      seekdata s 3 -> ENXIO
      seekhole s 4 -> ENXIO`,
    differs: { 'fuse-native': unsupported.seek.reason },
  },
  {
    name: 'copy_file_range copies from lower to upper and within a file',
    lower: ['file from pattern=9:300000; file into = x'],
    run: `
      a = open from r
      b = open into rw
      copyrange a 1000 b 1 200000 -> 200000
      fget b size -> 200001
      copyrange b 1 b 300000 10 -> 10
      copyrange a 299990 b 0 100 -> 10
      copyrange a 300000 b 0 100 -> 0
      c = open new rw creat
      copyrange a 0 c 0 300000 -> 300000
      close c
      read new`,
    needsKernel: true,
  },
  {
    name: 'new files have birth, change and modification times of now; birth stays',
    lower: ['file low mtime=1000'],
    run: `
      put a "1"
      b = get a btime
      utimes a 1 1
      append a "2"
      get a btime -> $b
      get a mtime -> not 1`,
  },
  {
    name: 'the mtime of a written file does not move when the caches are dropped, nor at a remount',
    lower: ['file low = low'],
    run: `
      put a pattern:1:100000
      write low "L"
      f = open b rw creat
      fwrite f "text" -> 4
      a = get a mtime
      l = get low mtime
      b = get b mtime
      close f
      get b mtime -> $b
      dropcaches
      get a mtime -> $a
      get low mtime -> $l
      get b mtime -> $b
      remount
      get a mtime -> $a
      get low mtime -> $l
      get b mtime -> $b`,
  },
  {
    name: 'times keep their nanoseconds, before 1970 and after 2038',
    lower: ['file low mtime=5; symlink l -> low; dir d'],
    run: `
      utimes low 1.000000001 -1.5
      get low atime -> 1.000000001
      get low mtime -> -1.5
      put a "x"
      utimes a -100.999999999 4000000000.123456789
      get a atime -> -100.999999999
      get a mtime -> 4000000000.123456789
      utimes l 3 4.25
      get l mtime -> 4.25
      utimes d 1 2.000000002
      get d mtime -> 2.000000002
      utimes a omit 7
      get a atime -> -100.999999999
      get a mtime -> 7
      utimes a 8.5 omit
      get a mtime -> 7
      utimes a now now
      get a mtime -> not 7`,
    differs: { 'fuse-native': unsupported.setTimes.reason },
  },
  {
    name: 'a change of content, of names and of attributes moves the times that POSIX says',
    lower: ['dir d mtime=1000; file d/a mtime=1000 = x; dir e mtime=1000; file e/b'],
    run: `
      m = get d mtime
      c = get d ctime
      create d/new
      get d mtime -> not $m
      get d ctime -> not $c
      chmod d/a 0600
      get d/a mtime -> 1000
      append d/a "y"
      get d/a mtime -> not 1000
      rename e/b d/b
      get e mtime -> not 1000
      truncate d/new 0
      utimes d/new 5 5
      truncate d/new 10
      get d/new mtime -> not 5`,
  },
  {
    name: 'st_ino is constant over copy-up, equal to d_ino, and the same after a remount',
    lower: ['file a; dir d; file d/b; symlink l -> a; dir d/e', 'dir d; file d/c; file z'],
    upper: 'file u; dir d; file d/v',
    run: `
      a = get a ino
      b = get d/b ino
      d = get d ino
      e = get d/e ino
      l = get l ino
      u = get u ino
      z = get z ino
      chmod a 0600
      append d/b "x"
      chown l 1:1
      chmod d/e 0700
      get a ino -> $a
      get d/b ino -> $b
      get d ino -> $d
      get d/e ino -> $e
      get l ino -> $l
      dino a -> $a
      dino d/b -> $b
      dino d -> $d
      dino l -> $l
      rename d/b d/e/b2
      get d/e/b2 ino -> $b
      dino d/e/b2 -> $b
      dropcaches
      get a ino -> $a
      get d/e/b2 ino -> $b
      remount
      get a ino -> $a
      get d/e/b2 ino -> $b
      get d ino -> $d
      get d/e ino -> $e
      get l ino -> $l
      get u ino -> $u
      get z ino -> $z
      dino d/e/b2 -> $b
      dino l -> $l`,
  },
  {
    name: 'OV-37 st_dev is one for all objects of the view',
    lower: ['file a; dir d; file d/b'],
    upper: 'file u; dir e',
    run: 'd = get . dev\nget a dev -> $d\nget d dev -> $d\nget d/b dev -> $d\nget u dev -> $d\nget e dev -> $d',
  },
  {
    name: 'directories count their subdirectories in nlink',
    lower: ['dir d; dir d/a; dir d/b; file d/f', 'dir d; dir d/c'],
    run: 'get d nlink -> 5\nmkdir d/e\nget d nlink -> 6\nrmdir d/a\nget d nlink -> 5\nrename d/b b\nget d nlink -> 4\nget . nlink -> 4',
    differs: { kernel: 'a merged directory has nlink 1' },
  },
  {
    name: 'OV-43 statfs tells of the file system the upper lies on',
    lower: ['file a'],
    run: 'statfs . namelen -> 255\nstatfs a bsize -> 4096\nb = statfs . blocks\nstatfs a blocks -> $b',
  },
  {
    name: 'special files are made with their device numbers, and a character device 0:0 is refused',
    lower: ['dir d'],
    run: `
      umask 0
      mknod c chr 0600 1:3
      mknod b blk 0640 7:300
      mknod d/p fifo 0622
      mknod s sock
      get b rdev -> 7:300
      mknod zero chr 0600 0:0 -> EPERM`,
    view: 'chr c 0600 1:3; blk b 0640 7:300; dir d; fifo d/p 0622; sock s',
  },
  {
    name: 'flock and a second descriptor exclude each other',
    lower: ['file a'],
    run: 'f = open a r\ng = open a r\nflock f ex\nflock g ex -> EAGAIN\nflock f un\nflock g ex',
    needsKernel: true,
  },
  {
    name: 'places that no file reaches: EFBIG for what changes one, its end for what reads',
    lower: ['file low = low'],
    upper: 'file up = up',
    run: `
      l = open low r
      u = open up rw
      pread l 9007199254740992 -> ""
      pread l 4611686018427387904 -> ""
      seekhole u -9223372036854775807 -> ENXIO
      seekdata l 4611686018427387904 -> ENXIO
      ftruncate u 4611686018427387904 -> EFBIG
      fallocate u plain 4611686018427387904 1 -> EFBIG
      copyrange l 0 u 4611686018427387904 3 -> EFBIG
      read up -> "up"
      close l
      close u`,
    needsKernel: true,
    differs: { 'fuse-native': unsupported.fallocate.reason },
  },
  {
    name: 'O_DIRECT reads and writes',
    lower: ['file a pattern=4:8192'],
    run: 'f = open a r direct\nread a\ng = open a w trunc\nfget g size -> 0\nclose f\nclose g',
    needsKernel: true,
  },
];
