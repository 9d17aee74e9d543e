/** CONTRIBUTING.md says what is so: every environment variable, every trace topic, files and npm scripts that are there. */

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const text = readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8');

/** The texts of all files in `folders`, this one left out. */
function textsOf(...folders: readonly string[]): string[] {
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .map((file) => join(root, folder, file))
      .filter((file) => statSync(file).isFile() && !file.endsWith('unit/contributing.test.ts'))
      .map((file) => readFileSync(file, 'utf8')),
  );
}

function all(pattern: RegExp, texts: readonly string[]): string[] {
  return [...new Set(texts.flatMap((each) => [...each.matchAll(pattern)].map((match) => match[1] ?? '')))].sort();
}

test('the variables of CONTRIBUTING.md are those that the code reads', () => {
  const used = all(/\b(PLYFS_[A-Z][A-Z_]*[A-Z])\b/g, textsOf('src', 'bin', 'scripts', 'test', 'bench'));
  assert.deepEqual(all(/^\| `(PLYFS_[A-Z_]+)` \|/gm, [text]), used);
  assert.ok(used.includes('PLYFS_SEED') && used.includes('PLYFS_TRACE'), 'the search finds what is there');
});

test('the trace topics of CONTRIBUTING.md are those of the code', () => {
  const topics = text.slice(text.indexOf('## Trace topics'), text.indexOf('## Environment variables'));
  assert.deepEqual(all(/^\| `([a-z]+)` \|/gm, [topics]), all(/\btrace\('([a-z]+)'/g, textsOf('src')));
});

test('files and npm scripts that CONTRIBUTING.md names are there', () => {
  const paths = all(/(?<!dist\/)\b((?:src|test|scripts|native-notes)\/[\w./-]*\w)/g, [text]).filter(
    (path) => !existsSync(join(root, path)),
  );
  assert.deepEqual(paths, []);
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
  const words = all(/`npm run ([a-z:]+)/g, [text]);
  assert.ok(words.length > 4);
  assert.deepEqual(
    words.filter((word) => scripts[word] === undefined),
    [],
  );
});
