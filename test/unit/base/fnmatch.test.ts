import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fnmatchPattern } from '../../../src/base/fnmatch.js';

/** Glob, what fits, what does not; as glibc's fnmatch(3) has it. */
const cases: readonly (readonly [glob: string, fits: readonly string[], not: readonly string[]])[] = [
  ['*.conf', ['.conf', 'a.conf', 'a\n.conf'], ['a.confx', 'aconf']],
  ['a?c', ['abc', 'a*c'], ['ac', 'abbc']],
  ['[a-c]x', ['ax', 'cx'], ['dx', '-x', 'x']],
  ['[!a-c]x', ['dx'], ['ax', 'x']],
  ['[^a]', ['b'], ['a']],
  ['[z-a]', [], ['z', 'a', '-', 'm', '[z-a]']],
  ['[!z-a]', ['z', 'm'], ['', 'zz']],
  ['[]a]', [']', 'a'], ['b']],
  ['[!]a]', ['b'], [']', 'a']],
  ['[a-]', ['a', '-'], ['b']],
  ['[', ['['], ['']],
  ['[a', ['[a'], ['a']],
  ['a]', ['a]'], ['a']],
  ['[\\]]', [']'], ['\\']],
  ['[[:digit:]_]', ['7', '_'], ['a', ':']],
  ['\\*', ['*'], ['a', '\\*']],
  ['a\\', ['a\\'], ['a']],
  ['(a|b)+{2}.$^', ['(a|b)+{2}.$^'], ['a']],
];

test('names fit globs as fnmatch(3) has it, and no glob is an error', () => {
  for (const [glob, fits, not] of cases) {
    for (const name of fits) assert.ok(fnmatchPattern(glob).test(name), `${glob} fits ${name}`);
    for (const name of not) assert.ok(!fnmatchPattern(glob).test(name), `${glob} does not fit ${name}`);
  }
});
