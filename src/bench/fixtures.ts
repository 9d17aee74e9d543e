/** Layers to measure on, made from what the machine has: about 33,000 small files of /usr over ten layers with replacements, whiteouts
 *  and opaque directories, a 512 MiB and a 1 GiB file; and stacks of any depth. The same machine and seed give the same layers. They
 *  lie outside the repository, are built once, and are kept. */

import { spawnSync } from 'node:child_process';
import {
  accessSync,
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PlyfsError } from '../base/errors.js';
import { S_IFCHR } from '../base/mode.js';
import { type Name, nameFromText } from '../base/name.js';
import { ifPresent } from '../base/node-error.js';
import { markerFormats } from '../layers/markers.js';
import { AT_FDCWD, O_RDONLY } from '../sys/constants.js';
import { mknodAt } from '../sys/namespace.js';
import { closeFd, openPath } from '../sys/open.js';
import { setxattrAt } from '../sys/xattr.js';
import { buildInputs, type Inputs, inputsAt } from './inputs.js';
import { type Stack, type Survey, surveyOf, writeList } from './stack.js';
import { seededRandom, shuffle } from './statistics.js';

/** Raised when something is built otherwise: an older cache is then not used. */
const versions = { mixed: 7, deep: 1, inputs: 1 };
const mixedLayers = 10;
const mixedFiles = 33_000;
const deepFiles = 2000;
const deepDirectories = 20;
const sourceRoots = ['/usr/include', '/usr/share', '/usr/lib', '/usr/local', '/opt'];
const smallBytes = 48 * 1024;
/** gcc's own headers, which those of libc include: the compile workload takes them from the mount as well. */
const alwaysBelow = ['/usr/include/', '/usr/lib/gcc/'];

/** Mounts the union of `layers` read-only somewhere and calls `use` with the directory. */
export type WithView = (layers: readonly string[], use: (root: string) => void) => void;

/** trusted.* is root's. */
const format = process.geteuid?.() === 0 ? markerFormats.overlay : markerFormats.overlayUser;

/** Users do not share what they build. */
const ownName = process.geteuid?.() === 0 ? 'plyfs-bench' : `plyfs-bench-${process.geteuid?.()}`;

export function defaultCache(): string {
  return process.env.PLYFS_BENCH_CACHE ?? join(process.env.TMPDIR ?? tmpdir(), ownName);
}

/** Runs `build` once: a directory is there whole or not at all. */
function once(directory: string, note: (text: string) => void, build: (directory: string) => void): string {
  if (existsSync(join(directory, 'complete'))) return directory;
  note(`building ${directory}`);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  build(directory);
  writeFileSync(join(directory, 'complete'), '');
  return directory;
}

/** The ten layers. */
export function mixedStack(cache: string, withView: WithView, note: (text: string) => void): Stack {
  const home = once(join(cache, `mixed-v${versions.mixed}`), note, (directory) => {
    const layers = buildMixed(directory);
    withView(layers, (root) => {
      writeFileSync(join(directory, 'survey.json'), JSON.stringify(surveyOf(root, directory)));
      // Without the 1 GiB file, which only copy-up needs.
      mkdirSync(join(directory, 'flat'));
      run('sh', '-c', 'tar -C "$1" -cf - --exclude=./large/1GiB . | tar -C "$2" -xf -', 'sh', root, join(directory, 'flat'));
    });
  });
  const survey = JSON.parse(readFileSync(join(home, 'survey.json'), 'utf8')) as Survey; // as: written above
  return { name: 'mixed', layers: layerPaths(home, mixedLayers), flat: join(home, 'flat'), survey };
}

export function inputs(cache: string, note: (text: string) => void): Inputs {
  return inputsAt(once(join(cache, `inputs-v${versions.inputs}`), note, buildInputs));
}

/** `depth` layers that share 20 directories; each of the 2,000 files is in one layer, all layers have as many. */
export function deepStack(cache: string, depth: number, note: (text: string) => void): Stack {
  const home = once(join(cache, `deep-${depth}-v${versions.deep}`), note, (directory) => buildDeep(directory, depth));
  const survey: Survey = {
    fileList: join(home, 'files'),
    files: deepFiles,
    objects: deepFiles + deepDirectories,
    smallBytes: deepFiles * 8,
    largeFiles: [],
    trees: [],
    includes: [],
  };
  return { name: `${depth} layers`, layers: layerPaths(home, depth), flat: join(home, 'flat'), survey };
}

/** Top first. */
function layerPaths(home: string, depth: number): string[] {
  return Array.from({ length: depth }, (_, i) => join(home, 'layers', String(depth - 1 - i)));
}

function run(program: string, ...args: string[]): void {
  const done = spawnSync(program, args, { timeout: 600_000 });
  if (done.status !== 0) throw new PlyfsError('bench', `${program} ${args.join(' ')} failed: ${done.stderr?.toString()}`);
}

