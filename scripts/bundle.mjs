#!/usr/bin/env node
// Puts the program into one CommonJS file for each thread that starts with a command, and the library into one for require():
// dist/bundle/NAME.code.js and library.cjs, with everything but the
// native packages in it. Loading some 75 to 115 modules one by one costs 0.7 ms each. Beside it lies what V8 made of it when the commands
// of warm-up.mjs ran, and NAME.cjs, which starts it. bin/plyfs uses them unless what tsc wrote is newer; names and line breaks of functions
// stay, so stacks can be read.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { warmUp } from './warm-up.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const source = join(root, 'dist/src');
const bundles = join(root, 'dist/bundle');

/** Name of the bundle and the module that starts the thread. */
const entries = {
  plyfs: 'cli/main.js',
  'mount-process': 'cli/mount-process.js',
  serve: 'daemon/thread-main.js',
  'ingest-worker': 'image/intake/ingest-worker.js',
  library: 'index.js',
};

/** CommonJS cannot wait at its top level, as base/xxhash.ts does. Here its waiting is kept aside, and each import() waits for it. */
const waiting = "globalThis[Symbol.for('plyfs.waiting')]";
const topLevelWait = {
  from: 'const wasm = await xxhash();',
  to: `let wasm;${waiting} = xxhash().then((made) => { wasm = made; });`,
};
const settled = `.then(async (module) => (await ${waiting}, module))`;

function rewritten(path, text) {
  if (path.endsWith('/daemon/thread-file.js')) return `export const serveFile = bundledFile('serve.cjs');`;
  if (path.endsWith('/mount/process-file.js')) return `export const processFile = bundledFile('mount-process.cjs');`;
  if (path.endsWith('/base/xxhash.js')) {
    if (!text.includes(topLevelWait.from)) throw new Error(`${path} waits otherwise than scripts/bundle.mjs knows`);
    return text.replace(topLevelWait.from, topLevelWait.to);
  }
  // Files go on finding their neighbours in dist/src, but for the worker that is bundled.
  const place = `bundledPlace(${JSON.stringify(relative(bundles, path))})`;
  return text
    .replaceAll(/\bimport\('[^']+'\)/g, (call) => call + settled)
    .replaceAll(`new URL('./ingest-worker.js', import.meta.url)`, `bundledFile('ingest-worker.cjs')`)
    .replaceAll('import.meta.url', place);
}

const asCommonJs = {
  name: 'as-common-js',
  setup({ onLoad }) {
    onLoad({ filter: /\.js$/ }, async ({ path }) => {
      if (!path.startsWith(source)) return undefined;
      return { contents: rewritten(path, await readFile(path, 'utf8')), resolveDir: dirname(path) };
    });
  },
};

function startOf(path) {
  if (path === entries['ingest-worker']) return `import('./base/xxhash.js')${settled}.then(() => import('./${path}'));`;
  if (path !== entries.library) return `require('./${path}');`;
  return `const library = require('./${path}'), ready = ${waiting};
    module.exports = { ...library, openImage: (...words) => ready.then(() => library.openImage(...words)) };`;
}

/** The path of a file by its path from the bundle. It stands before all modules, because a module may call something of its own `require`. */
const placing =
  `const bundledFile = ((path, here) => (file) => path.join(here, file))(require('node:path'), __dirname);` +
  `const bundledPlace = ((url) => (file) => url.pathToFileURL(bundledFile(file)).href)(require('node:url'));`;

rmSync(bundles, { recursive: true, force: true });
mkdirSync(bundles, { recursive: true });
const { outputFiles } = await build({
  entryPoints: Object.fromEntries(Object.entries(entries).map(([name, path]) => [name, `start:${path}`])),
  outdir: bundles,
  write: false,
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  external: ['koffi', 'fuse-native'],
  banner: { js: placing },
  // names stay: stacks in the log must be readable
  minifyWhitespace: true,
  minifySyntax: true,
  plugins: [
    {
      name: 'start',
      setup({ onResolve, onLoad }) {
        onResolve({ filter: /^start:/ }, ({ path }) => ({ path: path.slice('start:'.length), namespace: 'start' }));
        // A worker may be sent its first message before what waits at top level is done.
        onLoad({ filter: /./, namespace: 'start' }, ({ path }) => ({
          contents: startOf(path),
          resolveDir: source,
        }));
      },
    },
    asCommonJs,
  ],
  logLevel: 'warning',
});

for (const { path, text } of outputFiles) {
  const name = relative(bundles, path).replace(/\.js$/, '');
  const code = text.replace(/^#!.*/, '');
  if (name === 'library') {
    writeFileSync(join(bundles, `${name}.cjs`), code);
    continue;
  }
  // What V8 kept is of this very text: it does not look closer than at its length.
  const digest = createHash('sha256').update(code).digest('hex').slice(0, 16);
  writeFileSync(join(bundles, `${name}.code.js`), code);
  writeFileSync(join(bundles, `${name}.cjs`), launcher(name, digest));
}
warmUp(root);

function launcher(name, digest) {
  return readFileSync(new URL('launcher.cjs', import.meta.url), 'utf8')
    .replaceAll('NAME', name)
    .replaceAll('DIGEST', digest);
}
