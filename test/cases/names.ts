/** Making, removing and linking names: whiteouts left behind, directories replaced, hard links, odd names and deep paths. */

import { unsupported } from '../../src/fuse/libfuse/unsupported.js';
import type { Case } from '../support/case.js';

const long = 'n'.repeat(255);
const part = 'p'.repeat(250);
const deepPath = Array.from({ length: 15 }, () => part).join('/');
const noIndex = 'without index a hard link is broken by copy-up, with it the format differs';

/** The operations that go down into and out of `depth` directories with names of 250 bytes. */
function deep(depth: number, make: boolean): string {
  return Array.from({ length: depth }, () => (make ? `mkdir ${part}\ncd ${part}` : `cd ${part}`)).join('\n');
}

export const nameCases: readonly Case[] = [
  {
    name: 'OV-38 unlink of a lower-only name leaves exactly one whiteout, of an upper-only name none',
    lower: ['file low; file both; dir d; file d/low; dir e; file e/x', 'file low; file bottom; file d/low'],
    upper: 'file up; file both; file d/up',
    run: `
      unlink low
      unlink up
      unlink both
      unlink bottom
      unlink d/low
      unlink d/up
      rmtree e
      unlink low -> ENOENT`,
    view: 'dir d',
    upperAfter: 'whiteout low; whiteout both; whiteout bottom; dir d; whiteout d/low; whiteout e',
  },
  {
    name: 'a name that is made again after its whiteout is an ordinary upper object; removed again it is one whiteout',
    lower: ['file a = low; file b = low; symlink l -> low; dir d; file d/x'],
    run: `
      unlink a
      put a "new"
      unlink b
      mkdir b
      unlink l
      mknod l fifo
      rmtree d
      put d "file"
      read d -> "file"
      unlink d
      stat d -> ENOENT`,
    view: 'file a = new; dir b; fifo l',
    upperAfter: 'file a = new; dir b; opaque b; fifo l; whiteout d',
  },
  {
    name: 'OV-5 rmdir of a merged directory whose entries are all whiteouts succeeds; made again it is empty',
    lower: ['dir d 0700 uid=9 xattr:user.k=v; file d/a; dir d/s; file d/s/b'],
    run: `
      rmdir d -> ENOTEMPTY
      unlink d/a
      rmdir d/s -> ENOTEMPTY
      unlink d/s/b
      rmdir d/s
      rmdir d
      stat d -> ENOENT
      mkdir d
      ls d -> 
      get d mode -> 0755
      listx d -> 
      put d/new "n"
      dropcaches
      ls d -> new`,
    view: 'dir d; file d/new = n',
    upperAfter: 'dir d; opaque d; file d/new = n',
  },
  {
    name: 'OV-5 rmdir of a directory in three layers leaves one whiteout',
    lower: ['dir d; whiteout d/a', 'dir d; file d/a'],
    upper: 'dir d',
    run: 'rmdir d',
    view: '',
    upperAfter: 'whiteout d',
  },
  {
    name: 'a directory made where no lower layer has one is not opaque',
    lower: ['dir p'],
    run: 'mkdir d\nmkdir p/d\nput p/d/f "1"',
    view: 'dir d; dir p/d; file p/d/f = 1',
    upperAfter: 'dir d; dir p/d; file p/d/f = 1',
    differs: { kernel: 'marks every directory made in a merged one opaque' },
  },
  {
    name: 'what exists cannot be made again, and what is missing cannot be removed',
    lower: ['file f; dir d; symlink l -> f; symlink dangling -> nowhere'],
    run: `
      create f -> EEXIST
      mkdir f -> EEXIST
      mkdir d -> EEXIST
      mkdir l -> EEXIST
      symlink x dangling -> EEXIST
      mknod f fifo -> EEXIST
      link f d -> EEXIST
      unlink nope -> ENOENT
      rmdir nope -> ENOENT
      rmdir f -> ENOTDIR
      unlink d -> EISDIR
      unlink f/x -> ENOTDIR
      mkdir nope/x -> ENOENT
      mkdir f/x -> ENOTDIR
      link d d2 -> EPERM
      rename nope x -> ENOENT
      readlink f -> EINVAL
      rmdir d/. -> EINVAL`,
    upperAfter: '',
  },
  {
    name: 'OV-40 link to a lower file copies it up; both names share an inode',
    lower: ['file a 0640 uid=3 xattr:user.k=v = content; dir d'],
    run: 'i = get a ino\nlink a d/b\nget d/b ino -> $i\nget a ino -> $i\nget a nlink -> 2\nwrite d/b "C"\nread a -> "Content"\nunlink a\nget d/b nlink -> 1',
    view: 'dir d; file d/b 0640 uid=3 xattr:user.k=v = Content',
    upperAfter: 'whiteout a; dir d; file d/b 0640 uid=3 xattr:user.k=v = Content',
  },
  {
    name: 'OV-40 symlinks and FIFOs can be linked',
    lower: ['symlink l -> x; fifo p; chr c 1:3'],
    run: 'link l l2\nlink p p2\nlink c c2\nget l2 kind -> symlink\nget l nlink -> 2',
    view: 'symlink l -> x; link l2 -> l; fifo p; link p2 -> p; chr c 1:3; link c2 -> c',
  },
  {
    name: 'OV-23 hard-linked lower files stay linked across copy-up and remount',
    lower: ['file a = same; link b -> a; dir d; link d/c -> a'],
    run: `
      i = get a ino
      get a nlink -> 3
      write a "S"
      read b -> "Same"
      get b ino -> $i
      get d/c nlink -> 3
      remount
      read d/c -> "Same"
      get b nlink -> 3
      append b "!"
      read a -> "Same!"
      unlink a
      get b nlink -> 2`,
    view: 'file b = Same!; dir d; link d/c -> b',
    differs: { kernel: noIndex },
  },
  {
    name: 'OV-23 a chmod of one name of a lower hard link shows in the others',
    lower: ['file a; link b -> a'],
    run: 'chmod b 0600\nget a mode -> 0600\nremount\nchown a 4:4\nget b owner -> 4:4',
    view: 'file a 0600 uid=4 gid=4; link b -> a',
    differs: { kernel: noIndex },
  },
  {
    name: 'OV-23 names of a lower hard link are removed and renamed one by one',
    lower: ['file a = x; link b -> a; link c -> a'],
    run: 'unlink a\nget b nlink -> 2\nrename b d\nread d -> "x"\nget c ino\nput e "1"\nrename e c\nread d -> "x"',
    view: 'file c = 1; file d = x',
    differs: { kernel: noIndex },
  },
  {
    name: 'OV-23 a lower file that is open by a removed name is written in its other name too, seen or not',
    lower: ['file a = one; link b -> a; file c = one; link d -> c; file e = one; link g -> e'],
    run: `
      f = open a rw
      unlink a
      pwrite f 0 "two" -> 3
      read b -> "two"
      h = open c rw
      unlink c
      read d -> "one"
      get d nlink -> 1
      pwrite h 0 "two" -> 3
      read d -> "two"
      i = open e rw
      unlink e
      write g "two"
      pread i 0 -> "two"`,
    view: 'file b = two; file d = two; file g = two',
    differs: { kernel: noIndex },
  },
  {
    name: 'an upper file that is open by a removed name is read and written by its other name too, which nobody had seen',
    lower: [''],
    upper: 'file a = one; link b -> a',
    run: `
      f = open a rw
      unlink a
      read b -> "one"
      pwrite f 0 "two" -> 3
      read b -> "two"
      write b "three"
      pread f 0 -> "three"
      get b nlink -> 1`,
    view: 'file b = three',
  },
  {
    name: 'OV-23 removing one name of a lower hard link copies nothing',
    lower: ['file a pattern=1:5000; link b -> a; link c -> a'],
    run: 'get c nlink -> 3\nunlink a\nget c nlink -> 2\nunlink b\ndropcaches\nget c nlink -> 1',
    upperAfter: 'whiteout a; whiteout b',
    differs: { kernel: noIndex },
  },
  {
    name: 'OV-23 names of a lower hard link stay one file when a directory above them is renamed, seen or not, before a remount or after',
    lower: [
      'dir d; dir d/s; file d/s/a = 1; link d/s/b -> d/s/a; dir e; dir e/s; file e/s/a = 2; link top -> e/s/a; link e/s/b -> e/s/a; dir p',
    ],
    run: `
      get d/s/a nlink -> 2
      rename d p/d2
      append p/d2/s/a "x"
      read p/d2/s/b -> "1x"
      rename e p/e2
      remount
      append top "y"
      read p/e2/s/a -> "2y"
      read p/e2/s/b -> "2y"
      get top nlink -> 3`,
    view: 'dir p; dir p/d2; dir p/d2/s; file p/d2/s/a = 1x; link p/d2/s/b -> p/d2/s/a; dir p/e2; dir p/e2/s; file p/e2/s/a = 2y; link p/e2/s/b -> p/e2/s/a; link top -> p/e2/s/a',
    differs: { kernel: noIndex },
  },
  {
    name: 'OV-23 a lower hard link whose other name is whited out in between',
    lower: ['whiteout b', 'file a = x; link b -> a'],
    run: 'write a "y"\nstat b -> ENOENT\nread a -> "y"',
    upperAfter: 'file a = y',
  },
  {
    name: 'fuse-overlayfs: link right after unlink of the other name works',
    lower: ['file a = 1'],
    run: 'link a b\nunlink a\nlink b a\nunlink b\nlink a b\nread b -> "1"',
    view: 'file a = 1; link b -> a',
  },
  {
    name: 'fuse-overlayfs: rm -r of a merged directory leaves nothing in the work directory',
    lower: ['dir d; dir d/e; file d/e/f; file d/g; dir keep', 'dir d; file d/h; dir d/e; file d/e/i'],
    upper: 'dir d; file d/u; dir d/e; file d/e/v',
    run: 'rmtree d\nstat d -> ENOENT\nmkdir d\nput d/x "1"\nrmtree d',
    view: 'dir keep',
    upperAfter: 'whiteout d',
  },
  {
    name: 'names are 255 bytes of any kind but / and NUL',
    lower: [
      `file ${long} = low; file \\xff\\xfe\\x01 = bytes; file \\xe4\\x20\\x5c = latin; dir \\xc3\\xa4; file \\xc3\\xa4/\\x80`,
    ],
    run: `
      read ${long} -> "low"
      append ${long} "!"
      create ${long}x -> ENAMETOOLONG
      stat ${long}x -> ENAMETOOLONG
      mkdir ${'\\xff'.repeat(255)}
      unlink \\xff\\xfe\\x01
      rename \\xe4\\x20\\x5c \\xc3\\xa4/\\x81
      put \\x0a\\x0d\\x09 "control"
      symlink \\xff\\xff \\xfe
      readlink \\xfe -> \\xff\\xff`,
    view: `file ${long} = low!; dir ${'\\xff'.repeat(255)}; dir \\xc3\\xa4; file \\xc3\\xa4/\\x80; file \\xc3\\xa4/\\x81 = latin
      file \\x0a\\x0d\\x09 = control; symlink \\xfe -> \\xff\\xff`,
  },
  {
    name: 'a 255-byte lower name leaves a whiteout of 255 bytes',
    lower: [`file ${long}; dir d; file d/${long}`],
    run: `unlink ${long}\nrename d/${long} d/short`,
    view: 'dir d; file d/short',
    upperAfter: `whiteout ${long}; dir d; whiteout d/${long}; file d/short`,
  },
  {
    name: 'paths longer than 4096 bytes are reached step by step, made, changed and removed',
    lower: ['file a'],
    run: `${deep(20, true)}
      put leaf "deep"
      chmod leaf 0600
      read leaf -> "deep"
      cd /
      dropcaches
      ${deep(20, false)}
      read leaf -> "deep"
      append leaf "er"
      rename leaf leaf2
      read leaf2 -> "deeper"
      cd /
      rmtree ${part}`,
    view: 'file a',
    needsKernel: true,
  },
  {
    name: 'a lower tree of nearly 4096 bytes of path is copied up where it is',
    lower: [`file ${deepPath}/leaf = low`],
    run: `${deep(15, false)}\nappend leaf "!"\nput leaf2 "new"`,
    view: `file ${deepPath}/leaf = low!; file ${deepPath}/leaf2 = new`,
    needsKernel: true,
  },
  {
    name: 'a symlink may hold 4095 bytes, any bytes, and lead nowhere',
    lower: [`symlink low -> ${'a/'.repeat(2000)}b`],
    run: `symlink ${'t'.repeat(4095)} l\nreadlink l -> ${'t'.repeat(4095)}\nreadlink low -> ${'a/'.repeat(2000)}b\nget l size -> 4095\nsymlink ../../../etc/passwd out`,
  },
  {
    name: 'OV-42 an open file lives on after its last name is gone: lower, upper and copied up',
    lower: ['file low = lower; file cop = copied'],
    upper: 'file up = upper',
    run: `
      l = open low r
      u = open up rw
      c = open cop rw
      pwrite c 0 "C" -> 1
      unlink low
      unlink up
      unlink cop
      pread l 0 -> "lower"
      pread u 0 -> "upper"
      pwrite u 5 " more" -> 5
      pread u 0 -> "upper more"
      pread c 0 -> "Copied"
      fget u nlink -> 0
      ftruncate u 2
      fchmod u 0600
      fget u size -> 2
      fget u mode -> 0600
      put up "another"
      pread u 0 -> "up"
      close l
      close u
      close c`,
    view: 'file up = another',
    upperAfter: 'whiteout low; file up = another; whiteout cop',
  },
  {
    name: 'OV-42 what is open after its last name is gone has nlink 0, lower files and directories too',
    lower: ['file low; dir d'],
    run: 'l = open low r\nd = open d r dir\nunlink low\nrmdir d\nfget l nlink -> 0\nfget d nlink -> 0\nclose l\nclose d',
    view: '',
    needsKernel: true,
    differs: { kernel: 'shows the nlink of the lower object', 'fuse-native': unsupported.removedDirectory.reason },
  },
  {
    name: 'OV-42 a file opened for writing before it was unlinked takes its first write afterwards',
    lower: ['file a = lower'],
    run: 'w = open a rw\nunlink a\npwrite w 0 "W" -> 1\npread w 0 -> "Wower"\nfsetx w user.k "v"\nfgetx w user.k -> "v"\nclose w',
    view: '',
    upperAfter: 'whiteout a',
  },
  {
    name: 'OV-42 an open file survives being replaced by a rename',
    lower: ['file a = old; file b = new'],
    run: 'f = open a rw\nrename b a\nread a -> "new"\npread f 0 -> "old"\npwrite f 0 "O" -> 1\npread f 0 -> "Old"\nread a -> "new"\nclose f',
    view: 'file a = new',
  },
  {
    name: 'a directory that is open when it is removed is empty and takes nothing new',
    lower: ['dir d; file d/x'],
    run: 'd = open d r dir\nunlink d/x\nrmdir d\ngetdents d -> ENOENT\nclose d',
    view: '',
    needsKernel: true,
  },
  {
    name: 'OV-42 an upper directory that is open when it is removed keeps its attributes, which can be changed',
    lower: ['dir merged; file merged/x'],
    upper: 'dir up 0700; dir merged',
    run: `
      m = open merged r dir
      u = open up r dir
      fsetx u user.before "b"
      unlink merged/x
      rmdir merged
      rmdir up
      fchmod m 0701
      fget m mode -> 0701
      fchmod u 0755
      fchown u 5:6
      fgetx u user.before -> "b"
      fsetx u user.after "a"
      fgetx u user.after -> "a"
      fget u mode -> 0755
      fget u owner -> 5:6
      fsync u
      close m
      close u`,
    view: '',
    upperAfter: 'whiteout merged',
    needsKernel: true,
    differs: { 'fuse-native': unsupported.removedDirectory.reason },
  },
  {
    name: 'OV-42 a lower directory that is open when it is removed keeps its attributes, which can be changed',
    lower: ['dir low 0750 uid=3 xattr:user.k=v'],
    run: `
      l = open low r dir
      rmdir low
      fget l mode -> 0750
      fgetx l user.k -> "v"
      fchmod l 0711
      fchown l 5:6
      fsetx l user.k "new"
      fget l mode -> 0711
      fget l owner -> 5:6
      fgetx l user.k -> "new"
      mkdir low
      get low mode -> 0755
      close l`,
    view: 'dir low',
    upperAfter: 'dir low; opaque low',
    needsKernel: true,
    differs: { kernel: 'refuses the change with ENOTDIR', 'fuse-native': unsupported.removedDirectory.reason },
  },
  {
    name: 'OV-42 an upper symlink or FIFO whose last name goes while it is held can still be read and changed',
    lower: [''],
    upper: 'symlink up -> there; fifo pipe 0644',
    run: `
      u = open up path nofollow
      p = open pipe rw
      unlink up
      unlink pipe
      readlinkfd u -> there
      fchmod p 0600
      fget p mode -> 0600
      close u
      close p`,
    view: '',
    needsKernel: true,
    differs: { 'fuse-native': unsupported.removedDirectory.reason },
  },
  {
    name: 'OV-42 a lower symlink or FIFO whose last name goes while it is held can still be read and changed',
    lower: ['symlink low -> target; fifo lowpipe 0644'],
    run: `
      l = open low path nofollow
      q = open lowpipe rw
      unlink low
      unlink lowpipe
      readlinkfd l -> target
      fchmod q 0604
      fget q mode -> 0604
      close l
      close q`,
    view: '',
    upperAfter: 'whiteout low; whiteout lowpipe',
    needsKernel: true,
    differs: { kernel: 'gives the FIFO its name back', 'fuse-native': unsupported.removedDirectory.reason },
  },
  {
    name: 'nothing can be made in a directory that was removed while it was the working directory',
    lower: ['dir d'],
    run: 'cd d\nrmdir ../d\ncreate x -> ENOENT\nmkdir x -> ENOENT\nsymlink y x -> ENOENT\ncd /\nmkdir d\nls d -> ',
    view: 'dir d',
    needsKernel: true,
  },
  {
    name: 'O_TMPFILE makes a file without a name, which link can give it',
    lower: ['dir d; file d/x'],
    run: `
      t = open d rw tmpfile 0640
      fget t nlink -> 0
      pwrite t 0 "temporary" -> 9
      pread t 0 -> "temporary"
      ls d -> x
      linkfd t d/named
      fget t nlink -> 1
      u = open . rw tmpfile
      pwrite u 0 "gone" -> 4
      close u
      linkfd t d/x -> EEXIST
      close t`,
    view: 'dir d; file d/x; file d/named 0640 = temporary',
    upperAfter: 'dir d; file d/named 0640 = temporary',
    differs: { 'fuse-native': unsupported.tmpfile.reason },
    needsKernel: true,
  },
  {
    name: 'O_TMPFILE with O_EXCL can never get a name',
    lower: ['dir d'],
    run: 't = open d rw tmpfile excl\nlinkfd t d/x -> ENOENT\nclose t',
    view: 'dir d',
    differs: { 'fuse-native': unsupported.tmpfile.reason },
    needsKernel: true,
  },
  {
    name: 'OV-7 rm -rf of 5,000 names, merged from two layers, finds every one while it deletes',
    lower: [`dir d; ${Array.from({ length: 2500 }, (_, i) => `file d/lower${i}`).join('; ')}`],
    run: 'many d/upper 2500\ncount d -> 5000\ndropcaches\nrmtree d\nstat d -> ENOENT',
    view: '',
    upperAfter: 'whiteout d',
  },
  {
    name: 'OV-7 positions of a big directory can be returned to (telldir, seekdir), and rewinding sees new names',
    lower: [`dir d; ${Array.from({ length: 300 }, (_, i) => `file d/lower${i}`).join('; ')}`],
    run: `many d/upper 300
      h = open d r dir
      seekdir h -> same
      create d/late
      rewind h
      count d -> 601
      close h`,
  },
  {
    name: 'OV-7 each name is listed once, be it in many layers',
    lower: [
      'dir d; file d/a; file d/b; dir d/s',
      'dir d; file d/b; file d/c; dir d/s',
      'dir d; file d/a; file d/c; file d/e; dir d/s',
    ],
    upper: 'dir d; file d/a; whiteout d/e; file d/z',
    run: 'ls d -> a b c s z\ncount d -> 5\nh = open d r dir\nunlink d/b\ncreate d/y\nls d -> a c s y z',
  },
];
