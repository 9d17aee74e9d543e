/** The main thread of a mount's process: makes the mount, steps into the background, and stays to handle signals, control requests and
 *  the end. Requests of the kernel are served by another thread (thread.ts), which blocks; nothing here may touch the mount. */

import { closeSync, openSync } from 'node:fs';
import type { Server } from 'node:net';
import { PlyfsError } from '../base/errors.js';
import type { Driver } from '../fuse/driver.js';
import { type ControlAnswer, type ControlRequest, listenForControl } from '../mount/control.js';
import { flushMount } from '../mount/flush.js';
import { prepareMount } from '../mount/mount-checks.js';
import type { MountOptions } from '../mount/mount-option-values.js';
import type { ImageRequest, MountedImage, MountRequest, PreparedMount } from '../mount/mount-request.js';
import {
  lockRecord,
  type MountRecord,
  newRecordFiles,
  ownMountNamespace,
  removeDeadRecords,
  removeRecord,
  writeRecord,
} from '../mount/records.js';
import { readStats } from '../mount/stats.js';
import { Counters } from '../observe/counters.js';
import { log, logWithTimes } from '../observe/log.js';
import { exitNow, leaveSession, redirect } from '../sys/daemon.js';
import { startTicksOf } from '../sys/process.js';
import { Gate } from '../vfs/gate.js';
import { findDriver } from './drivers.js';
import type { ServingThread } from './thread.js';

/** How long a detached mount that is still open somewhere is served after SIGTERM, before its users get ENOTCONN. */
const graceMs = 2_000;
/** A mount is held still no longer than this, whoever asked. */
const holdMaxMs = 30_000;
/** How long dirty pages may take to reach the daemon before a busy mount is detached. */
const syncMs = 10_000;

/** Makes the mount `request` asks for. `mounted` is called once, when the mount answers: it tells the caller, whose wait ends there.
 *  PlyfsError when it cannot be made; then nothing is left behind. Otherwise the process lives until the mount ends, and never returns. */
export async function superviseMount(request: MountRequest, serving: ServingThread, mounted: () => void): Promise<never> {
  const image = request.image === undefined ? undefined : await findImage(request.image, request.options);
  const prepared = prepareMount(request, image);
  let supervisor: Supervisor | undefined;
  try {
    for (const warning of request.options.warnings) process.stderr.write(`plyfs: ${warning}\n`);
    const driver = await findDriver(prepared.driver);
    supervisor = new Supervisor(prepared, driver, serving, request.isForeground);
    await supervisor.start();
  } catch (error) {
    supervisor?.abandon();
    prepared.claims.undo();
    throw error;
  }
  prepared.claims.keep();
  logWithTimes();
  if (!request.isForeground) stepBack(supervisor.logFile);
  mounted();
  return supervisor.stay();
}

/** Ends the process whatever its threads do: the serving thread, when it blocks, would hold up process.exit for ever. */
export function endNow(status: number): never {
  exitNow(status);
}

/** The image tower is loaded only where an image is mounted. */
async function findImage(request: ImageRequest, options: MountOptions): Promise<MountedImage> {
  const { findMountedImage } = await import('../container/mounted-image.js');
  return findMountedImage(request, options);
}

/** From here on the caller's terminal, pipes and directory are its own. */
function stepBack(logFile: string): void {
  leaveSession();
  process.chdir('/');
  const nothing = openSync('/dev/null', 'r+');
  redirect(nothing, 0);
  redirect(nothing, 1);
  closeSync(nothing);
  const sink = openSync(logFile, 'a', 0o600);
  redirect(sink, 2);
  closeSync(sink);
}

class Supervisor {
  private readonly counters = new Counters();
  private readonly gate = new Gate();
  private holdEnds: NodeJS.Timeout | undefined;
  private readonly files = newRecordFiles();
  private control: Server | undefined;
  private isAttached = false;
  private endUse: () => void = () => undefined;
  private isReady = false;
  private isStopping = false;
  private record: MountRecord;

  constructor(
    private readonly prepared: PreparedMount,
    private readonly driver: Driver,
    private readonly serving: ServingThread,
    isForeground: boolean,
  ) {
    this.record = newRecord(prepared, this.files.socket, isForeground ? undefined : this.files.log);
  }

  get logFile(): string {
    return this.files.log;
  }

