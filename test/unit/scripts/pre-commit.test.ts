/** scripts/hooks/pre-commit, in a small repository that has opted in as CONTRIBUTING.md says. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const hooks = fileURLToPath(new URL('../../../../scripts/hooks', import.meta.url));
const hasGit = spawnSync('git', ['--version']).status === 0;

test('a commit runs the quick checks and is refused where they fail', { skip: hasGit ? false : 'needs git' }, () => {
  const path = mkdtempSync(join(tmpdir(), 'plyfs-hook-'));
  try {
    // git tells a hook, and so these tests when a hook runs them, which repository it is about.
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('GIT_')));
    const git = (...words: string[]) =>
      spawnSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...words], {
        cwd: path,
        encoding: 'utf8',
        env,
        timeout: 60_000,
      });
    const commitWith = (check: string) => {
      writeFileSync(join(path, 'package.json'), JSON.stringify({ scripts: { check } }));
      git('add', 'package.json');
      return git('commit', '-qm', 'A change');
    };
    git('init', '-q');
    cpSync(hooks, join(path, 'scripts/hooks'), { recursive: true });
    git('config', 'core.hooksPath', 'scripts/hooks');

    const refused = commitWith('echo a wrong type; exit 3');
    assert.match(refused.stderr, /a wrong type\npre-commit: the checks failed, nothing is committed/);
    assert.notEqual(refused.status, 0);
    assert.notEqual(git('rev-parse', '-q', '--verify', 'HEAD').status, 0);

    const taken = commitWith('exit 0');
    assert.deepEqual([taken.status, taken.stderr], [0, '']);
    assert.equal(git('log', '--format=%s').stdout, 'A change\n');
  } finally {
    rmSync(path, { recursive: true });
  }
});
