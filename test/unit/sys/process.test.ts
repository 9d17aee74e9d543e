/** sys/: poll, process, lock, the mount table; and that all of it works in a worker thread. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { lstatSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { Attributes, makeDevice } from '../../../src/base/attributes.js';
import { errno } from '../../../src/base/errno.js';
import { nameFromText } from '../../../src/base/name.js';
import { O_CREAT, O_RDWR } from '../../../src/sys/constants.js';
import { tryLock } from '../../../src/sys/lock.js';
import { bdiTune, mount, mountTable, parseMountinfo, umount } from '../../../src/sys/mount.js';
import { mkdirAt } from '../../../src/sys/namespace.js';
import { closeFd, openAt } from '../../../src/sys/open.js';
import { drainEvent, eventfd, pollIn, schedYield, setNonblocking, signalEvent } from '../../../src/sys/poll.js';
import * as proc from '../../../src/sys/process.js';
import { statPath } from '../../../src/sys/stat.js';
import { refuses, withScratch } from '../../support/scratch.js';

test('pollIn tells which of two events was signalled', () => {
  const [a, b] = [eventfd(), eventfd()];
  assert.equal(pollIn(a, b, 0), 0);
  signalEvent(b);
  signalEvent(b);
  assert.equal(pollIn(a, b, -1), 2);
  assert.equal(pollIn(a, -1, 1), 0);
  assert.equal(pollIn(-1, b, 0), 2);
  signalEvent(a);
  assert.equal(pollIn(a, b, 0), 3);
  drainEvent(b);
  drainEvent(b);
  assert.equal(pollIn(a, b, 0), 1);
  setNonblocking(a);
  schedYield();
  closeFd(a);
  closeFd(b);
  for (const act of [setNonblocking, signalEvent, drainEvent]) refuses(errno.EBADF, () => act(100000));
});

test('an event signalled in a worker thread wakes this one', async () => {
  const fd = eventfd();
  const url = new URL('../../../src/sys/poll.js', import.meta.url).href;
  const worker = new Worker(`import(${JSON.stringify(url)}).then((poll) => poll.signalEvent(${fd}))`, { eval: true });
  assert.equal(pollIn(fd, -1, 20000), 1);
  await new Promise((resolve) => worker.on('exit', resolve));
  closeFd(fd);
});

test('the umask can be set from a worker thread', async () => {
  const before = proc.setUmask(0o22);
  const url = new URL('../../../src/sys/process.js', import.meta.url).href;
  const worker = new Worker(`import(${JSON.stringify(url)}).then((p) => p.setUmask(0))`, { eval: true });
  await new Promise((resolve) => worker.on('exit', resolve));
  withScratch((dir, path) => {
    mkdirAt(dir, nameFromText('open'), 0o777);
    assert.equal(lstatSync(`${path}/open`).mode & 0o777, 0o777);
  })();
  assert.equal(proc.setUmask(before), 0);
});

test('limits and rights are those that /proc tells', () => {
  const raised = proc.raiseNofile();
  const limits = /^Max open files\s+(\d+)\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'));
  assert.deepEqual([limits?.[1], limits?.[2]], [String(raised), String(raised)]);
  assert.equal(proc.hasCapability(proc.CAP_CHOWN), (proc.capabilities() & 1n) === 1n);
  const cpu = proc.currentCpu();
  assert.ok(cpu >= 0);
  assert.equal(typeof proc.setIoFlusher(), 'boolean');
});

test('a thread can be kept on one CPU', () => {
  const url = new URL('../../../src/sys/process.js', import.meta.url).href;
  const program = `const p = await import(${JSON.stringify(url)}); console.log(p.setAffinity([0]), p.currentCpu(), p.setAffinity([]));`;
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', program], { timeout: 30000, encoding: 'utf8' });
  assert.equal(said, 'true 0 false\n');
});

test(
  'a lock keeps others out until its opening is closed',
  withScratch((dir) => {
    const open = () => openAt(dir, nameFromText('lock'), O_CREAT | O_RDWR, 0o600);
    const [a, b] = [open(), open()];
    assert.deepEqual([tryLock(a, 'shared'), tryLock(b, 'shared'), tryLock(b, 'exclusive')], [true, true, false]);
    closeFd(a);
    assert.equal(tryLock(b, 'exclusive'), true);
    closeFd(b);
    refuses(errno.EBADF, () => tryLock(100000, 'shared'));
  }),
);

test('mountinfo is read with its escapes and optional fields', () => {
  const text = [
    '36 35 98:0 /mnt1 /mnt\\0402\\012\\134 rw,noatime shared:1 master:2 - ext3 /dev/r\\303\\274t rw,errors=continue',
    '41 36 0:65 / /plain ro - fuse.plyfs - rw',
    '',
  ].join('\n');
  assert.deepEqual(parseMountinfo(Buffer.from(text).toString('latin1')), [
    {
      id: 36,
      parentId: 35,
      device: makeDevice(98, 0),
      root: '/mnt1',
      target: '/mnt 2\n\\',
      options: 'rw,noatime',
      type: 'ext3',
      source: '/dev/rüt',
      superOptions: 'rw,errors=continue',
    },
    {
      id: 41,
      parentId: 36,
      device: 65,
      root: '/',
      target: '/plain',
      options: 'ro',
      type: 'fuse.plyfs',
      source: '-',
      superOptions: 'rw',
    },
  ]);
});

test('the mount table has /proc, with the device that stat tells', () => {
  const out = new Attributes();
  assert.ok(statPath('/proc', out));
  assert.equal(mountTable().findLast((entry) => entry.target === '/proc')?.device, out.dev);
});

test(
  'what cannot be mounted, unmounted or tuned is told',
  withScratch((_, path) => {
    assert.throws(() => mount('x', path, 'no-such-type', 0, ''), /ENODEV|EPERM/);
    assert.throws(() => umount(path, 0), /EINVAL|EPERM/);
    refuses(errno.EINVAL, () => mount('x', `${path}\0`, 'tmpfs', 0, ''));
    const failures = bdiTune(makeDevice(4095, 77));
    assert.equal(failures.length, 2);
    assert.match(failures[0]!, /bdi\/4095:77\/strict_limit: ENOENT/);
  }),
);
