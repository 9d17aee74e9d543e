/** docker's filters: words, moments and patterns. The patterns are those of Go's own tests of path.Match, and a few. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Filters } from '../../../src/base/filters.js';
import { durationMs, momentMs } from '../../../src/base/go-time.js';
import { pathPattern } from '../../../src/base/path-match.js';

const patterns: [pattern: string, text: string, fits: boolean | undefined][] = [
  ['abc', 'abc', true],
  ['*', 'abc', true],
  ['*c', 'abc', true],
  ['a*', 'a', true],
  ['a*', 'ab/c', false],
  ['a*/b', 'abc/b', true],
  ['a*/b', 'a/c/b', false],
  ['a*b*c*d*e*/f', 'axbxcxdxe/f', true],
  ['a*b?c*x', 'abxbbxdbxebxczzx', true],
  ['ab[c]', 'abc', true],
  ['ab[b-d]', 'abc', true],
  ['ab[e-g]', 'abc', false],
  ['ab[^c]', 'abc', false],
  ['ab[^e-g]', 'abc', true],
  ['a\\*b', 'a*b', true],
  ['a\\*b', 'ab', false],
  ['a?b', 'a☺b', true],
  ['a[^a]b', 'a☺b', true],
  ['a???b', 'a☺b', false],
  ['[a-ζ]*', 'α', true],
  ['*[a-ζ]', 'A', false],
  ['a?b', 'a/b', false],
  ['[\\]a]', ']', true],
  ['[\\-]', '-', true],
  ['[x\\-]', '-', true],
  ['[]a]', ']', undefined],
  ['[-]', '-', undefined],
  ['[x-]', 'x', undefined],
  ['[a-b-c]', 'a', undefined],
  ['[', 'a', undefined],
  ['[^', 'a', undefined],
  ['a[', 'a', undefined],
  ['a\\', 'a', undefined],
  ['*x', 'xxx', true],
  ['1.*', '1x2', false],
  ['team/*:1.?', 'team/app:1.0', true],
  ['(a|b)', 'a', false],
];

test('patterns of references fit as path.Match says', () => {
  for (const [pattern, text, fits] of patterns) assert.equal(pathPattern(pattern)?.test(text), fits, `${pattern} ${text}`);
});

test('durations are Go durations, moments are what docker takes', () => {
  const hour = 3_600_000;
  const durations: (readonly [string, number | undefined])[] = [
    ...([
      ['1.5h', 1.5 * hour],
      ['1h30m', 1.5 * hour],
      ['-2h', -2 * hour],
      ['100ms', 100],
      ['.5s', 500],
      ['0', 0],
      ['2d', 48 * hour],
    ] as const),
    ...([
      ['', undefined],
      ['1', undefined],
      ['h', undefined],
      ['1x', undefined],
      ['1h ', undefined],
    ] as const),
  ];
  for (const [text, ms] of durations) assert.equal(durationMs(text), ms, text);
  const moments: (readonly [string, number | undefined])[] = [
    ...([
      ['1h', 1e12 - hour],
      ['1700000000', 1.7e12],
      ['1700000000.5', 1.7e12 + 500],
    ] as const),
    ...([
      ['2024-01-02T03:04:05Z', Date.UTC(2024, 0, 2, 3, 4, 5)],
      ['2024-01-02T03:04+01:00', Date.UTC(2024, 0, 2, 2, 4)],
    ] as const),
    ...([
      ['2024-01-02', new Date(2024, 0, 2).getTime()],
      ['2024-01-02T03', new Date(2024, 0, 2, 3).getTime()],
    ] as const),
    ...([
      ['yesterday', undefined],
      ['2024-13-01', undefined],
      ['', undefined],
    ] as const),
  ];
  for (const [text, ms] of moments) assert.equal(momentMs(text, 1e12), ms, text);
});

const keys = { dangling: 'true', label: 'KEY', 'label!': 'KEY', until: 'TIME' };

test('labels must all fit; one key given twice means either', () => {
  const labels = { a: '1', b: 'x=y', toString: '2' };
  const fits = (...texts: string[]): boolean => new Filters(texts, keys).labels(labels);
  assert.deepEqual(
    [
      fits('label=a', 'label=b=x=y'),
      fits('label=a', 'label=c'),
      fits('label=a=2'),
      fits('label!=c'),
      fits('label!=a'),
      fits('label=valueOf'),
    ],
    [true, false, false, true, false, false],
  );
  const truths = ['dangling=1', 'dangling=T', 'dangling=false', 'dangling = 0'].map((text) =>
    new Filters([text], keys).truth('dangling'),
  );
  assert.deepEqual(truths, [true, true, false, false]);
  assert.equal(new Filters([], keys).truth('dangling'), undefined);
});

test('a filter that there is not, or that says nothing, is refused with those there are', () => {
  const refusal = { code: 'filter', exitStatus: 2 };
  const known = 'write dangling=true, label=KEY, label!=KEY or until=TIME';
  assert.throws(() => new Filters(['foo=1'], keys), { ...refusal, message: `--filter foo=1: ${known}` });
  assert.throws(() => new Filters(['foo'], keys), refusal);
  assert.throws(() => new Filters(['dangling=maybe'], keys).truth('dangling'), {
    ...refusal,
    message: `--filter dangling=maybe: ${known}`,
  });
  assert.throws(() => new Filters(['until=soon'], keys).moment('until'), refusal);
});
