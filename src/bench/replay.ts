/** plyfs bench --replay: the requests of a recorded trace as system calls on a directory, which is usually a mount of the same layers as
 *  the one that was recorded. What the kernel answers from its caches does not reach the daemon again. */

import { errnoName } from '../base/errno.js';
import { errnoOf } from '../base/errors.js';
import { type Name, textFromName } from '../base/name.js';
import { codeOf } from '../base/node-error.js';
import { type RecordedRequest, readRecording } from '../observe/recording.js';
import { NotTold, ReplayGround } from './replay-ground.js';
import { replayedCalls } from './replayed-calls.js';
import { ReplayedUses } from './replayed-uses.js';

/** What became of the requests of one kind. */
export interface ReplayedRow {
  readonly op: string;
  count: number;
  /** Ended in another way than in the trace. */
  otherwise: number;
  /** In the daemon, when it was recorded; all together. */
  recordedUs: number;
  /** The whole call, now; all together. */
  replayedUs: number;
}

export interface Replayed {
  /** The kinds that took longest first. */
  readonly rows: readonly ReplayedRow[];
  /** Requests that were not repeated, by the reason. */
  readonly skipped: Readonly<Record<string, number>>;
  /** The first that ended in another way, as sentences. */
  readonly differences: readonly string[];
}

const toldDifferences = 10;
/** What the driver leaves to the kernel: no call would send it again. */
const leftToKernel: readonly (string | undefined)[] = ['ENOSYS', 'EOPNOTSUPP'];

/** Repeats the requests of a log or recording below `directory`, as fast as they are answered; undefined where there are none in it.
 *  Changes what they changed. */
export function replay(recording: string, directory: Name): Replayed | undefined {
  const requests = readRecording(recording);
  if (requests.length === 0) return undefined;
  const ground = new ReplayGround(directory);
  const uses = new ReplayedUses(requests);
  const rows = new Map<string, ReplayedRow>();
  const skipped: Record<string, number> = {};
  const differences: string[] = [];
  const umask = process.umask(0);
  try {
    for (const [at, request] of requests.entries()) {
      if (request.outcome === 'ok') hold(ground, request, (node) => uses.isUsedAfter(node, at));
      const reason = repeat(ground, request, rows, differences);
      if (reason !== undefined) skipped[reason] = (skipped[reason] ?? 0) + 1;
    }
  } finally {
    process.umask(umask);
    ground.close();
  }
  return { rows: [...rows.values()].sort((a, b) => b.replayedUs - a.replayedUs), skipped, differences };
}

/** What cannot be held is missed by the requests that use it. */
function hold(ground: ReplayGround, request: RecordedRequest, isUsed: (node: number) => boolean): void {
  try {
    ground.hold(request, isUsed);
  } catch (error) {
    if (!(error instanceof NotTold) && codeOf(error) === undefined) throw error;
  }
}

/** Why the request was not repeated. */
function repeat(
  ground: ReplayGround,
  request: RecordedRequest,
  rows: Map<string, ReplayedRow>,
  differences: string[],
): string | undefined {
  const { op, outcome, us } = request;
  const call = Object.hasOwn(replayedCalls, op) ? replayedCalls[op] : undefined;
  if (leftToKernel.includes(outcome)) return 'the driver left it to the kernel';
  if (call === undefined)
    return op === 'SETXATTR' ? 'a trace has no values of attributes' : 'no call of a program asks for it alone';
  if (outcome === undefined) return 'it was not answered when it was recorded';
  const begin = performance.now();
  let now: string;
  try {
    now = outcomeOf(() => call(ground, request));
  } catch (error) {
    if (error instanceof NotTold) return error.message;
    throw error;
  }
  const row = rows.get(op) ?? { op, count: 0, otherwise: 0, recordedUs: 0, replayedUs: 0 };
  rows.set(op, row);
  row.count++;
  row.recordedUs += us;
  row.replayedUs += (performance.now() - begin) * 1000;
  if (now === outcome) {
    if (outcome === 'ok') ground.learn(request);
    return undefined;
  }
  row.otherwise++;
  if (differences.length < toldDifferences) differences.push(`${describe(request)}: ${outcome} then, ${now} now`);
  return undefined;
}

function outcomeOf(call: () => string | undefined): string {
  try {
    return call() ?? 'ok';
  } catch (error) {
    const number = errnoOf(error);
    const name = number === undefined ? codeOf(error) : errnoName(number);
    if (name === undefined) throw error;
    return name;
  }
}

function describe({ op, node, names }: RecordedRequest): string {
  return `${op} node=${node}${names.map((name) => ` ${JSON.stringify(textFromName(name))}`).join('')}`;
}
