/** PLYFS_SEED, the one seed of all random tests. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const search = new URL('../../support/search.js', import.meta.url).href;

/** A search that fails from the third case on, in a process of its own. */
function searching(seed: string | undefined): string {
  const { PLYFS_SEED: _, ...rest } = process.env;
  const env = seed === undefined ? rest : { ...rest, PLYFS_SEED: seed };
  const code = `let count = 0;
    const { search } = await import(${JSON.stringify(search)});
    await search('words', () => { if (++count > 2) throw new Error('the third'); });
    console.log('cases:', count);`;
  const ended = spawnSync(process.execPath, ['--input-type=module', '-e', code], { env, encoding: 'utf8', timeout: 60_000 });
  return ended.stdout + ended.stderr;
}

test('a random test that fails prints its seed, and PLYFS_SEED runs that one alone', () => {
  assert.match(searching(undefined), /words: PLYFS_SEED=\d+ fails: Error: the third/);
  assert.equal(searching('7'), 'cases: 1\n');
  assert.match(searching('seven'), /PLYFS_SEED is a whole number, not seven/);
});

test('no test takes chance from elsewhere', () => {
  const tests = fileURLToPath(new URL('../../../../test/', import.meta.url));
  const files = readdirSync(tests, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const others = files.filter((file) => /\bMath\.random\(|PLYFS_\w+_SEED\b/.test(readFileSync(join(tests, file), 'utf8')));
  assert.deepEqual(
    others.filter((file) => file !== 'unit/support/seed.test.ts'),
    [],
  );
});
