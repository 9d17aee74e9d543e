/** A directory with layers, an upper and a mount point, and plyfs as a program run in it. Nothing in this process touches the mount. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { MountSummary } from '../../src/mount/mount-list.js';

const program = fileURLToPath(new URL('../../../bin/plyfs', import.meta.url));
const limitMs = 60_000;

/** Why tests that mount do not run here, or false. */
export const cannotMount =
  process.geteuid?.() !== 0 ? 'needs root' : !existsSync('/dev/fuse') ? 'needs /dev/fuse' : (false as const);

export interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** layers `base` (f = base, d/) and `app` (g = app), empty `up`, `wk` and `mnt`. */
export class CliStage {
  readonly program = program;
  readonly path = realpathSync(mkdtempSync(join(process.env.PLYFS_TEST_DIR ?? tmpdir(), 'plyfs-cli-')));
  /** Records and logs of this stage's mounts, by way of the environment. */
  private readonly home = join(this.path, '.run');

  constructor() {
    for (const name of ['base', 'base/d', 'app', 'up', 'wk', 'mnt', 'other', '.run']) mkdirSync(join(this.path, name));
    writeFileSync(join(this.path, 'base/f'), 'base\n');
    writeFileSync(join(this.path, 'app/g'), 'app\n');
  }

  at(name: string): string {
    return join(this.path, name);
  }

  plyfs(...words: string[]): Ended {
    return this.run(program, words);
  }

  /** A script in which $PLYFS is the program and the stage the current directory. */
  sh(script: string): Ended {
    return this.run('/bin/sh', ['-c', script]);
  }

  private run(command: string, words: readonly string[]): Ended {
    const environment = { ...process.env, PLYFS: program, XDG_RUNTIME_DIR: this.home };
    const ended = spawnSync(command, words, { cwd: this.path, encoding: 'utf8', timeout: limitMs, env: environment });
    assert.equal(ended.error, undefined, `${command} ${words.join(' ')}`);
    return { status: ended.status, stdout: ended.stdout, stderr: ended.stderr };
  }

  /** Runs plyfs, which must succeed without a word on stderr. */
  ok(...words: string[]): string {
    const ended = this.plyfs(...words);
    assert.deepEqual([ended.status, ended.stderr], [0, ''], `plyfs ${words.join(' ')}`);
    return ended.stdout;
  }

  /** The live mount on `target` as `plyfs mounts --json` lists it. */
  listed(target = 'mnt'): MountSummary {
    // What `plyfs mounts --json` prints.
    const mounts = JSON.parse(this.ok('mounts', '--json')) as MountSummary[];
    const mount = mounts.find((each) => each.target === this.at(target) && each.state === 'live');
    assert.ok(mount !== undefined, 'the mount is not listed');
    return mount;
  }

  mounts(): string[] {
    const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
    return lines.map((line) => line.split(' ')[4] ?? '').filter((target) => target.startsWith(this.path));
  }

  /** Records of mounts on this stage that are on disk. */
  records(): string[] {
    const directories = ['/run/plyfs', join(this.home, 'plyfs')].filter((directory) => existsSync(directory));
    return directories
      .flatMap((directory) => readdirSync(directory).map((name) => join(directory, name)))
      .filter((file) => file.endsWith('.json') && readIfThere(file).includes(this.path));
  }

  /** Every path of the stage but those below mount points. */
  paths(): string[] {
    const found = this.run('find', [this.path, '-xdev']);
    return found.stdout.split('\n').sort();
  }

  /** That no mount, record or process of this stage is left. */
  assertClean(): void {
    assert.deepEqual(this.mounts(), [], 'mounts left');
    assert.deepEqual(this.records(), [], 'records left');
    assert.deepEqual(processesIn(this.path), [], 'processes left');
  }

  close(): void {
    for (const mount of this.mounts().reverse()) spawnSync('umount', ['-l', mount], { timeout: limitMs });
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Runs `use` on a stage; afterwards everything must be gone. */
export function withStage(use: (stage: CliStage) => void | Promise<void>): () => Promise<void> {
  return async () => {
    const stage = new CliStage();
    try {
      await use(stage);
      await soon(() => stage.assertClean());
    } finally {
      stage.close();
    }
  };
}

/** Repeats `check` until it no longer throws, for five seconds at most: daemons need a moment to end. */
export async function soon(check: () => void): Promise<void> {
  for (const deadline = Date.now() + 5_000; ; ) {
    try {
      return check();
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Processes whose command line names `path`. */
export function processesIn(path: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => commandLine(pid).includes(path));
}

/** The words of a process, each followed by a NUL; '' for one that is gone. */
export function commandLine(pid: number): string {
  return readIfThere(`/proc/${pid}/cmdline`);
}

/** Mounts and processes of other tests come and go meanwhile. */
function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException; // Node's fs throws nothing else
    if (code === 'ENOENT' || code === 'ESRCH') return '';
    throw error;
  }
}
