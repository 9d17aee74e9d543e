/** What hides what: types, whiteouts, opaque directories, redirects, and overlay's own attributes. */

import type { Case } from '../support/case.js';
import { type Spelling, spellings } from '../support/fixture.js';

const noWhFiles = 'the kernel takes .wh. files for ordinary ones';

/** The case once for each spelling of markers. */
function inEverySpelling(one: Case, only: readonly Spelling[] = spellings): Case[] {
  return only.map((spelling) => ({
    ...one,
    name: `${one.name} [${spelling}]`,
    spelling,
    ...(spelling === 'wh' ? { differs: { ...one.differs, kernel: noWhFiles } } : {}),
  }));
}

export const markerCases: readonly Case[] = [
  {
    name: 'OV-1 an object of the upper hides the lower one of the same name unless both are directories',
    lower: ['file a = lower; dir b; file b/x; file c = lower; symlink e -> lower; fifo f; dir g; file g/low'],
    upper: 'file a = upper; file b = upper; dir c; file c/y; symlink e -> upper; chr f 1:3; dir g; file g/up',
    run: 'ls b -> ENOTDIR\nstat b/x -> ENOTDIR\nread a -> "upper"',
    view: 'file a = upper; file b = upper; dir c; file c/y; symlink e -> upper; chr f 1:3; dir g; file g/up; file g/low',
  },
  {
    name: 'OV-1 the topmost of many layers wins, name by name',
    lower: [
      'file a = 1; dir d; file d/x = 1',
      'file a = 2; file b = 2; dir d; file d/y = 2',
      'file a = 3; file b = 3; file c = 3; dir d; file d/x = 3; file d/z = 3',
    ],
    upper: 'dir d; file d/w = 0',
    view: 'file a = 1; file b = 2; file c = 3; dir d; file d/w = 0; file d/x = 1; file d/y = 2; file d/z = 3',
  },
  {
    name: "OV-2 a merged directory shows only the topmost directory's mode, owner, times and xattrs",
    lower: [
      'dir d 0711 uid=3 gid=4 mtime=300.5 xattr:user.mid=1; file d/m',
      'dir d 0777 uid=5 gid=6 mtime=100 xattr:user.low=1; file d/l; dir e 0701 uid=7 xattr:user.e=1 mtime=7',
    ],
    upper: 'dir d 0750 uid=1 gid=2 mtime=400.000000001 xattr:user.up=1',
    view: 'dir d 0750 uid=1 gid=2 mtime=400.000000001 xattr:user.up=1; file d/m; file d/l; dir e 0701 uid=7 xattr:user.e=1 mtime=7',
  },
  {
    name: 'OV-3 what lies below a non-directory is never merged, even if a directory lies further below',
    lower: ['dir d; file d/top', 'file d = stops', 'dir d; file d/bottom'],
    upper: 'dir d; file d/up',
    view: 'dir d; file d/top; file d/up',
  },
  ...inEverySpelling({
    name: 'OV-4 a whiteout hides the name in all lower layers and is itself invisible',
    lower: [
      'whiteout a; dir d; whiteout d/x; file d/z',
      'file a = 2; file b = 2; dir d; file d/x; file d/y',
      'file a = 3; dir d; dir d/x; file d/x/deep',
    ],
    run: 'stat a -> ENOENT\nstat d/x -> ENOENT\nread a -> ENOENT\nls . -> b d\nls d -> y z',
    view: 'file b = 2; dir d; file d/y; file d/z',
  }),
  ...inEverySpelling(
    {
      name: 'OV-4 a whiteout in the upper hides lower names',
      lower: ['file a; dir d; file d/x; file d/y; dir e; file e/z'],
      upper: 'whiteout a; dir d; whiteout d/x; whiteout e',
      run: 'stat a -> ENOENT\nls e -> ENOENT',
      view: 'dir d; file d/y',
    },
    ['trusted', 'user', 'wh'],
  ),
  {
    name: 'OV-4 xattr whiteouts in the upper hide lower names as well',
    lower: ['file a; dir d; file d/x; file d/y'],
    upper: 'whiteout a; dir d; whiteout d/x',
    spelling: 'xattr',
    view: 'dir d; file d/y',
    differs: { kernel: 'the kernel looks for them in lower layers only' },
  },
  {
    name: 'OV-4 a name above a whiteout shows again, without what the whiteout hid',
    lower: ['dir d; file d/new', 'whiteout d', 'dir d; file d/old'],
    view: 'dir d; file d/new',
  },
  ...inEverySpelling(
    {
      name: 'OV-6 an opaque directory hides all lower entries; whiteouts inside it do nothing and stay invisible',
      lower: ['opaque d; file d/new = N; whiteout d/old', 'dir d; file d/old = O; file d/other', 'dir d; file d/deep'],
      run: 'stat d/other -> ENOENT\nls d -> new',
      view: 'dir d; file d/new = N',
      differs: { kernel: 'lists the whiteout inside, with a name that cannot be looked up' },
    },
    ['trusted', 'user', 'wh'],
  ),
  ...inEverySpelling(
    {
      name: 'OV-6 an opaque directory of the upper hides all lower entries',
      lower: ['dir d; file d/old; dir d/sub; file d/sub/x'],
      upper: 'opaque d; file d/new; dir d/sub',
      view: 'dir d; file d/new; dir d/sub',
    },
    ['trusted', 'user', 'wh'],
  ),
  {
    name: 'an opaque directory between merges with what lies above it',
    lower: ['dir d; file d/a', 'opaque d; file d/b', 'dir d; file d/c'],
    view: 'dir d; file d/a; file d/b',
  },
  {
    name: 'OV-35 an xattr whiteout is honoured only inside a directory marked opaque=x',
    lower: ['dir d; file d/a xattr:trusted.overlay.whiteout=y', 'file d/a = low'],
    view: 'dir d; file d/a',
    differs: { kernel: 'lookup honours it everywhere, readdir only in such a directory' },
  },
  {
    name: "OV-33 overlay's own xattrs never show, and cannot be asked for",
    lower: [
      'file a xattr:trusted.overlay.foo=1 xattr:user.k=v; dir d xattr:trusted.overlay.impure=y xattr:trusted.overlay.foo=1',
    ],
    upper: 'file b xattr:trusted.overlay.foo=1',
    run: 'listx a -> user.k\nlistx b -> \nlistx d -> \ngetx a trusted.overlay.foo -> ENODATA\ngetx d trusted.overlay.impure -> ENODATA',
    view: 'file a xattr:user.k=v; file b; dir d',
  },
  {
    name: 'OV-33 overlay.overlay.x shows as overlay.x, and setting overlay.x stores overlay.overlay.x',
    lower: ['file a xattr:trusted.overlay.overlay.foo=1'],
    run: `
      listx a -> trusted.overlay.foo
      getx a trusted.overlay.foo -> "1"
      setx a trusted.overlay.opaque "y"
      getx a trusted.overlay.opaque -> "y"
      put b "x"
      setx b trusted.overlay.bar "2"
      rmx a trusted.overlay.foo`,
    view: 'file a xattr:trusted.overlay.opaque=y; file b xattr:trusted.overlay.bar=2 = x',
    upperAfter: 'file a xattr:trusted.overlay.overlay.opaque=y; file b xattr:trusted.overlay.overlay.bar=2 = x',
  },
  {
    name: 'OV-10 an absolute redirect is followed from the root of the union',
    lower: ['dir old; file old/x = 1; dir old/sub; file old/sub/y = 2'],
    upper: 'redirect new -> /old; file new/z = 3; whiteout old',
    view: 'dir new; file new/x = 1; dir new/sub; file new/sub/y = 2; file new/z = 3',
  },
  {
    name: 'OV-10 a redirect that is one name is followed in the lower parent',
    lower: ['dir p; dir p/old; file p/old/x = 1'],
    upper: 'dir p; redirect p/new -> old; whiteout p/old',
    view: 'dir p; dir p/new; file p/new/x = 1',
  },
  {
    name: 'OV-10 redirects in a middle layer lead on in the layers below it',
    lower: [
      'dir c; file c/top',
      'redirect c -> /b; whiteout b',
      'dir b; file b/mid; redirect b/s -> /a/s; dir a; whiteout a/s',
      'dir a; dir a/s; file a/s/low; dir b; file b/low',
    ],
    view: 'dir a; dir c; file c/top; file c/mid; file c/low; dir c/s; file c/s/low',
  },
  {
    name: 'OV-10 a redirected directory below a redirected directory',
    lower: ['dir a; dir a/b; file a/b/x'],
    upper: 'redirect n -> /a; redirect n/m -> /a/b; whiteout n/b; whiteout a',
    view: 'dir n; dir n/m; file n/m/x',
  },
  {
    name: 'OV-16 leftmost is top, and a union without upper refuses every write with EROFS',
    lower: ['file a = top; dir d', 'file a = bottom; file b'],
    upper: null,
    run: `
      put new "x" -> EROFS
      write a "x" -> EROFS
      unlink a -> EROFS
      rmdir d -> EROFS
      mkdir e -> EROFS
      rename a c -> EROFS
      link a c -> EROFS
      symlink x y -> EROFS
      chmod a 0600 -> EROFS
      chown a 1:1 -> EROFS
      utimes a 1 1 -> EROFS
      setx a user.x "1" -> EROFS
      truncate a 0 -> EROFS
      mknod n fifo -> EROFS
      read a -> "top"`,
    view: 'file a = top; file b; dir d',
  },
  {
    name: 'user.overlay.* of a layer is an ordinary attribute and no mark, unless mounted with userxattr',
    lower: ['dir d xattr:user.overlay.opaque=y; file d/new', 'dir d; file d/old'],
    run: `
      listx d -> user.overlay.opaque
      setx d/old user.overlay.redirect "/d/new"
      getx d/old user.overlay.redirect -> "/d/new"
      chmod d 0700
      rmx d user.overlay.opaque`,
    view: 'dir d 0700; file d/new; file d/old xattr:user.overlay.redirect=/d/new',
  },
  {
    name: 'W-8 names that begin with .wh. cannot be made: an image could not hold them',
    lower: ['file a'],
    run: `
      put .wh.x "1" -> EPERM
      mkdir .wh.d -> EPERM
      symlink a .wh.l -> EPERM
      link a .wh.h -> EPERM
      rename a .wh.r -> EPERM
      mknod .wh.n fifo -> EPERM`,
    view: 'file a',
    differs: { kernel: noWhFiles },
  },
];
