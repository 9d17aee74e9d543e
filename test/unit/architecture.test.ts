import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

/** The sources, not what is compiled from them: type imports are edges as well. */
const root = fileURLToPath(new URL('../../../', import.meta.url));
const map = readFileSync(join(root, 'src/MAP.md'), 'utf8');

interface Import {
  file: string;
  from: string;
}

/** The rows of the table of src/MAP.md whose header begins with `title`: first and last column. */
function tableRows(title: string): [string, string][] {
  const lines = map.split('\n');
  const start = lines.findIndex((line) => line.startsWith(`| ${title}`));
  const rows = lines.slice(start + 2, lines.indexOf('', start) < 0 ? undefined : lines.indexOf('', start));
  return rows.map((row) => {
    const cells = row.split('|').map((cell) => cell.trim());
    return [cells[1] ?? '', cells.at(-2) ?? ''];
  });
}

/** Static, dynamic and re-exporting imports, and packages taken with require. */
function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), 'utf8');
  const patterns = [
    /^(?:import|export)\s[^'"]*?from '([^']+)'/gms,
    /^import '([^']+)'/gm,
    /\bimport\('([^']+)'\)/g,
    /\)\('([^']+)'\)/g,
  ];
  return patterns.flatMap((pattern) => [...text.matchAll(pattern)].map((match) => ({ file, from: match[1] ?? '' })));
}

/** Each import that the map forbids, as `file -> what`. */
function violations(
  imports: readonly Import[],
  edges: ReadonlyMap<string, readonly string[]>,
  adaptors: ReadonlyMap<string, string>,
) {
  return imports
    .filter(({ file, from }) => isForbidden(file, from, edges, adaptors))
    .map(({ file, from }) => `${file} -> ${from}`);
}

function isForbidden(
  file: string,
  from: string,
  edges: ReadonlyMap<string, readonly string[]>,
  adaptors: ReadonlyMap<string, string>,
) {
  if (from.startsWith('node:') || builtinModules.includes(from)) return false;
  if (!from.startsWith('.')) return adaptors.get(from) !== file;
  const folder = folderOf(file);
  const target = folderOf(relative(root, join(root, dirname(file), from)));
  // src/index.ts is the library's face: it may show everything.
  return file !== 'src/index.ts' && folder !== target && !edges.get(folder)?.includes(target);
}

/** The room of a file: the longest row of the map that its path begins with; the folder itself where no row has it. */
function folderOf(file: string): string {
  const folder = dirname(file).split('/').slice(1).join('/');
  for (let room = folder; room !== '.' && room !== ''; room = dirname(room)) if (edges.has(room)) return room;
  return folder;
}

/** What two rooms of the map make of an import; undefined within a room and for packages. */
function edgeOf(file: string, from: string): string | undefined {
  if (!from.startsWith('.')) return undefined;
  const [room, target] = [folderOf(file), folderOf(relative(root, join(root, dirname(file), from)))];
  return room === target ? undefined : `${room} -> ${target}`;
}

function neighbours(file: string): string[] {
  const targets = importsOf(file).filter(({ from }) => from.startsWith('.'));
  return targets.map(({ from }) => relative(root, join(root, dirname(file), from)).replace(/\.js$/, '.ts'));
}

/** The groups of files that reach each other (Tarjan's strongly connected components of more than one). */
function circles(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const stack: string[] = [];
  const found: string[][] = [];
  const visit = (file: string): number => {
    const own = order.size;
    order.set(file, own);
    lowest.set(file, own);
    stack.push(file);
    for (const next of graph.get(file) ?? []) {
      const reached = order.has(next) ? (stack.includes(next) ? order.get(next)! : own) : visit(next);
      lowest.set(file, Math.min(lowest.get(file)!, reached));
    }
    if (lowest.get(file) === own) {
      const group = stack.splice(stack.indexOf(file));
      if (group.length > 1) found.push(group.sort());
    }
    return lowest.get(file)!;
  };
  for (const file of graph.keys()) if (!order.has(file)) visit(file);
  return found;
}

/** A file over this is usually two things. */
const wall = 350;
/** Everybody may import these, whether or not somebody does today. */
const groundFloor = /-> (base|observe)$/;

