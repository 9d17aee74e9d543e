/** A stage: layers, upper and work directory in a temp directory on a real disk, shown through one of the implementers, worked on by
 *  an agent process. `close` unmounts whatever happened and checks that nothing is left behind and that no lower was written. */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { AgentReply, AgentRequest } from './agent.js';
import { dumpTree } from './dump.js';
import { buildTree, type Spelling } from './fixture.js';
import { type Implementer, mountsBelow, processesNaming, type StackPaths, sleepMs } from './implementers.js';
import * as libc from './libc.js';
import { formatTree, parseTree, type TreeLine } from './tree.js';

const replyLimitMs = Number(process.env.PLYFS_TEST_LIMIT_MS ?? 60_000);

/** The child process that touches mounts. One serves many stages; a hanging one is killed and replaced. */
class Agent {
  private readonly child: ChildProcess;
  private readonly waiting: ((reply: AgentReply) => void)[] = [];
  isDead = false;

  constructor() {
    this.child = spawn(process.execPath, [fileURLToPath(new URL('agent.js', import.meta.url))], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.child.unref();
    // The child's pipes are sockets, which can be left out of what keeps this process alive.
    for (const pipe of [this.child.stdin, this.child.stdout]) (pipe as unknown as { unref(): void }).unref();
    // What agent.ts writes.
    createInterface({ input: this.child.stdout! }).on('line', (line) => this.waiting.shift()?.(JSON.parse(line) as AgentReply));
    this.child.on('exit', () => {
      this.isDead = true;
      for (const resolve of this.waiting.splice(0)) resolve({ failure: 'the agent died' });
    });
  }

  async ask(request: AgentRequest): Promise<AgentReply> {
    const reply = new Promise<AgentReply>((resolve) => this.waiting.push(resolve));
    this.child.stdin!.write(`${JSON.stringify(request)}\n`);
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<AgentReply>((resolve) => {
      timer = setTimeout(() => resolve({ failure: `no answer within ${replyLimitMs} ms` }), replyLimitMs);
    });
    const first = await Promise.race([reply, limit]);
    clearTimeout(timer);
    if (first.failure?.startsWith('no answer') === true) this.kill();
    return first;
  }

  kill(): void {
    this.isDead = true;
    this.child.kill('SIGKILL');
  }
}

let sharedAgent: Agent | undefined;

function agent(): Agent {
  if (sharedAgent === undefined || sharedAgent.isDead) sharedAgent = new Agent();
  return sharedAgent;
}

export interface StagePlan {
  /** Trees of the lower directories, top first. */
  lower: readonly string[];
  /** Tree of the upper; null for a read-only union. */
  upper?: string | null;
  spelling?: Spelling;
  /** Further mount options. */
  options?: string;
}

export class Stage {
  readonly directory: string;
  readonly paths: StackPaths;
  readonly spelling: Spelling;
  private readonly options: string;
  private readonly lowersBefore: string;
  private mountedBy: Implementer | undefined;
  private lastMountedBy: Implementer | undefined;

  /** Builds the layers; mounts nothing yet. */
  constructor(plan: StagePlan) {
    this.directory = mkdtempSync(join(process.env.PLYFS_TEST_DIR ?? tmpdir(), 'plyfs-stage-'));
    libc.chmod(this.directory, 0o755);
    this.spelling = plan.spelling ?? 'trusted';
    this.options = plan.options ?? '';
    const isWritable = plan.upper !== null;
    this.paths = {
      lower: plan.lower.map((_, i) => join(this.directory, `lower${i}`)),
      upper: isWritable ? join(this.directory, 'upper') : undefined,
      work: isWritable ? join(this.directory, 'work') : undefined,
      target: join(this.directory, 'view'),
    };
    for (const path of [...this.paths.lower, this.paths.upper, this.paths.work, this.paths.target]) {
      if (path === undefined) continue;
      libc.mkdir(path, 0o755);
      libc.chmod(path, 0o755);
    }
    plan.lower.forEach((text, i) => {
      buildTree(this.paths.lower[i] ?? '', text, this.spelling);
    });
    if (this.paths.upper !== undefined) buildTree(this.paths.upper, plan.upper ?? '', this.spelling);
    this.lowersBefore = this.dumpLowers();
  }

  private dumpLowers(): string {
    return this.paths.lower.map((path) => formatTree(dumpTree(path).lines)).join('\n--\n');
  }

