/** The serving loop: reads a request, finds its row, runs it, writes the reply; parks what has to wait. It never returns to node's
 *  event loop before the file system is unmounted, and no request can end it. */

import { errno, errnoName } from '../../base/errno.js';
import { FsError } from '../../base/errors.js';
import type { Counters } from '../../observe/counters.js';
import { log } from '../../observe/log.js';
import { isTraced, trace } from '../../observe/trace.js';
import { readDevice, writeDevice } from '../../sys/device.js';
import { pollIn } from '../../sys/poll.js';
import { Deferred, type FileSystem, type NodeId } from '../../vfs/filesystem.js';
import { Gate } from '../../vfs/gate.js';
import type { DriverOptions } from '../driver.js';
import { Jobs, type Resumed, type TaskRunner } from '../io/jobs.js';
import { maxWriteBytes, opcode } from '../protocol/constants.js';
import { entryOut } from '../protocol/structs.js';
import { answerCopied, answerWritten } from './answers.js';
import { Awake } from './awake.js';
import { Connection } from './connection.js';
import { Interrupts } from './interrupts.js';
import { noReply, type Operation } from './operation.js';
import { operationByOpcode } from './operations.js';
import { bodyWord } from './reply.js';
import { alignedBuffer, Request } from './request.js';
import { Spin } from './spin.js';
import { brokenLine, parkedLine, replyLine, requestLine } from './trace-lines.js';

/** The kernel wants room for the largest WRITE and its headers (fuse_dev_do_read: max_write + 4096 at least). */
const requestBytes = maxWriteBytes + 8192;

export class Session {
  private readonly connection: Connection;
  private readonly buffer = alignedBuffer(requestBytes);
  private readonly request = new Request(this.buffer);
  private readonly jobs: Jobs;
  private readonly interrupts: Interrupts;
  private readonly spin: Spin;
  private readonly awake: Awake;
  private readonly gate: Gate;
  private worksAhead = true;
  private readonly isTracing = isTraced('fuse');
  /** When the request at hand was begun. */
  private begunAt = 0;

  constructor(
    fs: FileSystem,
    private readonly device: number,
    options: DriverOptions,
    private readonly counters: Counters,
    runner: TaskRunner,
  ) {
    this.jobs = new Jobs(runner);
    this.interrupts = new Interrupts(this.jobs);
    this.connection = new Connection(fs, device, options, counters, this.interrupts);
    this.gate = new Gate(options.gate);
    this.awake = new Awake(options.keepsAwake, counters);
    this.spin = new Spin(device, this.buffer, options.spinUs, counters, this.awake, () => this.idle());
  }

  /** Serves until the unmount, then waits for the jobs that still run. PRE: the device is non-blocking. */
  run(): void {
    for (let isMounted = true; isMounted; ) {
      if (this.jobs.running > 0) this.resumeParked();
      for (const request of this.interrupts.dying()) this.resume({ request, resume: 'done', errno: errno.EINTR, result: 0 });
      this.gate.leave();
      let length = readDevice(this.device, this.buffer);
      if (length === -errno.EAGAIN) length = this.spin.wait(this.jobs, this.interrupts.patienceMs);
      else this.awake.arrived(0);
      this.gate.enter();
      if (length > 0) this.serve(length);
      else isMounted = this.goesOn(-length);
    }
    this.awake.rest();
    this.awaitJobs();
  }

  /** Whether the device can be read again after `number`. */
  private goesOn(number: number): boolean {
    switch (number) {
      case 0:
      case errno.EAGAIN:
      case errno.EINTR:
      case errno.ENOENT:
        return true;
      case errno.ENODEV:
        return false;
      case errno.ECONNABORTED:
        log('warn', 'the connection was aborted');
        return false;
      default:
        log('error', `reading the fuse device: ${errnoName(number)}`);
        return false;
    }
  }

  private serve(length: number): void {
    const { request } = this;
    this.begunAt = performance.now();
    try {
      request.open(length);
    } catch (error) {
      if (!(error instanceof FsError)) throw error;
      log('error', brokenLine(length));
      return;
    }
    this.dispatch(operationByOpcode[request.opcode], length);
    this.counters.request(request.opcode, (performance.now() - this.begunAt) * 1000);
  }

  /** Runs the request that is open and answers it, or parks it. `length`: its bytes. */
  private dispatch(row: Operation | undefined, length: number): void {
    const { request } = this;
    if (this.isTracing) trace('fuse', () => requestLine(row, request));
    let size: number;
    try {
      size = row === undefined ? unknownOpcode(request) : row.run(this.connection, request);
    } catch (error) {
      this.notDone(row, error, length);
      return;
    }
    if (size !== noReply) this.answer(row, 0, size);
  }