const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => `src/${file}`);
const edges = new Map(tableRows('folder').map(([folder, below]) => [folder, below.split(',').map((word) => word.trim())]));
const adaptors = new Map(tableRows('package'));

test('imports go down the map, and an npm package is imported by its adaptor only', () => {
  assert.deepEqual(violations(files.flatMap(importsOf), edges, adaptors), []);
});

test('every folder of src is on the map, and every row of the map is a folder', () => {
  const folders = new Set(files.map((file) => dirname(file).split('/').slice(1).join('/')).filter((folder) => folder !== ''));
  assert.deepEqual([...folders].filter((folder) => !edges.has(folder)).sort(), [], 'folders without a row in src/MAP.md');
  assert.deepEqual([...edges.keys()].filter((row) => !folders.has(row)).sort(), [], 'rows of src/MAP.md without a folder');
});

test('an edge of the map is used by a file', () => {
  const used = new Set(files.flatMap(importsOf).flatMap(({ file, from }) => edgeOf(file, from) ?? []));
  const unused = [...edges].flatMap(([room, below]) =>
    below.filter((to) => to !== '' && !used.has(`${room} -> ${to}`)).map((to) => `${room} -> ${to}`),
  );
  assert.deepEqual(
    unused.filter((edge) => !groundFloor.test(edge)),
    [],
  );
});

test('no file of src has more than 350 lines', () => {
  assert.deepEqual(
    files.filter((file) => readFileSync(join(root, file), 'utf8').split('\n').length - 1 > wall),
    [],
  );
});

test('no circle of files, types included', () => {
  assert.deepEqual(circles(new Map(files.map((file) => [file, neighbours(file)]))), []);
  assert.deepEqual(
    circles(
      new Map([
        ['a', ['b']],
        ['b', ['c']],
        ['c', ['b']],
      ]),
    ),
    [['b', 'c']],
  );
});

test('the architecture test sees an edge that goes up, one across towers, and a package out of place', () => {
  const wrong: Import[] = [
    { file: 'src/base/mode.ts', from: '../sys/open.js' },
    { file: 'src/fuse/direct/session.ts', from: '../../overlay/open.js' },
    { file: 'src/store/blobs.ts', from: 'koffi' },
  ];
  assert.equal(violations(wrong, edges, adaptors).length, 3);
  const right: Import[] = [
    { file: 'src/fuse/direct/session.ts', from: '../../vfs/filesystem.js' },
    { file: 'src/sys/libc.ts', from: 'koffi' },
    { file: 'src/sys/open.ts', from: 'node:fs' },
  ];
  assert.deepEqual(violations(right, edges, adaptors), []);
  assert.ok(importsOf('src/sys/libc.ts').some(({ from }) => from === 'koffi'));
});

/** What node loads before the first statement of `file` runs: type imports are gone by then. */
function loadedWith(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  const text = readFileSync(join(root, file), 'utf8');
  for (const match of text.matchAll(/^(?:import|export)\s(?!type\b)[^'"]*?from '(\.[^']+)'|^import '(\.[^']+)'/gms)) {
    const from = match[1] ?? match[2] ?? '';
    loadedWith(relative(root, join(root, dirname(file), from)).replace(/\.js$/, '.ts'), seen);
  }
  return seen;
}

test('a mount of directories starts without loading images, the command package or, in the main thread, the engine', () => {
  const main = [
    ...loadedWith('src/cli/mount-process.ts'),
    ...loadedWith('src/cli/mount-run.ts'),
    ...loadedWith('src/fuse/direct/driver.ts'),
  ];
  const heavy = /^src\/(image|store|oci|tar|registry|overlay|layers)\/|direct\/session|cli\/command\.ts|structs\.ts/;
  assert.deepEqual(
    main.filter((file) => heavy.test(file)),
    [],
  );
  const serving = [...loadedWith('src/daemon/thread-main.ts')];
  assert.deepEqual(
    serving.filter((file) => /^src\/(image|store|oci|registry)\//.test(file)),
    [],
  );
  assert.ok(serving.includes('src/fuse/direct/session.ts'));
});
