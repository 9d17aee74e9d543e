/** The parts of the direct driver that need no mount: what INIT agrees on, and the jobs that requests wait for. */

import assert from 'node:assert/strict';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Connection } from '../../../../src/fuse/direct/connection.js';
import { Interrupts } from '../../../../src/fuse/direct/interrupts.js';
import { negotiate, wishes } from '../../../../src/fuse/direct/negotiate.js';
import { bodyWord } from '../../../../src/fuse/direct/reply.js';
import { alignedBuffer, Request } from '../../../../src/fuse/direct/request.js';
import type { DriverOptions } from '../../../../src/fuse/driver.js';
import { IoThreads } from '../../../../src/fuse/io/io-threads.js';
import { Jobs, type Resumed, type Task, type TaskResult, type TaskRunner } from '../../../../src/fuse/io/jobs.js';
import { type InitFlag, initFlag, opcode } from '../../../../src/fuse/protocol/constants.js';
import { inHeader, initIn, initOut } from '../../../../src/fuse/protocol/structs.js';
import { Counters } from '../../../../src/observe/counters.js';
import { pollIn } from '../../../../src/sys/poll.js';
import { Deferred, type FileSystem } from '../../../../src/vfs/filesystem.js';
import { defaults } from '../../../support/mirror-mount.js';

/** The answer to an INIT that offers `flags` (all of them if absent). */
function init(options: Partial<DriverOptions>, minor: number, flags = Object.keys(initFlag) as InitFlag[]) {
  const fs = { isReadOnly: options.isReadOnly ?? false } as FileSystem; // INIT calls nothing of it
  const connection = new Connection(
    fs,
    -1,
    { ...defaults, ...options },
    new Counters(),
    new Interrupts(new Jobs(new ManualRunner())),
  );
  const bytes = alignedBuffer(inHeader.size + initIn.size);
  const words = new Uint32Array(bytes.buffer);
  const offer = { ...initIn.value, major: 7, minor, max_readahead: 131072, flags: 0, flags2: 0 };
  for (const flag of flags) {
    const bit = initFlag[flag];
    if (bit < 32) offer.flags = (offer.flags | (1 << bit)) >>> 0;
    else offer.flags2 = (offer.flags2 | (1 << (bit - 32))) >>> 0;
  }
  inHeader.write(words, 0, { len: bytes.length, opcode: opcode.INIT, nodeid: 0, uid: 0, gid: 0, pid: 0, total_extlen: 0 });
  initIn.write(words, inHeader.words, offer);
  const request = new Request(bytes);
  request.open(bytes.length);
  negotiate(connection, request);
  return { ...initOut.read(connection.reply.words, bodyWord), agreement: connection.agreement };
}

function has(answer: { flags: number; flags2: number }, flag: InitFlag): boolean {
  const bit = initFlag[flag];
  return (((bit < 32 ? answer.flags >>> bit : answer.flags2 >>> (bit - 32)) as number) & 1) === 1;
}

test('INIT answers the smaller minor version and refuses kernels before 7.31', () => {
  assert.equal(init({}, 38).minor, 38);
  assert.equal(init({}, 99).minor, 45);
  assert.throws(() => init({}, 30), /needs 7.31/);
});

test('each io mode asks for its own flags and never for both writeback and passthrough', () => {
  const table: [Partial<DriverOptions>, string, Partial<Record<InitFlag, boolean>>][] = [
    [
      { io: 'cached' },
      'cached',
      { ASYNC_DIO: false, WRITEBACK_CACHE: false, PASSTHROUGH: false, ATOMIC_O_TRUNC: false, HANDLE_KILLPRIV_V2: true },
    ],
    [{ io: 'writeback' }, 'writeback', { WRITEBACK_CACHE: true, PASSTHROUGH: false, NO_OPEN_SUPPORT: true }],
    [
      { io: 'passthrough' },
      'passthrough',
      { WRITEBACK_CACHE: false, PASSTHROUGH: true, ATOMIC_O_TRUNC: true, NO_OPEN_SUPPORT: false },
    ],
    [{ io: 'auto' }, 'cached', { WRITEBACK_CACHE: false }],
    [{ io: 'auto', isReadOnly: true }, 'cached', { ASYNC_DIO: true, WRITEBACK_CACHE: false, HANDLE_KILLPRIV_V2: false }],
    [{ io: 'writeback', isReadOnly: true }, 'cached', { WRITEBACK_CACHE: false }],
    [{ posixAcl: true }, 'cached', { POSIX_ACL: true, DONT_MASK: true }],
  ];
  for (const [options, io, flags] of table) {
    const answer = init(options, 45);
    assert.equal(answer.agreement.io, io, JSON.stringify(options));
    for (const [flag, expected] of Object.entries(flags)) assert.equal(has(answer, flag as InitFlag), expected, `${flag} ${io}`);
    assert.equal(answer.max_write, 1 << 20);
  }
});

