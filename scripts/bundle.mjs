#!/usr/bin/env node
// Puts the code of a mount's two threads into one CommonJS file each, dist/bundle/*.cjs: loading some 75 modules one by one is a third of
// the time that a mount takes to be ready. bin/plyfs uses them while they are newer than what tsc wrote; everything else runs dist/src.
import { readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const source = join(root, 'dist/src');
const bundles = join(root, 'dist/bundle');

/** The image tower stays in dist/src: a mount of directories never loads it, and it waits for wasm at its top level. */
const imageTower = {
  name: 'image-tower',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\.?\// }, ({ kind, path, resolveDir }) => {
      const target = join(resolveDir, path);
      const isTower = /\/(image|store)\/[^/]+\.js$|\/container\/mount-image\.js$/.test(target);
      if (kind !== 'dynamic-import' || !isTower) return undefined;
      return { path: `./${relative(bundles, target)}`, external: true };
    });
  },
};

/** A file goes on finding its neighbours in dist/src (further worker threads), but for the serving thread, which is bundled too. */
const ownPlace = {
  name: 'own-place',
  setup({ onLoad }) {
    onLoad({ filter: /\.js$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      if (path.endsWith('/container/serve-file.js')) {
        return { contents: `export const serveFile = require('node:path').join(__dirname, 'serve.cjs');` };
      }
      if (!path.startsWith(source) || !text.includes('import.meta.url')) return undefined;
      const place = `bundledPlace(${JSON.stringify(relative(bundles, path))})`;
      return { contents: text.replaceAll('import.meta.url', place), resolveDir: dirname(path) };
    });
  },
};

/** The URL of a file by its path from the bundle. It stands before all modules, because a module may call something of its own `require`. */
const placing =
  `const bundledPlace = ((url, path, here) => (file) => url.pathToFileURL(path.join(here, file)).href)` +
  `(require('node:url'), require('node:path'), __dirname);`;

await build({
  entryPoints: { 'mount-process': join(source, 'cli/mount-process.js'), serve: join(source, 'container/serve.js') },
  outdir: bundles,
  outExtension: { '.js': '.cjs' },
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  packages: 'external',
  banner: { js: placing },
  // names stay: stacks in the log must be readable
  minifyWhitespace: true,
  minifySyntax: true,
  plugins: [imageTower, ownPlace],
  logLevel: 'warning',
});
