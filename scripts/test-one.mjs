#!/usr/bin/env node
// Runs test files alone, without a build: compiles what changed since the last one (no types are checked), then runs them.
//   npm run test:one -- test/unit/layers/markers.test.ts [--test-name-pattern=WORDS]
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync, utimesSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('../', import.meta.url));
const words = process.argv.slice(2);
const options = words.filter((word) => word.startsWith('-'));
const wanted = words.filter((word) => !word.startsWith('-')).map((word) => relative(root, word));

const wrong = wanted.find((file) => !file.endsWith('.test.ts') || !isFile(join(root, file)));
if (wanted.length === 0 || wrong !== undefined) {
  console.error(
    `${wrong === undefined ? '' : `there is no test file ${wrong}\n`}Usage: npm run test:one -- test/unit/ROOM/FILE.test.ts...`,
  );
  process.exit(2);
}
process.chdir(root);
await compileChanged();
const compiled = wanted.map((file) => `dist/${file.replace(/\.ts$/, '.js')}`);
const reporter = `--test-reporter=${process.stdout.isTTY ? 'spec' : 'tap'}`;
const run = spawnSync(process.execPath, ['--enable-source-maps', '--test', reporter, ...options, ...compiled], {
  stdio: 'inherit',
});
process.exit(run.status ?? 1);

function isFile(path) {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

/** Commands are programs of their own and load what they like, so all that changed is compiled, not what the test imports alone. */
async function compileChanged() {
  const files = ['src', 'test', 'bench'].flatMap((folder) =>
    readdirSync(folder, { recursive: true })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => join(folder, file)),
  );
  const changed = files.filter((file) => {
    const compiled = statSync(`dist/${file.replace(/\.ts$/, '.js')}`, { throwIfNoEntry: false });
    return compiled === undefined || compiled.mtimeMs < statSync(file).mtimeMs;
  });
  if (changed.length === 0) return;
  // tsconfig.json says the rest (target, class fields, module syntax).
  await build({
    entryPoints: changed,
    outdir: 'dist',
    outbase: '.',
    bundle: false,
    format: 'esm',
    platform: 'node',
    sourcemap: true,
    logLevel: 'warning',
  });
  // bin/plyfs runs the bundles unless this file is newer.
  const main = 'dist/src/cli/main.js';
  if (existsSync(main)) utimesSync(main, new Date(), new Date());
}
