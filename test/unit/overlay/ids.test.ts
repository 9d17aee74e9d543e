/** Owners, groups and ACLs: mapped, squashed, inherited from directories, and not inherited from the work directory. */

import { chownSync } from 'node:fs';
import { test } from 'node:test';
import type { OverlayConfig } from '../../../src/overlay/config.js';
import { aclFromText } from '../../support/acl.js';
import { withEngine } from '../../support/engine-stage.js';
import * as libc from '../../support/libc.js';
import { needsRoot } from '../../support/scratch.js';
import { assertTree } from '../../support/tree.js';

const ids = [
  { onDisk: 1000, shown: 0, count: 1 },
  { onDisk: 100000, shown: 1, count: 10 },
];
const mapped: Partial<OverlayConfig> = { uidMapping: ids, gidMapping: ids };

interface Row {
  name: string;
  options: Partial<OverlayConfig>;
  lower: string;
  run: string;
  upperAfter: string;
}

const rows: readonly Row[] = [
  {
    name: 'mapped ids: the view shows and takes the second of each range, on disk stands the first',
    options: mapped,
    lower:
      'file mine uid=1000 gid=1000; file theirs uid=100002 gid=100003; file foreign uid=7 gid=7; dir d uid=1000 gid=100001 02775',
    run: `get mine owner -> 0:0\nget theirs owner -> 3:4\nget foreign owner -> 65534:65534\ncreate d/new\nget d/new owner -> 0:2
      mkdir d/sub\nget d/sub owner -> 0:2\nget d/sub mode -> 02755\nchown mine 5:6\nget mine owner -> 5:6\nchown mine 50:0 -> EINVAL
      chmod foreign 0600\nget foreign owner -> 65534:65534\nchown foreign 0:0`,
    upperAfter: `file mine uid=100004 gid=100005; file foreign 0600 uid=1000 gid=1000; dir d 02775 uid=1000 gid=100001
      file d/new uid=1000 gid=100001; dir d/sub 02755 uid=1000 gid=100001`,
  },
  {
    name: 'mapped ids: ACLs name in the view who is shown, on disk who stands there',
    options: mapped,
    lower:
      'dir d uid=1000 gid=1000 default-acl=u::rwx,u:100001:rw-,g::r-x,m::rwx,o::---; file f uid=1000 gid=1000 acl=u::rw-,u:100002:r--,g::r--,g:9:rw-,m::rw-,o::r--',
    run: `getacl f -> u::rw-,u:3:r--,g::r--,g:65534:rw-,m::rw-,o::r--\nsetacl f u::rw-,u:4:rw-,g::r--,m::rw-,o::r--\ncreate d/n 0666
      getacl d/n -> u::rw-,u:2:rw-,g::r-x,m::rw-,o::---`,
    upperAfter: `dir d uid=1000 gid=1000 default-acl=u::rwx,u:100001:rw-,g::r-x,m::rwx,o::---
      file f 0664 uid=1000 gid=1000 acl=u::rw-,u:100003:rw-,g::r--,m::rw-,o::r--
      file d/n 0660 uid=1000 gid=1000 acl=u::rw-,u:100001:rw-,g::r-x,m::rw-,o::---`,
  },
  {
    name: 'a caller whose id has no place on disk makes files all the same: 65534, as fuse-overlayfs does (podman links /etc/mtab so)',
    options: { uidMapping: [{ onDisk: 0, shown: 100000, count: 10 }], gidMapping: [{ onDisk: 0, shown: 200000, count: 10 }] },
    lower: 'dir d',
    run: `get d owner -> 100000:200000\nsymlink /proc/mounts d/mtab\nget d/mtab owner -> 65534:65534
      chown d/mtab 100000:200001\nget d/mtab owner -> 100000:200001\nmkdir d/s\nget d/s owner -> 65534:65534`,
    upperAfter: 'dir d; symlink d/mtab gid=1 -> /proc/mounts; dir d/s uid=65534 gid=65534',
  },
  {
    name: 'squashed ids: every object shows one owner, and a change of owner is taken without effect',
    options: { squashToUid: 12, squashToGid: 34 },
    lower: 'file f uid=1 gid=2; dir d',
    run: 'get f owner -> 12:34\nchown f 5:5\nget f owner -> 12:34\nput d/n "1"\nget d/n owner -> 12:34\nchmod f 0600',
    upperAfter: 'file f 0600 uid=1 gid=2; dir d; file d/n = 1',
  },
  {
    name: 'noacl: a default ACL on the disk gives new objects nothing',
    options: { posixAcl: false },
    lower: 'dir d default-acl=u::rwx,g::---,o::---',
    run: 'create d/f 0644\nget d/f mode -> 0644\nmkdir d/s 0755\nget d/s mode -> 0755\ncreate d/s/x 0644\nget d/s/x mode -> 0644',
    upperAfter: 'dir d default-acl=u::rwx,g::---,o::---; file d/f; dir d/s; file d/s/x',
  },
];

for (const { name, options, lower, run, upperAfter } of rows) {
  test(name, { skip: needsRoot }, () =>
    withEngine(
      { lower: [lower] },
      async (engine) => {
        await engine.run(run);
        engine.view.close();
        assertTree(engine.stage.dumpUpper(), upperAfter, 'the upper');
        engine.remount();
      },
      options,
    ),
  );
}

test(
  'a work directory with a default ACL, or of another group and setgid, gives nothing of that to what is made in it',
  { skip: needsRoot },
  () =>
    withEngine({ lower: ['dir d default-acl=u::rwx,g::r-x,o::r-x; file a = A; whiteout w; dir g'] }, async (engine) => {
      const { work } = engine.stage.paths;
      engine.view.close();
      libc.rmdir(`${work}/work`);
      chownSync(work ?? '', 0, 77);
      libc.chmod(work ?? '', 0o2755);
      libc.setxattr(work ?? '', 'system.posix_acl_default', aclFromText('u::rwx,u:5:rwx,g::---,m::rwx,o::---'));
      engine.remount();
      await engine.run('append a "1"\nunlink g -> EISDIR\nrmdir g\nmkdir g\ncreate d/new 0644\nmkdir d/sub 0755\nput top "1"');
      engine.view.close();
      assertTree(
        engine.stage.dumpUpper(),
        `file a = A1; dir g; opaque g; dir d default-acl=u::rwx,g::r-x,o::r-x; file d/new; dir d/sub default-acl=u::rwx,g::r-x,o::r-x; file top = 1`,
        'the upper',
      );
      engine.remount();
    }),
);