test('what the kernel does not offer is not agreed on, and passthrough becomes writeback', () => {
  const offered = (Object.keys(initFlag) as InitFlag[]).filter((flag) => flag !== 'PASSTHROUGH' && flag !== 'MAX_PAGES');
  const answer = init({ io: 'passthrough' }, 45, offered);
  assert.equal(answer.agreement.io, 'writeback');
  assert.equal(answer.max_write, 128 * 1024);
  assert.equal(init({ io: 'writeback' }, 31, []).agreement.io, 'cached');
  assert.equal(init({}, 31, []).flags, 0);
});

test('every wish gives its reason', () => {
  for (const [flag, , reason] of wishes) assert.ok(reason.length > 10, flag);
});

/** A runner whose tasks end when the test says so. */
class ManualRunner implements TaskRunner {
  readonly started: { id: number; task: Task }[] = [];
  readonly ended: TaskResult[] = [];
  readonly wakeFd = -1;
  start(id: number, task: Task): void {
    this.started.push({ id, task });
  }
  get hasResult(): boolean {
    return this.ended.length > 0;
  }
  take(): TaskResult | undefined {
    return this.ended.shift();
  }
  drain(): void {}
  close(): void {}
}

test('requests that wait for the same job share it, and are handed back in their order when it ends', () => {
  const runner = new ManualRunner();
  const jobs = new Jobs(runner);
  const finished: [number, number][] = [];
  const slow = new Deferred({ kind: 'fsync', fd: 1, dataOnly: false }, 'retry', (errno, result) =>
    finished.push([errno, result]),
  );
  const other = new Deferred({ kind: 'fsync', fd: 2, dataOnly: false }, 'done', () => {});
  jobs.park(slow, Buffer.from('1'));
  jobs.park(other, Buffer.from('2'));
  jobs.park(slow, Buffer.from('3'));
  assert.equal(runner.started.length, 2);
  assert.equal(jobs.running, 2);
  runner.ended.push({ id: runner.started[0]!.id, errno: 28, result: 5 });
  const resumed: Resumed[] = [];
  assert.equal(
    jobs.collect((one) => resumed.push(one)),
    2,
  );
  assert.deepEqual(finished, [[28, 5]]);
  assert.deepEqual(
    resumed.map((one) => [one.request.toString(), one.errno]),
    [
      ['1', 28],
      ['3', 28],
    ],
  );
  assert.equal(jobs.running, 1);
});

test('a request that defers again while it is handed back starts a new job', () => {
  const runner = new ManualRunner();
  const jobs = new Jobs(runner);
  const first = new Deferred({ kind: 'fsync', fd: 1, dataOnly: false }, 'retry', () => {});
  const second = new Deferred({ kind: 'fsync', fd: 1, dataOnly: true }, 'retry', () => {});
  jobs.park(first, Buffer.from('1'));
  runner.ended.push({ id: 1, errno: 0, result: 0 });
  jobs.collect(({ request }) => jobs.park(second, request));
  assert.equal(jobs.running, 1);
  assert.deepEqual(
    runner.started.map(({ task }) => task),
    [first.job, second.job],
  );
});

test('a job whose end the file system cannot take, and one that cannot be started, fail their requests and no more', () => {
  const runner = new ManualRunner();
  const jobs = new Jobs(runner);
  const broken = new Deferred({ kind: 'fsync', fd: 1, dataOnly: false }, 'retry', () => {
    throw new Error('a bug in the file system');
  });
  jobs.park(broken, Buffer.from('1'));
  runner.ended.push({ id: 1, errno: 0, result: 0 });
  const resumed: Resumed[] = [];
  jobs.collect((one) => resumed.push(one));
  assert.deepEqual(
    resumed.map(({ resume, errno }) => [resume, errno]),
    [['done', 5]],
  );
  runner.start = () => {
    throw new Error('no thread to be had');
  };
  const finished: number[] = [];
  const unlucky = new Deferred({ kind: 'fsync', fd: 1, dataOnly: false }, 'retry', (errno) => finished.push(errno));
  assert.throws(() => jobs.park(unlucky, Buffer.from('2')), /no thread/);
  assert.deepEqual(finished, [5]);
  assert.equal(jobs.running, 0);
});

test('I/O threads work while the thread that asked them is blocked', () => {
  const directory = mkdtempSync(join(tmpdir(), 'plyfs-jobs-'));
  const threads = new IoThreads(2);
  try {
    writeFileSync(join(directory, 'a'), 'content');
    const source = openSync(join(directory, 'a'), 'r');
    const target = openSync(join(directory, 'b'), 'w+');
    threads.start(1, { kind: 'copy', source, sourceStart: 0, target, length: 7 });
    threads.start(2, { kind: 'fsync', fd: 9999, dataOnly: false });
    const results: TaskResult[] = [];
    for (let rounds = 0; results.length < 2 && rounds < 100; rounds++) {
      pollIn(threads.wakeFd, -1, 100);
      threads.drain();
      for (let one = threads.take(); one !== undefined; one = threads.take()) results.push(one);
    }
    results.sort((a, b) => a.id - b.id);
    assert.deepEqual(results, [
      { id: 1, errno: 0, result: 7 },
      { id: 2, errno: 9, result: 0 },
    ]);
    assert.equal(readFileSync(join(directory, 'b'), 'utf8'), 'content');
  } finally {
    threads.close();
    rmSync(directory, { recursive: true });
  }
});
