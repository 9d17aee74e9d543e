/** Serves calls of libfuse's threads in the event loop of the main thread: finds the row, answers, parks what waits for file bytes. */

import { errno, errnoName } from '../../base/errno.js';
import { FsError } from '../../base/errors.js';
import type { Counters } from '../../observe/counters.js';
import { log } from '../../observe/log.js';
import { isTraced, trace } from '../../observe/trace.js';
import { Deferred, type FileSystem } from '../../vfs/filesystem.js';
import { Gate } from '../../vfs/gate.js';
import type { DriverOptions } from '../driver.js';
import { opcode } from '../protocol/constants.js';
import type { Call, OperationName } from './binding.js';
import { NativeConnection } from './connection.js';
import { JobThreads } from './job-threads.js';
import { operations } from './operations.js';

/** Copies and fsyncs that run at a time. */
const jobThreads = 2;

export const operationNames = Object.keys(operations) as OperationName[]; // it has these keys and no others

/** A row as it is called: the arguments of a call are those of its row (binding.ts). */
type AnyRun = (connection: NativeConnection, ...args: unknown[]) => number;

export class NativeSession {
  private readonly connection: NativeConnection;
  private readonly gate: Gate;
  private readonly jobs = new JobThreads(jobThreads);
  private readonly isTracing = isTraced('fuse');
  private calls = 0;

  constructor(
    fs: FileSystem,
    options: DriverOptions,
    private readonly counters: Counters,
  ) {
    this.connection = new NativeConnection(fs, counters, options.isVolatile);
    this.gate = new Gate(options.gate);
  }

  readonly receive = (call: Call): void => {
    const number = ++this.calls;
    if (this.isTracing) trace('fuse', () => `> ${number} ${describe(call)}`);
    this.begin(call, number);
  };

  /** Waits for the jobs that still run. PRE: libfuse's threads have ended. */
  close(): Promise<void> {
    return this.jobs.close();
  }

  /** Now, or as soon as nobody holds the file system still. */
  private begin(call: Call, number: number): void {
    if (this.gate.isHeld) void this.gate.freed().then(() => this.begin(call, number));
    else this.attempt(call, number);
  }

  private attempt(call: Call, number: number): void {
    const begunAt = performance.now();
    const { counted, run } = operations[call.name];
    let result: number;
    try {
      this.connection.record = call.record;
      result = (run as AnyRun)(this.connection, ...call.args);
    } catch (error) {
      if (error instanceof Deferred) {
        this.park(error, call, number);
        return;
      }
      result = -this.errnoFor(call, error);
    }
    const us = (performance.now() - begunAt) * 1000;
    this.counters.request(opcode[counted], us);
    this.answer(call, number, result, us);
  }

  private answer(call: Call, number: number, result: number, us: number): void {
    if (result < 0) this.counters.add('errors');
    if (this.isTracing) trace('fuse', () => `< ${number} ${result < 0 ? errnoName(-result) : 'ok'} ${Math.round(us)}us`);
    call.answer(result);
  }

  private park(deferred: Deferred, call: Call, number: number): void {
    this.counters.add('parked');
    if (this.isTracing) trace('fuse', () => `= ${number} parked until ${deferred.job.kind} has ended`);
    this.jobs.park(deferred, (failure, result) => {
      if (deferred.resume === 'retry' && failure === 0) this.begin(call, number);
      else this.answer(call, number, failure === 0 ? result : -failure, 0);
    });
  }

  /** The errno of a refusal; EIO, a log line and a count for anything else. */
  private errnoFor(call: Call, error: unknown): number {
    if (error instanceof FsError) return error.errno;
    this.counters.add('exceptions');
    log('error', `${describe(call)}: ${error instanceof Error ? error.stack : error}`);
    return errno.EIO;
  }
}

/** `rename "/a" "/b"`: data is told by its length. */
function describe({ name, args }: Call): string {
  const word = (arg: unknown) => (Buffer.isBuffer(arg) ? `<${arg.length} bytes>` : JSON.stringify(arg));
  return [name, ...args.map(word)].join(' ');
}
