#!/usr/bin/env node
// Runs the compiled tests (dist/test) with node's test runner. --quick leaves out those that mount (test/mount). Further words choose
// files by a part of their name: `npm test -- union`.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const words = process.argv.slice(2);
const isQuick = words.includes('--quick');
const wanted = words.filter((word) => !word.startsWith('--'));

function testFiles(directory) {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return isQuick && entry.name === 'mount' ? [] : testFiles(path);
    return entry.name.endsWith('.test.js') ? [path] : [];
  });
}

const files = testFiles('dist/test').filter((file) => wanted.length === 0 || wanted.some((word) => file.includes(word)));
if (files.length === 0) {
  console.error(`no test file matches ${wanted.join(' ')}: run npm run build first, or choose another word`);
  process.exit(1);
}
// Besides the report itself, one line of counts, printed last.
const scratch = mkdtempSync(join(tmpdir(), 'plyfs-tests-'));
const summaryFile = join(scratch, 'summary');
const run = spawnSync(
  process.execPath,
  [
    '--enable-source-maps',
    '--test',
    '--test-concurrency=2',
    // A file that hangs fails by its name, and the others are run.
    `--test-timeout=${15 * 60_000}`,
    `--test-reporter=${process.stdout.isTTY ? 'spec' : 'tap'}`,
    '--test-reporter-destination=stdout',
    `--test-reporter=${fileURLToPath(new URL('summary-reporter.mjs', import.meta.url))}`,
    `--test-reporter-destination=${summaryFile}`,
    ...files,
  ],
  { stdio: 'inherit' },
);
process.stdout.write(existsSync(summaryFile) ? readFileSync(summaryFile, 'utf8') : 'the test runner ended without a summary\n');
rmSync(scratch, { recursive: true });
process.exit(run.status ?? 1);
