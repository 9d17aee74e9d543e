/** plyfs find: names of an image below a directory. */

import { PlyfsError } from '../../base/errors.js';
import { fnmatchPattern } from '../../base/fnmatch.js';
import { dirType, kindName } from '../../base/mode.js';
import { type Name, textFromName } from '../../base/name.js';
import { jsonName } from '../../base/shown.js';
import type { ImageView, ViewEntry } from '../../image/tree/image-view.js';
import { type Command, factsOf, newCommand, runCommand, wholeNumber } from '../command.js';
import type { CommandFacts } from '../command-facts.js';
import { shownName, writeBytes } from '../file-text.js';
import { type ImageOptions, withImage, withView } from '../image-arguments.js';
import { wordBytes } from '../word-bytes.js';

interface Options extends ImageOptions {
  name?: string;
  type?: string;
  maxdepth?: number;
  print0?: boolean;
  json?: boolean;
}

interface Found extends ViewEntry {
  readonly path: Name;
}

/** find(1) spells its tests with one dash; both are taken here. */
export function run(words: readonly string[]): Promise<number> {
  const spelled = words.map((word) => (/^-(name|type|maxdepth|print0)$/.test(word) ? `-${word}` : word));
  return runCommand(findCommand(), spelled);
}

export const facts = (): CommandFacts => factsOf(findCommand());

function findCommand(): Command {
  return withImage(
    newCommand('find', 'Lists the names of an image below a directory, sorted.', [
      "plyfs find app.tar /etc -name '*.conf'",
      'plyfs find busybox / -type l',
    ]),
  )
    .argument('[path]', 'where to begin', '/')
    .option('--name <glob>', 'only names that fit: *, ?, [a-z]')
    .option('--type <letter>', 'only f, d, l, c, b, p or s')
    .option('--maxdepth <n>', 'not deeper below the path', wholeNumber)
    .option('--print0', 'end each name with a NUL byte')
    .option('--json', 'print a JSON array')
    .action((image: string, path: string, options: Options) => withView(image, options, (view) => print(view, path, options)));
}

const types: Readonly<Record<string, number>> = {
  f: dirType.reg,
  d: dirType.dir,
  l: dirType.lnk,
  c: dirType.chr,
  b: dirType.blk,
  p: dirType.fifo,
  s: dirType.sock,
};

function print(view: ImageView, path: string, options: Options): void {
  const type = options.type === undefined ? undefined : types[options.type];
  if (options.type !== undefined && type === undefined) {
    throw new PlyfsError('usage', `--type ${options.type}: write ${Object.keys(types).join(', ')}`);
  }
  const pattern = options.name === undefined ? undefined : fnmatchPattern(options.name);
  const found: Found[] = [];
  for (const entry of walk(view, path, options.maxdepth ?? Number.POSITIVE_INFINITY)) {
    if (type !== undefined && entry.type !== type) continue;
    if (pattern !== undefined && !pattern.test(textFromName(entry.name))) continue;
    found.push(entry);
  }
  if (options.json === true) {
    const objects = found.map((entry) => ({ ...jsonName('path', entry.path), kind: kindName(entry.type) }));
    process.stdout.write(`${JSON.stringify(objects, undefined, 2)}\n`);
  } else if (options.print0 === true) {
    writeBytes(found.map((entry) => `${entry.path}\0`).join(''));
  } else writeBytes(found.map((entry) => `${shownName(entry.path)}\n`).join(''));
}

function* walk(view: ImageView, path: string, maxDepth: number): Generator<Found> {
  const start = wordBytes(path);
  const node = view.get(start, false);
  const name = (start.split('/').findLast((part) => part !== '') ?? '/') as Name; // a part of a Name
  yield { name, type: view.type(node), node, path: start };
  if (view.type(node) === dirType.dir) yield* walkBelow(view, node, start.replace(/\/+$/, '') as Name, maxDepth); // still its bytes
}

function* walkBelow(view: ImageView, directory: number, prefix: Name, depthLeft: number): Generator<Found> {
  if (depthLeft <= 0) return;
  for (const entry of view.list(directory)) {
    const path = `${prefix}/${entry.name}` as Name; // joined of Names
    yield { ...entry, path };
    if (entry.type === dirType.dir) yield* walkBelow(view, entry.node, path, depthLeft - 1);
  }
}
