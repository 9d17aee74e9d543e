/** scripts/test-one.mjs, on a small repository of its own. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../../', import.meta.url));

const files = {
  'package.json': '{ "type": "module" }',
  'tsconfig.json': '{ "compilerOptions": { "target": "ES2022", "verbatimModuleSyntax": true } }',
  'src/answer.ts': 'export const answer: number = 41;\n',
  'bench/none.ts': 'export {};\n',
  'test/unit/answer.test.ts': `import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answer } from '../../src/answer.js';
test('the answer', () => assert.equal(answer, 42));
test('another', () => {});
`,
};

test('a test file runs alone, without a build, with what changed since it ran last', () => {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'plyfs-test-one-')));
  try {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(join(path, name, '..'), { recursive: true });
      writeFileSync(join(path, name), text);
    }
    mkdirSync(join(path, 'scripts'));
    cpSync(join(root, 'scripts/test-one.mjs'), join(path, 'scripts/test-one.mjs'));
    symlinkSync(join(root, 'node_modules'), join(path, 'node_modules'));
    // The runner of this file must not take the inner one for a file of its own.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const run = (...words: string[]) =>
      spawnSync(process.execPath, ['scripts/test-one.mjs', ...words], { cwd: path, encoding: 'utf8', env, timeout: 60_000 });

    const wrong = run('test/unit/answer.test.ts');
    assert.match(wrong.stdout, /not ok 1 - the answer[\s\S]*41 !== 42/);
    assert.equal(wrong.status, 1);

    writeFileSync(join(path, 'src/answer.ts'), 'export const answer: number = 42;\n');
    const right = run(join(path, 'test/unit/answer.test.ts'), '--test-name-pattern=the answer');
    assert.deepEqual([right.status, right.stderr], [0, '']);
    assert.match(right.stdout, /^ok 1 - the answer$/m);

    const none = run('test/unit/nothing.test.ts');
    assert.deepEqual([none.status, none.stdout], [2, '']);
    assert.match(none.stderr, /^there is no test file test\/unit\/nothing\.test\.ts$/m);
  } finally {
    rmSync(path, { recursive: true });
  }
});
