/** sys/: the fuse device, mount and fusermount, without a file system behind them: nothing may touch the mount point meanwhile. */

import assert from 'node:assert/strict';
import { accessSync } from 'node:fs';
import { test } from 'node:test';
import { errno } from '../../src/base/errno.js';
import { PlyfsError } from '../../src/base/errors.js';
import { MNT_DETACH, MS_NODEV, MS_NOSUID, O_RDWR, UMOUNT_NOFOLLOW } from '../../src/sys/constants.js';
import * as device from '../../src/sys/device.js';
import { fusermountMount, fusermountUnmount } from '../../src/sys/fusermount.js';
import { bdiTune, mount, mountTable, umount } from '../../src/sys/mount.js';
import { closeFd, openPath } from '../../src/sys/open.js';
import { pollIn, setNonblocking } from '../../src/sys/poll.js';
import { needsRoot, refuses, withScratch } from '../support/scratch.js';

const FUSE_INIT = 26;
const noFuse = needsRoot || (isThere('/dev/fuse') ? false : 'needs /dev/fuse');
const noHelper = noFuse || (['fusermount3', 'fusermount'].some((name) => isThere(`/usr/bin/${name}`)) ? false : 'needs fuse3');

function isThere(path: string): boolean {
  try {
    accessSync(path);
    return true;
  } catch (error) {
    assert.ok(error instanceof Error && 'code' in error && error.code === 'ENOENT', String(error));
    return false;
  }
}

/** Reads INIT, refuses it, and tries what a session does with the device. */
function talk(fd: number): void {
  const buffer = Buffer.alloc(1 << 20);
  assert.equal(device.readDevice(fd, buffer.subarray(0, 100)), -errno.EINVAL);
  assert.equal(pollIn(fd, -1, 0), 1);
  assert.ok(device.readDevice(fd, buffer) >= 56);
  assert.equal(buffer.readUInt32LE(4), FUSE_INIT);
  setNonblocking(fd);
  assert.equal(device.readDevice(fd, buffer), -errno.EAGAIN);
  // fuse_out_header: length, error, unique. First an answer to nobody, then one that is not as long as it says.
  const reply = Buffer.alloc(40);
  reply.writeUInt32LE(16, 0);
  reply.writeUInt32LE(4242, 8);
  assert.equal(device.writeDevice(fd, reply, 0, 16), -errno.ENOENT);
  assert.equal(device.writevDevice(fd, reply, 16, buffer, 3, 10), -errno.EINVAL);
  refuses(errno.EPERM, () => device.openBacking(fd, fd));
  refuses(errno.EPERM, () => device.closeBacking(fd, 3));
  const channel = openPath('/dev/fuse', O_RDWR);
  refuses(errno.EINVAL, () => device.cloneDevice(channel, 100000));
  device.cloneDevice(channel, fd);
  closeFd(channel);
  // INIT is answered with EPROTO, in two parts.
  reply.writeInt32LE(-71, 4);
  buffer.copy(reply, 24, 8, 16);
  assert.equal(device.writevDevice(fd, reply, 8, reply, 24, 8), 16);
}

test('a mount by hand: the request comes, answers go, the device ends with the mount', { skip: noFuse }, () => {
  withScratch((_, path) => {
    const fd = openPath('/dev/fuse', O_RDWR);
    mount('plyfs test', path, 'fuse.plyfs', MS_NOSUID | MS_NODEV, `fd=${fd},rootmode=40000,user_id=0,group_id=0`);
    try {
      const entry = mountTable().find((row) => row.target === path);
      assert.deepEqual([entry?.type, entry?.source], ['fuse.plyfs', 'plyfs test']);
      assert.deepEqual(bdiTune(entry?.device ?? -1), []);
      talk(fd);
    } finally {
      umount(path, MNT_DETACH | UMOUNT_NOFOLLOW);
    }
    assert.equal(device.readDevice(fd, Buffer.alloc(8192)), -errno.ENODEV);
    closeFd(fd);
    refuses(errno.EINVAL, () => umount(path, UMOUNT_NOFOLLOW));
  })();
});

test('fusermount mounts and hands the device over', { skip: noHelper }, () => {
  withScratch((_, path) => {
    const fd = fusermountMount(path, 'fsname=plyfs test,subtype=plyfs,nosuid');
    try {
      assert.equal(mountTable().find((row) => row.target === path)?.type, 'fuse.plyfs');
      talk(fd);
    } finally {
      closeFd(fd);
      fusermountUnmount(path, true);
    }
    assert.equal(
      mountTable().find((row) => row.target === path),
      undefined,
    );
  })();
});

test("fusermount's refusals are told in its own words", { skip: noHelper }, () => {
  withScratch((_, path) => {
    const tells = (words: RegExp) => (error: unknown) => error instanceof PlyfsError && words.test(error.message);
    assert.throws(() => fusermountMount(`${path}/none`, 'fsname=x'), tells(/cannot mount on .*none: fusermount.*No such file/));
    assert.throws(() => fusermountUnmount(path, false), tells(/cannot unmount .*: fusermount/));
  })();
});
