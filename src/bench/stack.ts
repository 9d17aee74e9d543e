/** A stack of layers to be measured, with lists of what its merged view holds. */

import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PlyfsError } from '../base/errors.js';
import { seededRandom, shuffle } from './statistics.js';

export interface Stack {
  name: string;
  /** Top first, absolute. */
  layers: readonly string[];
  /** A plain directory with the content of the merged view; undefined: the bare directory cannot take part. */
  flat?: string;
  survey: Survey;
}

/** What is in the view. Lists are files of paths below the root, each ended by a NUL, in a random order that is always the same. */
export interface Survey {
  fileList: string;
  files: number;
  /** Everything: directories, symlinks and the rest included. */
  objects: number;
  /** Bytes of all regular files that are not in `largeFiles`. */
  smallBytes: number;
  /** Regular files of 16 MiB and more, largest first; not in `fileList`. */
  largeFiles: readonly { path: string; bytes: number }[];
  /** Directories of at least 100 files in all that are not inside one another, largest first; for removals. */
  trees: readonly { path: string; objects: number }[];
  /** Where C headers are, for the compile workload. */
  includes: readonly string[];
}

const largeBytes = 16 * 1024 * 1024;

/** Walks `root` (the merged view) with find(1), puts the lists into `directory` and returns what it saw. */
export function surveyOf(root: string, directory: string): Survey {
  const find = spawnSync('find', ['.', '-printf', '%y %s %P\\0'], { cwd: root, maxBuffer: 1 << 30, timeout: 300_000 });
  if (find.status !== 0) throw new PlyfsError('bench', `find could not walk ${root}: ${find.stderr.toString()}`);
  const files: string[] = [];
  const largeFiles: { path: string; bytes: number }[] = [];
  const below = new Map<string, number>();
  let smallBytes = 0;
  const entries = find.stdout.toString('latin1').split('\0').slice(0, -1);
  for (const entry of entries) {
    const [kind, size] = entry.split(' ', 2) as [string, string]; // as: find printed them
    const path = entry.slice(kind.length + size.length + 2);
    for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
      const parent = path.slice(0, slash);
      below.set(parent, (below.get(parent) ?? 0) + 1);
    }
    if (kind !== 'f') continue;
    if (Number(size) >= largeBytes) largeFiles.push({ path, bytes: Number(size) });
    else {
      files.push(path);
      smallBytes += Number(size);
    }
  }
  mkdirSync(directory, { recursive: true });
  const survey: Survey = {
    fileList: join(directory, 'files'),
    files: files.length,
    objects: entries.length,
    smallBytes,
    largeFiles: largeFiles.sort((a, b) => b.bytes - a.bytes),
    trees: treesOf(below),
    includes: ['usr/include', 'usr/include/x86_64-linux-gnu', 'usr/include/aarch64-linux-gnu'].filter((path) => below.has(path)),
  };
  writeList(survey.fileList, shuffle(files.sort(), seededRandom(7)));
  return survey;
}

/** Directories two names deep or less: what somebody would remove in one go. */
function treesOf(below: Map<string, number>): { path: string; objects: number }[] {
  const trees = [...below].filter(([path, count]) => count >= 100 && path.split('/').length === 2);
  const found = trees.length > 0 ? trees : [...below].filter(([path]) => !path.includes('/'));
  return found.map(([path, objects]) => ({ path, objects })).sort((a, b) => b.objects - a.objects || (a.path < b.path ? -1 : 1));
}

/** `paths` hold one byte per character. */
export function writeList(file: string, paths: readonly string[]): void {
  writeFileSync(file, Buffer.from(paths.map((path) => `${path}\0`).join(''), 'latin1'));
}

export function readList(file: string): string[] {
  return readFileSync(file, 'latin1').split('\0').slice(0, -1);
}