  async mount(by: Implementer): Promise<void> {
    this.lastMountedBy = by;
    by.mount(this.paths, this.spelling, this.options);
    this.mountedBy = by;
    const reply = await agent().ask({ begin: this.paths.target });
    assert.equal(reply.failure, undefined);
  }

  /** Lets go of every handle and takes the mount away. */
  async unmount(): Promise<void> {
    const { mountedBy } = this;
    if (mountedBy === undefined) return;
    this.mountedBy = undefined;
    await agent().ask({ end: true });
    mountedBy.unmount(this.paths.target);
  }

  /** Runs one operation line: its result as text, or the name of its errno. Throws Error for a line that makes no sense. */
  async run(line: string): Promise<string> {
    const reply = await agent().ask({ run: line });
    if (reply.failure !== undefined) throw new Error(`${line}: ${reply.failure}`);
    return reply.errno ?? reply.ok ?? '';
  }

  /** The whole view, read by the agent. Fails on what no file system may show. */
  async dump(): Promise<TreeLine[]> {
    const reply = await agent().ask({ dump: this.paths.target });
    if (reply.failure !== undefined || reply.errno !== undefined) throw new Error(`dump: ${reply.failure ?? reply.errno}`);
    // Where the upper was not written by overlayfs itself, its d_ino of merged directories is the upper's own.
    const isStrict = this.mountedBy?.name === 'direct' || this.mountedBy?.name === 'fuse-native';
    const problems = (reply.problems ?? []).filter((problem) => isStrict || !problem.includes(': d_ino '));
    assert.deepEqual(problems, [], 'inconsistencies in the view');
    return parseTree(reply.ok ?? '');
  }

  /** The upper as it lies on the disk, markers as lines of the tree language. */
  dumpUpper(): TreeLine[] {
    const { lines, problems } = dumpTree(this.paths.upper ?? '', { isLayer: true });
    assert.deepEqual(problems, [], 'inconsistencies in the upper');
    return lines;
  }

  /** Names of what lies in the work directory: empty directories directly in `work` are no leftovers (the kernel keeps two). */
  workLeftovers(): string[] {
    const { work } = this.paths;
    if (work === undefined) return [];
    return readdirSync(work).flatMap((name) => {
      const below = readdirSync(join(work, name));
      return below.map((leftover) => `${name}/${leftover}`);
    });
  }

  /** Throws what is wrong with what is left behind. */
  async close(): Promise<void> {
    try {
      await this.unmount();
      // The kernel leaves the whiteout it links all others to; fuse-overlayfs what it deletes later.
      const leavesNone = this.lastMountedBy?.name === 'direct' || this.lastMountedBy?.name === 'fuse-native';
      if (leavesNone) assert.deepEqual(this.workLeftovers(), [], 'leftovers in the work directory');
      assert.equal(this.dumpLowers(), this.lowersBefore, 'a lower layer was written');
      assert.deepEqual(mountsBelow(this.directory), [], 'a mount was left behind');
      assert.deepEqual(processesNaming(this.paths.target), [], 'a process was left behind');
    } finally {
      this.clear();
    }
  }

  /** Ends what is left and removes the directory, whatever state it is in. */
  private clear(): void {
    for (const point of mountsBelow(this.directory)) libc.umount(point, 2);
    for (const pid of processesNaming(this.paths.target)) killQuietly(pid);
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Ends a process which may have ended by itself. */
function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
    sleepMs(50);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Makes the kernel forget clean dentries, inodes and pages: what a view shows must not depend on them. */
export function dropCaches(what: '2' | '3' = '3'): void {
  writeFileSync('/proc/sys/vm/drop_caches', what);
}

/** Builds a stage, hands it to `use`, and closes it. A failure of `use` outweighs one of closing. */
export async function onStage(plan: StagePlan, use: (stage: Stage) => Promise<void>): Promise<void> {
  const stage = new Stage(plan);
  let failure: { error: unknown } | undefined;
  try {
    await use(stage);
  } catch (error) {
    failure = { error };
  }
  try {
    await stage.close();
  } catch (error) {
    failure ??= { error };
  }
  if (failure !== undefined) throw failure.error;
}

/** onStage with a mount by `by`. */
export function withStage(plan: StagePlan, by: Implementer, use: (stage: Stage) => Promise<void>): Promise<void> {
  return onStage(plan, async (stage) => {
    await stage.mount(by);
    await use(stage);
  });
}
