/** A case: layers, operations with what each must return, and the trees that must be there afterwards. One case list runs on every
 *  implementer. A script has one operation per line, `-> RESULT` behind it where the result matters (an errno's name, or text);
 *  without it the operation must succeed. `i = ino a` keeps a result, `$i` stands for it. */

import assert from 'node:assert/strict';
import type { Spelling } from './fixture.js';
import { operations, wordsOf } from './operations.js';
import { assertTree, type TreeLine } from './tree.js';

export interface Case {
  /** A sentence about the product, with the number of its promise. */
  name: string;
  /** Lower trees, top first. */
  lower: readonly string[];
  /** Tree the upper begins with; null for a read-only union. */
  upper?: string | null;
  run?: string;
  /** The whole view afterwards, and once more after a remount. */
  view?: string;
  /** The upper on the disk afterwards, markers as lines. */
  upperAfter?: string;
  spelling?: Spelling;
  /** Mount options, by implementer or for all. */
  options?: string;
  /** Implementers that do otherwise, and why. The kernel's is checked: it must do otherwise. */
  differs?: Partial<Record<'kernel' | 'direct' | 'fuse-native' | 'in process', string>>;
  /** The steps need a kernel between (credentials, maps, programs): not for the engine in process. */
  needsKernel?: true;
}

/** What a case runs on: a stage, or the engine in process. */
export interface Ground {
  run(line: string): Promise<string>;
  dump(): Promise<TreeLine[]>;
  remount(): Promise<void>;
  dropCaches(): void;
  dumpUpper(): TreeLine[];
}

export interface Step {
  line: string;
  operation: string;
  /** undefined: it must succeed, whatever it returns. */
  expected: string | undefined;
  /** Keeps the result under this name. */
  keep: string | undefined;
}

/** Handle-making operations keep what they open under the name before `=`; for others `=` keeps the result. */
const openers = new Set(['open', 'mmap', 'start']);

export function parseScript(text: string): Step[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const at = line.indexOf(' -> ');
      const command = at < 0 ? line : line.slice(0, at);
      const words = wordsOf(command);
      const assigns = words[1] === '=';
      const operation = (assigns ? words[2] : words[0]) ?? '';
      if (!isKnown(operation)) throw new Error(`unknown operation: ${line}`);
      const keeps = assigns && !openers.has(operation);
      return {
        line: keeps ? words.slice(2).join(' ') : command,
        operation,
        expected: at < 0 ? undefined : line.slice(at + 4).trim(),
        keep: keeps ? words[0] : undefined,
      };
    });
}

function isKnown(operation: string): boolean {
  return operation === 'remount' || operation === 'dropcaches' || Object.hasOwn(operations, operation);
}

/** Runs the steps of `script`. Fails with the step that did not return what it states. */
export async function runScript(script: string, ground: Ground): Promise<void> {
  const kept = new Map<string, string>();
  for (const step of parseScript(script)) {
    const result = await runStep(step, ground);
    const expected = step.expected?.replace(/^\$(\w+)$/, (_, name: string) => kept.get(name) ?? `unknown $${name}`);
    if (expected === undefined) assert.ok(!/^E[A-Z0-9]+$/.test(result), `${step.line}: ${result}`);
    else if (expected.startsWith('not ')) {
      const other = expected.slice(4).replace(/^\$(\w+)$/, (_, name: string) => kept.get(name) ?? '');
      assert.ok(result !== other, `${step.line}: is ${result}`);
    } else assert.equal(result, expected, `${step.line}: gave ${result}, not ${expected}`);
    if (step.keep !== undefined) kept.set(step.keep, result);
  }
}

async function runStep(step: Step, ground: Ground): Promise<string> {
  if (step.operation === 'remount') await ground.remount();
  else if (step.operation === 'dropcaches') ground.dropCaches();
  else return ground.run(step.line);
  return 'ok';
}

/** Runs a case on a mounted ground: its steps, the view, the view after cache drop and remount. */
export async function runCase(test: Case, ground: Ground): Promise<void> {
  if (test.run !== undefined) await runScript(test.run, ground);
  if (test.view !== undefined) assertTree(await ground.dump(), test.view, 'the view');
  if (test.view === undefined) return;
  await ground.remount();
  assertTree(await ground.dump(), test.view, 'the view after a remount');
}