  /** Everything until the mount answers. The kernel's side is attached while the serving thread still opens the layers. */
  async start(): Promise<void> {
    const { driver, config, image, driverOptions } = this.prepared;
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => this.stop(signal));
    // Modes in the upper are exactly those asked for; the caller's umask comes with each request.
    process.umask(0);
    const opening = this.serving.open({
      driver,
      config,
      image,
      options: { ...driverOptions, gate: this.gate.memory },
      counters: this.counters.memory,
    });
    // Heard of below, also when attaching fails first.
    opening.catch(() => undefined);
    const attachment = this.driver.attach(driverOptions);
    this.isAttached = true;
    removeDeadRecords(driverOptions.target);
    this.control = listenForControl(this.files.socket, (request) => this.answer(request));
    await opening;
    await this.serving.serve(attachment, this.prepared.claims.releaseLocks());
    this.isReady = true;
    if (image?.id !== undefined) await this.noteUse(image);
    // Until the process ends.
    lockRecord(this.files.file);
    writeRecord(this.files.file, this.record);
  }

  private async noteUse(image: MountedImage): Promise<void> {
    const { useImage } = await import('../container/mounted-image.js');
    this.endUse = useImage(image, this.record.target);
  }

  /** The mount could not be made. */
  abandon(): void {
    this.detachQuietly();
    this.endUse();
    this.control?.close();
    removeRecord(this.files.file);
  }

  /** Until the mount ends, then the process ends: 0, or 1 where the serving thread broke. */
  async stay(): Promise<never> {
    process.on('SIGUSR1', () => log('info', JSON.stringify(readStats(this.counters))));
    // Our own bug must not leave a process that answers nobody.
    process.on('uncaughtException', (error) => this.crash(error));
    process.title = `plyfs ${this.record.target}`;
    try {
      await this.serving.ended;
      this.end(0, false);
    } catch (error) {
      this.crash(error);
    }
    throw new Error('the process has ended');
  }

  private crash(error: unknown): void {
    log('error', explain(error));
    this.detachQuietly();
    this.end(1, true);
  }

  private end(status: number, keepLog: boolean): never {
    this.control?.close();
    this.endUse();
    // After a crash the record stays as well: it leads to the log.
    if (!keepLog) removeRecord(this.files.file);
    return exitNow(status);
  }

  private detachQuietly(): void {
    if (!this.isAttached) return;
    this.isAttached = false;
    try {
      this.driver.detach(this.prepared.driverOptions, true);
    } catch (error) {
      log('warn', `unmounting failed: ${explain(error)}`);
    }
  }

  /** SIGTERM and the like: unmounts; a busy mount is flushed and detached, and served for a moment more. */
  private stop(signal: string): void {
    if (this.isStopping) return;
    this.isStopping = true;
    if (!this.isReady) {
      process.stderr.write(`plyfs: ${signal} came before the mount was ready\n`);
      this.abandon();
      this.prepared.claims.undo();
      exitNow(1);
    }
    this.stopNow().catch((error: unknown) => {
      log('error', `unmounting on ${signal} failed: ${explain(error)}`);
      this.end(1, true);
    });
  }

  private async stopNow(): Promise<void> {
    const { driverOptions } = this.prepared;
    try {
      this.driver.detach(driverOptions, false);
    } catch (error) {
      if (!(error instanceof PlyfsError)) throw error;
      if (!driverOptions.isVolatile) await this.flushQuietly();
      this.driver.detach(driverOptions, true);
    }
    // When the serving thread ends, `stay` ends the process.
    setTimeout(() => this.end(0, false), graceMs);
  }

  private async flushQuietly(): Promise<void> {
    try {
      await flushMount(this.record, syncMs);
    } catch (error) {
      log('warn', explain(error));
    }
  }

  private async hold(forMs: number): Promise<ControlAnswer> {
    if (this.holdEnds !== undefined) return { ok: false, error: 'the mount is held still already: try again in a moment' };
    if (!(await this.gate.hold(forMs))) return { ok: false, error: 'the mount did not come to rest in time: try again' };
    this.holdEnds = setTimeout(() => this.release(), forMs);
    return { ok: true, result: { passes: this.prepared.driverOptions.io === 'passthrough' } };
  }

  /** Whether the mount was held until now. */
  private release(): boolean {
    if (this.holdEnds === undefined) return false;
    clearTimeout(this.holdEnds);
    this.holdEnds = undefined;
    this.gate.release();
    return true;
  }

  private async answer(request: ControlRequest): Promise<ControlAnswer> {
    switch (request.command) {
      case 'stats':
        return { ok: true, result: readStats(this.counters) };
      case 'unmount':
        this.driver.detach(this.prepared.driverOptions, request.isLazy);
        if (request.isLazy) {
          this.record = { ...this.record, isDetached: true };
          writeRecord(this.files.file, this.record);
        }
        return { ok: true };
      case 'hold':
        return this.hold(Math.min(request.forMs, holdMaxMs));
      case 'release':
        return { ok: true, result: this.release() };
      default:
        request satisfies never;
        throw new Error('unknown request');
    }
  }
}

function newRecord(prepared: PreparedMount, socket: string, logFile: string | undefined): MountRecord {
  const { driverOptions, config } = prepared;
  const isLayer = (path: string) => config.upper !== undefined || path !== prepared.upper;
  return {
    target: driverOptions.target,
    source: driverOptions.source,
    driver: prepared.driver,
    pid: process.pid,
    mountNamespace: ownMountNamespace(),
    startTicks: startTicksOf(process.pid) ?? 0,
    image: prepared.image?.label,
    layers: prepared.image?.layers.map(({ label }) => label) ?? config.layers.filter(isLayer),
    upper: prepared.upper,
    work: config.work,
    fixedOptions: prepared.fixedOptions,
    isReadOnly: driverOptions.isReadOnly,
    isDetached: false,
    since: new Date().toISOString(),
    log: logFile,
    socket,
  };
}

function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (!(error instanceof PlyfsError)) return error.stack ?? error.message;
  return typeof error.cause === 'string' && error.cause !== '' ? `${error.message}\n${error.cause}` : error.message;
}
