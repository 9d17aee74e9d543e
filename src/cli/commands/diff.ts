/** plyfs diff: what changed, in docker's letters. */

import { PlyfsError } from '../../base/errors.js';
import { kindName } from '../../base/mode.js';
import { jsonName } from '../../base/shown.js';
import { flushContainer, flushUpper } from '../../container/flush.js';
import { type Change, diffTrees } from '../../image/changes/diff.js';
import { locateImage } from '../../image/find/locate.js';
import { type OpenedTree, openTreeOf, openUpper } from '../../image/find/open-tree.js';
import { Store } from '../../store/store.js';
import { newCommand } from '../command.js';
import { shownName, writeBytes } from '../file-text.js';
import { sizeText } from '../units.js';

interface Options {
  content?: boolean;
  xattrs?: boolean;
  stat?: boolean;
  json?: boolean;
  verify?: boolean;
  upper?: string;
  onto?: string;
}

export const command = newCommand(
  'diff',
  'Lists what changed: A added, C changed, D deleted. Of a container against its image, of an image by its top layer,\n' +
    'or between any two of container, image, archive, layer (its digest) and directory (its path, with a slash).',
  [
    'plyfs diff web',
    'plyfs diff --stat app:1.0 app:1.1',
    'plyfs diff --content --xattrs app.tar ./unpacked/',
    'plyfs diff --upper changes --onto app:1.0    # an upper that any overlay has written',
  ],
)
  .argument('[a]', 'a container, image, archive, layer or directory')
  .argument('[b]', 'another; the changes lead from A to B')
  .option('--content', 'compare files by their bytes; another time alone is no change')
  .option('--xattrs', 'compare all extended attributes, not file capabilities alone')
  .option('--stat', 'show sizes and what is different')
  .option('--json', 'print a JSON array')
  .option('--verify', "compare the whole trees, not the container's upper alone: the same list, slowly")
  .option('--upper <dir>', 'the upper directory to look at')
  .option('--onto <image>', 'the image below it')
  .action(async (a: string | undefined, b: string | undefined, options: Options) => {
    const changes = await changesOf(new Store(), a, b, options);
    if (options.json === true) process.stdout.write(`${JSON.stringify(changes.map(objectOf), undefined, 2)}\n`);
    else if (options.stat === true) writeBytes(statText(changes));
    else writeBytes(changes.map((change) => `${change.kind} ${pathText(change)}\n`).join(''));
  });

async function changesOf(store: Store, a: string | undefined, b: string | undefined, options: Options): Promise<Change[]> {
  for (const name of [a, b]) if (name !== undefined) await flushContainer(store, name);
  if (options.upper !== undefined) await flushUpper(options.upper);
  if (a !== undefined && b !== undefined) return between(await openTreeOf(store, a), () => openTreeOf(store, b), options);
  const opened = await openOne(store, a, options);
  try {
    const extent = options.verify === true ? 'whole' : opened.extent;
    return diffTrees(opened.base, opened.tree, extent, { ...options, upperBytes: true });
  } finally {
    opened.close();
  }
}

async function openOne(store: Store, a: string | undefined, { upper, onto }: Options): Promise<OpenedTree> {
  if (upper !== undefined && onto !== undefined && a === undefined) {
    return openUpper(store, upper, await locateImage(store, onto), upper);
  }
  if (a !== undefined && upper === undefined && onto === undefined) return openTreeOf(store, a);
  throw new PlyfsError('usage', 'name a container, image or directory, or two of them, or --upper and --onto');
}

async function between(a: OpenedTree, openB: () => Promise<OpenedTree>, options: Options): Promise<Change[]> {
  try {
    const b = await openB();
    try {
      return diffTrees(a.tree, b.tree, 'whole', options);
    } finally {
      b.close();
    }
  } finally {
    a.close();
  }
}

function pathText({ path }: Change): string {
  return `/${shownName(path)}`;
}

function statText(changes: readonly Change[]): string {
  const lines = changes.map((change) => {
    const { kind, sizeBefore, sizeAfter, aspects } = change;
    const bytes = sizeAfter - sizeBefore;
    const size = bytes === 0 ? '' : ` ${bytes > 0 ? '+' : '-'}${sizeText(Math.abs(bytes))}`;
    return `${kind} ${pathText(change)}${size}${aspects.length === 0 ? '' : ` (${aspects.join(', ')})`}\n`;
  });
  const count = (kind: string) => changes.filter((change) => change.kind === kind).length;
  const bytes = changes.reduce((sum, { sizeAfter, sizeBefore }) => sum + sizeAfter - sizeBefore, 0);
  const total = `${count('A')} added, ${count('C')} changed, ${count('D')} deleted, ${bytes < 0 ? '-' : '+'}${sizeText(Math.abs(bytes))}\n`;
  return lines.join('') + total;
}

function objectOf({ kind, path, type, sizeBefore, sizeAfter, aspects }: Change): unknown {
  return { kind, ...jsonName('path', path, '/'), type: kindName(type), sizeBefore, sizeAfter, aspects };
}
