// Writes the declarations of the library, and of nothing else, from what tsc made: dist/types for import, the same as .d.cts for require.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const source = join(root, 'dist/src');
const types = join(root, 'dist/types');
const specifiers = /(\bfrom\s*|\bimport\s*\(\s*)(['"])(\.[^'"]*)\.js\2/g;

/** The files that the one leads to, itself first. */
function reached(file, seen = new Set()) {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const [, , , path] of readFileSync(file, 'utf8').matchAll(specifiers)) reached(join(dirname(file), `${path}.d.ts`), seen);
  return seen;
}

rmSync(types, { recursive: true, force: true });
for (const file of reached(join(source, 'index.d.ts'))) {
  const place = join(types, relative(source, file));
  const text = readFileSync(file, 'utf8');
  mkdirSync(dirname(place), { recursive: true });
  writeFileSync(place, text);
  writeFileSync(place.replace(/\.d\.ts$/, '.d.cts'), text.replaceAll(specifiers, '$1$2$3.cjs$2'));
}
