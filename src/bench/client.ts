/** The client of the micro workloads: a process of its own that makes the calls a program would make, straight through libc.
 *  Usage: node client.js '<job as JSON>'; prints a JobResult. */

import { spawn } from 'node:child_process';
import { Attributes } from '../base/attributes.js';
import { type Name, nameFromText } from '../base/name.js';
import { AT_FDCWD, O_APPEND, O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_WRONLY } from '../sys/constants.js';
import { fsync, pread, pwrite } from '../sys/file.js';
import { mkdirAt, renameAt, unlinkAt } from '../sys/namespace.js';
import { closeFd, openAt, tryOpenAt } from '../sys/open.js';
import { lstatAt } from '../sys/stat.js';
import { type ClientJob, type JobResult, newFile } from './jobs.js';
import { readList } from './stack.js';
import { quantile, seededRandom } from './statistics.js';

const attributes = new Attributes();

function timed(operations: number, work: () => void): JobResult {
  const [start, cpuStart] = [process.hrtime.bigint(), process.cpuUsage()];
  work();
  const [seconds, cpu] = [Number(process.hrtime.bigint() - start) / 1e9, process.cpuUsage(cpuStart)];
  return { seconds, operations, clientCpu: (cpu.user + cpu.system) / 1e6 };
}

/** The names of a list: `as`: it holds bytes. */
function names(list: string, limit = Number.POSITIVE_INFINITY): Name[] {
  const all = readList(list) as Name[];
  return limit < all.length ? all.slice(0, limit) : all;
}

/** Runs `call` on every name, `passes` times. */
function passes(job: { passes: number }, over: readonly Name[], call: (name: Name) => void): JobResult {
  return timed(over.length * job.passes, () => {
    for (let pass = 0; pass < job.passes; pass++) for (const name of over) call(name);
  });
}

function stat(name: Name): void {
  if (!lstatAt(AT_FDCWD, name, attributes)) throw new Error(`${name} is missing`);
}

function openAndClose(name: Name): void {
  closeFd(openAt(AT_FDCWD, name, O_RDONLY));
}

function miss(name: Name): void {
  if (lstatAt(AT_FDCWD, name, attributes)) throw new Error(`${name} should be missing`);
}

function create(job: { directory: string; files: number; bytes: number }): JobResult {
  const data = Buffer.alloc(job.bytes, 'plyfs ');
  return timed(job.files, () => {
    mkdirAt(AT_FDCWD, nameFromText(job.directory), 0o755);
    for (let i = 0; i < job.files; i++) {
      if (i % 100 === 0) mkdirAt(AT_FDCWD, nameFromText(`${job.directory}/d${i / 100}`), 0o755);
      const fd = openAt(AT_FDCWD, newFile(job.directory, i) as Name, O_CREAT | O_EXCL | O_WRONLY, 0o644); // as: ASCII
      if (job.bytes > 0) pwrite(fd, data, 0, data.length, 0);
      closeFd(fd);
    }
  });
}

function append(over: readonly Name[]): JobResult {
  const data = Buffer.from('x');
  return timed(over.length, () => {
    for (const name of over) {
      const fd = openAt(AT_FDCWD, name, O_WRONLY | O_APPEND);
      pwrite(fd, data, 0, 1, 0);
      closeFd(fd);
    }
  });
}

function newNames(job: { directory: string; files: number }): Name[] {
  return Array.from({ length: job.files }, (_, i) => newFile(job.directory, i) as Name); // as: ASCII
}

function rename(job: { directory: string; files: number }): JobResult {
  const over = newNames(job);
  return timed(over.length, () => {
    for (const name of over) renameAt(AT_FDCWD, name, AT_FDCWD, `${name}.renamed` as Name); // as: ASCII
  });
}

function unlink(job: { directory: string; files: number }): JobResult {
  const over = newNames(job);
  return timed(over.length, () => {
    for (const name of over) unlinkAt(AT_FDCWD, `${name}.renamed` as Name); // as: ASCII
  });
}

/** Offsets of `count` blocks of a file, random, always the same. */
function offsets(bytes: number, blockBytes: number, count: number): number[] {
  const random = seededRandom(11);
  return Array.from({ length: count }, () => Math.floor(random() * Math.floor(bytes / blockBytes)) * blockBytes);
}

function randomRead(job: { file: string; bytes: number; reads: number; blockBytes: number }): JobResult {
  const fd = openAt(AT_FDCWD, nameFromText(job.file), O_RDONLY);
  const buffer = Buffer.alloc(job.blockBytes);
  const at = offsets(job.bytes, job.blockBytes, job.reads);
  const result = timed(job.reads, () => {
    for (const offset of at) if (pread(fd, buffer, 0, job.blockBytes, offset) !== job.blockBytes) throw new Error('short read');
  });
  closeFd(fd);
  return result;
}

function rewrite(job: { file: string; bytes: number; writes: number; blockBytes: number; sync: boolean }): JobResult {
  const fd = openAt(AT_FDCWD, nameFromText(job.file), O_RDWR);
  const buffer = Buffer.alloc(job.blockBytes, 'w');
  const at = offsets(job.bytes, job.blockBytes, job.writes);
  const result = timed(job.writes, () => {
    for (const offset of at) pwrite(fd, buffer, 0, job.blockBytes, offset);
    if (job.sync) fsync(fd);
  });
  closeFd(fd);
  return result;
}

/** Opens names that do not exist, one at a time, a millisecond apart, for as long as `command` runs: new names in known directories, so
 *  that the kernel knows none of the answers. */
async function latency(job: { list: string; command: readonly string[] }): Promise<JobResult> {
  const over = names(job.list, 2000);
  for (const name of over) stat(name);
  const samples: number[] = [];
  let status: number | null | undefined;
  const [program, ...args] = job.command;
  if (program === undefined) throw new Error('no command');
  const start = process.hrtime.bigint();
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  child.on('exit', (code) => {
    status = code;
  });
  for (let i = 0; status === undefined; i++) {
    const name = `${over[i % over.length]}.${i}` as Name; // as: bytes and ASCII
    const before = process.hrtime.bigint();
    if (tryOpenAt(AT_FDCWD, name, O_RDONLY) !== undefined) throw new Error(`${name} exists`);
    samples.push(Number(process.hrtime.bigint() - before) / 1e3);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  if (status !== 0) throw new Error(`${program} ended with ${status}`);
  samples.sort((a, b) => a - b);
  const latencyUs = { median: quantile(samples, 0.5), p99: quantile(samples, 0.99), max: quantile(samples, 1) };
  return { seconds, operations: samples.length, latencyUs };
}

function run(job: ClientJob): JobResult | Promise<JobResult> {
  switch (job.kind) {
    case 'stat':
      return passes(job, names(job.list, job.limit), stat);
    case 'open':
      return passes(job, names(job.list, job.limit), openAndClose);
    case 'miss':
      return passes(
        job,
        names(job.list, job.limit).map((name) => `${name}.no` as Name),
        miss,
      ); // as: bytes and ASCII
    case 'create':
      return create(job);
    case 'append':
      return append(names(job.list, job.limit));
    case 'appendNew':
      return append(newNames(job));
    case 'rename':
      return rename(job);
    case 'unlink':
      return unlink(job);
    case 'randomRead':
      return randomRead(job);
    case 'rewrite':
      return rewrite(job);
    case 'latency':
      return latency(job);
  }
}

const job = JSON.parse(process.argv[2] ?? '') as ClientJob; // as: only the harness starts this file
process.chdir(job.root);
process.stdout.write(JSON.stringify(await run(job)));
