/** The codes of PlyfsError: each is thrown somewhere, means one thing, and is in native-notes/errors.md. */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type ErrorCode, errorCodes } from '../../src/base/error-codes.js';
import { PlyfsError } from '../../src/base/errors.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const codes = Object.keys(errorCodes) as ErrorCode[]; // as its type says

/** Whether `text` throws the code: it is the first argument of what makes an error, or stands in a file of tables of codes. */
function throws(text: string, code: string): boolean {
  const isArgument = new RegExp(`(?:PlyfsError|failed|super)\\([^,;]*'${code}'`).test(text);
  return isArgument || (/\bErrorCode\b/.test(text) && new RegExp(`'${code}'|^ *${code}:`, 'm').test(text));
}

function unused(wanted: readonly string[], texts: readonly string[]): string[] {
  return wanted.filter((code) => !texts.some((text) => throws(text, code)));
}

function repeated(texts: readonly string[]): string[] {
  return texts.filter((text, i) => texts.indexOf(text) < i);
}

test('each error code is thrown somewhere', () => {
  const files = ['src', 'bench'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)),
  );
  const sources = files.filter((file) => file.endsWith('.ts') && !file.endsWith('error-codes.ts'));
  const texts = sources.map((file) => readFileSync(join(root, file), 'utf8'));
  assert.deepEqual(unused(codes, texts), [], 'rows of src/base/error-codes.ts that nothing throws: take them out');
});

test('no two error codes mean the same', () => {
  assert.deepEqual(repeated(codes.map((code) => errorCodes[code].meaning)), []);
});

test('native-notes/errors.md lists the error codes, in the order of src/base/error-codes.ts', () => {
  const text = readFileSync(join(root, 'native-notes/errors.md'), 'utf8');
  const found = text.split('\n').filter((line) => line.startsWith('| `'));
  const expected = codes.map((code) => `| \`${code}\` | ${errorCodes[code].exitStatus} | ${errorCodes[code].meaning} |`);
  assert.deepEqual(found, expected);
});

test('these checks can fail', () => {
  assert.deepEqual(unused(['a', 'b', 'c', 'd'], [`new PlyfsError('a', 'x'); const b = 'b';`, `const t: ErrorCode[] = ['c'];`]), [
    'b',
    'd',
  ]);
  assert.deepEqual(repeated(['x', 'y', 'x']), ['x']);
});

test('an error has the exit status of its code', () => {
  assert.deepEqual([new PlyfsError('usage', '').exitStatus, new PlyfsError('no-image', '').exitStatus], [2, 1]);
});