function buildDeep(home: string, depth: number): void {
  const random = seededRandom(depth);
  const files: string[] = [];
  for (let layer = 0; layer < depth; layer++)
    for (let d = 0; d < deepDirectories; d++) mkdirSync(join(home, 'layers', String(layer), `dir${d}`), { recursive: true });
  for (let d = 0; d < deepDirectories; d++) mkdirSync(join(home, 'flat', `dir${d}`), { recursive: true });
  for (let i = 0; i < deepFiles; i++) {
    const path = `dir${i % deepDirectories}/file${i}`;
    // Neighbours in a directory lie in different layers.
    const layer = Math.floor(i / deepDirectories + i) % depth;
    writeFileSync(join(home, 'layers', String(layer), path), 'content\n');
    writeFileSync(join(home, 'flat', path), 'content\n');
    files.push(path);
  }
  writeList(join(home, 'files'), shuffle(files, random));
}

/** The layers below `home`/layers, 0 the bottom; returned top first. */
function buildMixed(home: string): string[] {
  const random = seededRandom(20_261_122);
  const sources = chooseSources(random);
  const visible = new Set<string>();
  for (let layer = 0; layer < mixedLayers; layer++) {
    const root = join(home, 'layers', String(layer));
    mkdirSync(root, { recursive: true });
    const lower = [...visible].filter((path) => !alwaysBelow.some((prefix) => path.startsWith(prefix)));
    // Headers first, so that the bottom layer has them; then equal shares, the bottom one as large as four.
    const share =
      layer === 0 ? sources.splice(0, Math.floor((mixedFiles * 4) / 13)) : sources.splice(0, Math.ceil(mixedFiles / 13));
    for (const path of share) {
      put(path, join(root, path));
      visible.add(path);
    }
    if (layer === 3) writeLarge(join(root, 'large/512MiB'), 512);
    if (layer === 4) writeLarge(join(root, 'large/1GiB'), 1024);
    if (layer > 0) change(root, lower, share, visible, random);
  }
  return layerPaths(home, mixedLayers);
}

/** What a layer does to those below: 300 files replaced, 60 removed, 5 directories made opaque. */
function change(root: string, lower: string[], share: string[], visible: Set<string>, random: () => number): void {
  shuffle(lower, random);
  for (const path of lower.splice(0, 300)) put(share[Math.floor(random() * share.length)] ?? path, join(root, path));
  const removed = lower.splice(0, 60);
  for (const path of removed) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    mknodAt(AT_FDCWD, nameFromText(join(root, path)), S_IFCHR, 0);
    visible.delete(path);
  }
  // No union writes a whiteout into an opaque directory, and the kernel's does not hide one there.
  const directories = lower.map((path) => dirname(path)).filter((each) => !removed.some((path) => path.startsWith(`${each}/`)));
  const opaque = new Set(directories.slice(0, 5));
  for (const directory of opaque) {
    mkdirSync(join(root, directory), { recursive: true });
    writeFileSync(join(root, directory, 'opaque-note'), 'what was here below is gone\n');
    markOpaque(join(root, directory));
    for (const path of visible) if (path.startsWith(`${directory}/`) && !existsSync(join(root, path))) visible.delete(path);
  }
}

function markOpaque(directory: string): void {
  const fd = openPath(directory, O_RDONLY);
  try {
    setxattrAt(fd, '' as Name, nameFromText(`${format.prefix}opaque`), Buffer.from('y'));
  } finally {
    closeFd(fd);
  }
}

function put(source: string, target: string): void {
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(source, target);
}

/** Incompressible, so that no layer below can cheat; the same every time. */
function writeLarge(path: string, mebibytes: number): void {
  mkdirSync(dirname(path), { recursive: true });
  const random = seededRandom(mebibytes);
  const block = Buffer.alloc(1 << 20);
  for (let i = 0; i < block.length; i += 4) block.writeUInt32LE(Math.floor(random() * 0x100000000), i);
  const fd = openSync(path, 'w');
  for (let i = 0; i < mebibytes; i++) {
    block.writeUInt32LE(i, 0);
    writeSync(fd, block);
  }
  closeSync(fd);
}

/** Small regular files of this machine: all headers, then a random choice, 33,000 together. */
function chooseSources(random: () => number): string[] {
  const headers: string[] = [];
  const others: string[] = [];
  for (const root of sourceRoots) collect(root, headers, others);
  shuffle(others, random);
  const chosen = [...headers, ...others.slice(0, Math.max(0, mixedFiles - headers.length))];
  if (chosen.length < 1000) throw new PlyfsError('bench', `only ${chosen.length} files below /usr to make layers from`);
  return chosen;
}

function collect(directory: string, headers: string[], others: string[]): void {
  const found = ifPresent(() => readdirSync(directory, { withFileTypes: true }), 'EACCES');
  if (found === undefined) return;
  const entries = found.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const path = `${directory}/${entry.name}`;
    if (path.includes('\ufffd')) continue; // no UTF-8: cannot be spelled here
    if (entry.isDirectory()) collect(path, headers, others);
    else if (entry.isFile() && isWanted(path)) {
      if (path.startsWith('/usr/include/') || (path.startsWith('/usr/lib/gcc/') && path.endsWith('.h'))) headers.push(path);
      else others.push(path);
    }
  }
}

function isReadable(path: string): boolean {
  return ifPresent(() => accessSync(path, constants.R_OK) ?? true, 'EACCES') === true;
}

/** Headers of any size: a missing one would end every compilation. */
function isWanted(path: string): boolean {
  const stat = lstatSync(path);
  return (stat.size <= smallBytes || path.startsWith('/usr/include/')) && (stat.mode & 0o444) !== 0 && isReadable(path);
}