  /** `row` threw: the request waits, or is refused. Nobody waits for the answer to a FORGET. */
  private notDone(row: Operation | undefined, error: unknown, length: number): void {
    let refusal = error;
    try {
      if (error instanceof Deferred) {
        this.park(error, length);
        return;
      }
    } catch (failure) {
      refusal = failure;
    }
    const number = this.errnoFor(refusal);
    if (this.request.opcode !== opcode.FORGET && this.request.opcode !== opcode.BATCH_FORGET) this.answer(row, number, 0);
  }

  /** The errno of a refusal; EIO, a log line and a count for anything else. */
  private errnoFor(error: unknown): number {
    if (error instanceof FsError) return error.errno;
    this.counters.add('exceptions');
    const name = operationByOpcode[this.request.opcode]?.name ?? this.request.opcode;
    log('error', `${name} on node ${this.request.node}: ${error instanceof Error ? error.stack : error}`);
    return errno.EIO;
  }

  private answer(row: Operation | undefined, number: number, size: number): void {
    const { request } = this;
    const { reply } = this.connection;
    if (number !== 0) this.counters.add('errors');
    const written = writeDevice(this.device, reply.bytes, 0, reply.seal(request, number, size));
    if (this.isTracing) {
      const us = (performance.now() - this.begunAt) * 1000;
      trace('fuse', () => replyLine(row, request, reply, number, size, us));
    }
    if (written < 0) this.unanswered(row, -written, number);
  }

  /** A reply the kernel did not take: what it handed out is taken back, and whoever may still wait is answered EIO. */
  private unanswered(row: Operation | undefined, refusal: number, number: number): void {
    const { request, connection } = this;
    const node = connection.reply.words[bodyWord] as NodeId; // entry_out starts with the node
    if (number === 0 && row?.output === entryOut && node !== 0) connection.fs.forget(node, 1);
    // ENOENT: the caller was killed meanwhile; ENODEV: unmounted.
    if (refusal === errno.ENOENT || refusal === errno.ENODEV) return;
    log('error', `the kernel refused the answer to ${row?.name ?? request.opcode}: ${errnoName(refusal)}`);
    if (number === 0) writeDevice(this.device, connection.reply.bytes, 0, connection.reply.seal(request, errno.EIO, 0));
  }

  /** Work ahead of the requests; after a failure there is no more of it. */
  private idle(): boolean {
    if (!this.worksAhead) return false;
    try {
      return this.connection.fs.idle();
    } catch (error) {
      this.worksAhead = false;
      this.counters.add('exceptions');
      log('error', `working ahead: ${error instanceof Error ? error.stack : error}`);
      return false;
    }
  }

  private park(deferred: Deferred, length: number): void {
    const copy = alignedBuffer(length);
    this.request.bytes.copy(copy, 0, 0, length);
    this.counters.add('parked');
    if (this.isTracing) trace('fuse', () => parkedLine(this.request, deferred.job.kind));
    this.jobs.park(deferred, copy);
  }

  private resumeParked(): void {
    this.jobs.collect(this.resume);
  }

  private readonly resume = ({ resume, request: bytes, errno: number, result }: Resumed): void => {
    const { request } = this;
    this.begunAt = performance.now();
    request.take(bytes);
    try {
      const length = request.words[0]!; // checked when the request came
      request.open(length);
      const row = operationByOpcode[request.opcode];
      if (resume === 'retry') this.dispatch(row, length);
      else this.answer(row, number, number === 0 ? this.resultBody(result) : 0);
    } finally {
      request.take(this.buffer);
    }
  };

  /** The body that tells the result of a job that was the whole operation. */
  private resultBody(result: number): number {
    switch (this.request.opcode) {
      case opcode.COPY_FILE_RANGE:
        return answerWritten(this.connection, result);
      case opcode.COPY_FILE_RANGE_64:
        return answerCopied(this.connection, result);
      default:
        return 0;
    }
  }

  /** Of a mount that was forced away, as no other goes while somebody waits. */
  private awaitJobs(): void {
    while (this.jobs.running > 0) {
      this.jobs.forgetEnded();
      if (this.jobs.running > 0) pollIn(this.jobs.wakeFd, -1, 1000);
    }
    this.jobs.close();
  }
}

function unknownOpcode(request: Request): never {
  throw new FsError(errno.ENOSYS, `opcode ${request.opcode} is newer than this driver`);
}
