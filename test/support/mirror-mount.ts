/** A mount of a MirrorFs for a test: served by a worker of the test process, touched only from child processes. */

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { directDriver } from '../../src/fuse/direct/driver.js';
import type { DriverOptions } from '../../src/fuse/driver.js';
import { type OpcodeName, opcode } from '../../src/fuse/protocol/constants.js';
import { Counters } from '../../src/observe/counters.js';
import type { MirrorServerData } from './mirror-server.js';

export const mirrorServer = new URL('./mirror-server.js', import.meta.url);

export class MirrorMount {
  readonly counters = new Counters();
  readonly base = mkdtempSync(join(process.env.PLYFS_TEST_DIR ?? tmpdir(), 'plyfs-mirror-'));
  readonly root = join(this.base, 'root');
  readonly target = join(this.base, 'mnt');
  readonly options: DriverOptions;
  private worker: Worker | undefined;

  constructor(changes: Partial<DriverOptions> = {}) {
    mkdirSync(this.root);
    mkdirSync(this.target);
    this.options = { ...defaults, target: this.target, ...changes };
  }

  /** Mounts and waits until requests are answered. */
  async mount(): Promise<this> {
    const attachment = directDriver.attach(this.options);
    const data: MirrorServerData = { root: this.root, options: this.options, attachment, counters: this.counters.memory };
    const worker = new Worker(mirrorServer, { workerData: data });
    this.worker = worker;
    await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    return this;
  }

  /** Runs a shell script in the mount from a child process; its output. Throws when it fails. */
  sh(script: string): string {
    const run = spawnSync('timeout', ['30', 'sh', '-ec', script], { cwd: '/', env: { ...process.env, M: this.target } });
    if (run.status === 0) return run.stdout.toString();
    throw new Error(`${script}: status ${run.status} ${run.stderr}${run.stdout}`);
  }

  /** As sh, for a python script: what the shell has no words for. */
  python(script: string): string {
    const env = { ...process.env, M: this.target };
    const run = spawnSync('timeout', ['30', 'python3', '-c', `import os,sys\nM=os.environb[b'M']\n${script}`], { cwd: '/', env });
    if (run.status === 0) return run.stdout.toString();
    throw new Error(`${script}: status ${run.status} ${run.stderr}${run.stdout}`);
  }

  /** The requests that `work` caused, by name. */
  requests(work: () => void): Partial<Record<OpcodeName, number>> {
    const before = opcodeNames.map((name) => this.counters.requestsOf(opcode[name]));
    work();
    const counts: Partial<Record<OpcodeName, number>> = {};
    opcodeNames.forEach((name, index) => {
      const count = this.counters.requestsOf(opcode[name]) - (before[index] ?? 0);
      if (count > 0) counts[name] = count;
    });
    return counts;
  }

  async unmount(): Promise<void> {
    directDriver.detach(this.options, true);
    const { worker } = this;
    if (worker !== undefined) await new Promise((resolve) => worker.once('exit', resolve));
    rmSync(this.base, { recursive: true, force: true });
  }
}

const opcodeNames = Object.keys(opcode) as OpcodeName[]; // it has these keys and no others

export const defaults: DriverOptions = {
  target: '',
  source: 'mirror',
  subtype: 'plyfs-mirror',
  isReadOnly: false,
  allowOther: true,
  defaultPermissions: true,
  posixAcl: false,
  mountFlags: [],
  io: 'cached',
  isBackingStacked: true,
  timeoutSec: Number.POSITIVE_INFINITY,
  isVolatile: false,
  spinUs: 0,
  keepsAwake: false,
  trace: [],
};
