/** The law of the house: each code that src and test cite has a row in native-notes/promises.md, and each row is cited. */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const promises = readFileSync(join(root, 'native-notes/promises.md'), 'utf8');

/** One capital or OV, a dash, a number of at most two digits: not UTF-8, not SHA-256, not CVE-2021. `X-1 to X-4` stands for all four. */
const citation = /\b(OV|[A-Z])-(\d{1,2})(?: to \1-(\d{1,2}))?\b/g;

function citedIn(text: string): string[] {
  return [...text.matchAll(citation)].flatMap(([, group, first, last]) => {
    const from = Number(first);
    const count = last === undefined ? 1 : Number(last) - from + 1;
    return Array.from({ length: count }, (_, at) => `${group}-${from + at}`);
  });
}

/** The first cells of the rows, without the heads of the tables. */
function definedIn(markdown: string): string[] {
  return [...markdown.matchAll(/^\| ((?:OV|[A-Z])-\d+) \|/gm)].map((match) => match[1] ?? '');
}

/** What is wrong, as sentences. `texts` by the name of their file. */
function faults(markdown: string, texts: ReadonlyMap<string, string>): string[] {
  const defined = definedIn(markdown);
  const cited = new Map<string, string>();
  for (const [file, text] of texts) for (const code of citedIn(text)) if (!cited.has(code)) cited.set(code, file);
  return [
    ...[...cited]
      .filter(([code]) => !defined.includes(code))
      .map(([code, file]) => `${code}, cited in ${file}, has no row in native-notes/promises.md`),
    ...defined.filter((code) => !cited.has(code)).map((code) => `${code} has a row, and nothing in src or test cites it`),
    ...defined.filter((code, at) => defined.indexOf(code) !== at).map((code) => `${code} has two rows`),
  ];
}

/** The sources of src and test, but for this file, whose codes are examples. */
function sources(): Map<string, string> {
  const files = ['src', 'test'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.(ts|md)$/.test(file) && file !== 'unit/promises.test.ts')
      .map((file) => `${folder}/${file}`),
  );
  return new Map(files.map((file) => [file, readFileSync(join(root, file), 'utf8')]));
}

test('every promise that src and test cite is written down, and every one that is written down is cited', () => {
  assert.ok(definedIn(promises).length > 80, 'the tables of native-notes/promises.md were not found');
  assert.deepEqual(faults(promises, sources()), []);
});

test('what the notes cite is written down too', () => {
  const notes = readdirSync(join(root, 'native-notes')).filter((file) => file.endsWith('.md') && file !== 'promises.md');
  const files = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', ...notes.map((file) => `native-notes/${file}`)];
  const defined = definedIn(promises);
  const unknown = files.flatMap((file) =>
    citedIn(readFileSync(join(root, file), 'utf8')).filter((code) => !defined.includes(code)),
  );
  assert.deepEqual(unknown, []);
});

test('a row says what is promised and where that comes from', () => {
  const rows = promises.split('\n').filter((line) => definedIn(line).length > 0);
  const incomplete = rows.filter(
    (row) => row.split(/(?<!\\)\|/).length !== 5 || row.split('|').some((cell, at) => at > 1 && at < 4 && cell.trim() === ''),
  );
  assert.deepEqual(incomplete, []);
});

test('a code without a row, a row without a use and a second row are found', () => {
  const rows = '| X-1 | a promise | somewhere |\n| X-2 | another | there |\n| X-2 | again | there |\n| OV-30 | kept | here |\n';
  const texts = new Map([
    ['a.ts', '/** Kept (X-1); see OV-30, UTF-8, SHA-256, CVE-2021-41190. */'],
    ['b.ts', 'Y-3 to Y-5'],
  ]);
  assert.deepEqual(faults(rows, texts), [
    ...['Y-3', 'Y-4', 'Y-5'].map((code) => `${code}, cited in b.ts, has no row in native-notes/promises.md`),
    ...['X-2', 'X-2'].map((code) => `${code} has a row, and nothing in src or test cites it`),
    'X-2 has two rows',
  ]);
});
