/** Reading back the lines of the trace `fuse`. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readRecording, requestLines } from '../../../src/observe/recording.js';

const log = `2026-11-28T18:49:50.326Z warn something else: > 7 LOOKUP node=1
= agreed on 7.45 io=cached
> 6 LOOKUP node=1 name="a \\"b\\" node=9" pid=15
< 6 ok 503us node=2 file 0644 0:0 size=3
> 8 LOOKUP node=2 name=0x65ff pid=15
> 10 MKNOD node=1 mode=0100666 rdev=0 umask=022 name="n" pid=12
< 8 ok 74us absent
= 10 parked until a copy has ended
< 10 EROFS 7us
> 12 READDIRPLUS node=1 fh=0 offset=0 size=32768 read_flags=0x0 flags=0x18800 pid=15
< 12 ok 403us 640 bytes 2="f" 3=0xff
> 14 RENAME2 node=1 newdir=3 flags=0x1 name="n" name="o" pid=15
`;

test('requests are read from a log in the order in which they came, with their answers', () => {
  const read = readRecording(log).map(({ op, node, names, outcome, us, given, listed }) => [
    op,
    node,
    names,
    outcome,
    us,
    given,
    listed,
  ]);
  assert.deepEqual(read, [
    ['LOOKUP', 1, ['a "b" node=9'], 'ok', 503, 2, []],
    ['LOOKUP', 2, ['e\xff'], 'absent', 74, undefined, []],
    ['MKNOD', 1, ['n'], 'EROFS', 7, undefined, []],
    [
      ...['READDIRPLUS', 1, [], 'ok', 403, undefined],
      [
        { node: 2, name: 'f' },
        { node: 3, name: '\xff' },
      ],
    ],
    ['RENAME2', 1, ['n', 'o'], undefined, 0, undefined, []],
  ]);
});

test('numbers are read as they are written: modes in octal, flags in hexadecimal', () => {
  const fields = readRecording(log).map((request) => Object.fromEntries(request.fields));
  assert.deepEqual(fields[2], { mode: 0o100666, rdev: 0, umask: 0o22, pid: 12 });
  assert.deepEqual(fields[4], { newdir: 3, flags: 1, pid: 15 });
});

test('the lines of requests are a recording too', () => {
  assert.equal(requestLines(log).length, 9);
  assert.deepEqual(readRecording(requestLines(log).join('\n')), readRecording(log));
});

test('a line that no driver wrote is refused in a sentence', () => {
  assert.throws(() => readRecording('> 1 LOOKUP node=1 name="\\q" pid=1\n'), /the trace is spoiled: "\\q" is no name/);
});
