import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allCases } from '../../cases/all.js';
import { type Ground, parseScript, runScript } from '../../support/case.js';

/** Answers every operation with the next of `answers`. */
function ground(...answers: string[]): Ground {
  return {
    run: async () => answers.shift() ?? 'ok',
    dump: async () => [],
    dumpUpper: () => [],
    remount: async () => undefined,
    dropCaches: () => undefined,
  };
}

test('every case has its own name, a number or a sentence, and a script that parses', () => {
  const names = allCases.map((one) => one.name);
  assert.deepEqual(
    names.filter((name, i) => names.indexOf(name) !== i),
    [],
  );
  for (const one of allCases) parseScript(one.run ?? '');
});

test('a script fails on an errno that was not expected', async () => {
  await assert.rejects(runScript('unlink a', ground('ENOENT')), assert.AssertionError);
  await runScript('unlink a -> ENOENT', ground('ENOENT'));
});

test('a script fails when an expected errno does not come', async () => {
  await assert.rejects(runScript('unlink a -> ENOENT', ground('ok')), assert.AssertionError);
});

test('a script keeps results and compares with them', async () => {
  await runScript('i = get a ino\nget a ino -> $i\nget b ino -> not $i', ground('7', '7', '8'));
  await assert.rejects(runScript('i = get a ino\nget a ino -> $i', ground('7', '8')), assert.AssertionError);
  await assert.rejects(runScript('i = get a ino\nget b ino -> not $i', ground('7', '7')), assert.AssertionError);
});

test('a script with an unknown operation is refused', async () => {
  await assert.rejects(runScript('unlnik a', ground()), /unknown operation/);
});
