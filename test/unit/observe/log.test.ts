/** Who runs a command reads sentences; the times and levels are for the log of a daemon. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

const module = new URL('../../../src/observe/log.js', import.meta.url).href;

const rows = [
  { name: 'a command', before: '', expected: /^plyfs: a layer is odd\n$/ },
  { name: 'a daemon', before: 'logWithTimes();', expected: /^\S+T\S+Z info noted\n\S+T\S+Z warn a layer is odd\n$/ },
] as const;

for (const { name, before, expected } of rows) {
  test(`what is logged by ${name} is written for its reader`, () => {
    const script = `import { log, logWithTimes } from '${module}'; ${before} log('info', 'noted'); log('warn', 'a layer is odd');`;
    const ended = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    assert.match(ended.stderr, expected);
  });
}
