/** plyfs ls: a directory of an image, without mounting it. */

import { dirType } from '../../base/mode.js';
import type { Name } from '../../base/name.js';
import { jsonName } from '../../base/shown.js';
import type { ImageView, ViewEntry } from '../../image/tree/image-view.js';
import { newCommand } from '../command.js';
import { fullTimeText, modeText, shownName, sizeOrDevice, writeBytes } from '../file-text.js';
import { type ImageOptions, withImage, withView } from '../image-arguments.js';
import { sizeText } from '../units.js';
import { wordBytes } from '../word-bytes.js';

interface Options extends ImageOptions {
  all?: boolean;
  humanReadable?: boolean;
  long?: boolean;
  recursive?: boolean;
  directory?: boolean;
  json?: boolean;
}

export const command = withImage(
  newCommand('ls', 'Lists a directory of an image. No mount, no root, no FUSE.', [
    'plyfs ls app.tar /etc',
    'plyfs ls -l busybox:latest /bin',
  ]),
)
  .argument('[path]', 'from the root of the image', '/')
  .option('-a, --all', 'names that begin with a dot too')
  .option('-l, --long', 'mode, links, owner, size, time; times in UTC')
  .option('-h, --human-readable', 'sizes in kB, MB, GB')
  .helpOption('--help', 'display help for command')
  .option('-R, --recursive', 'directories below too')
  .option('-d, --directory', 'the directory itself')
  .option('--json', 'print a JSON array')
  .action((image: string, path: string, options: Options) =>
    withView(image, options, (view) => {
      const groups = groupsOf(view, wordBytes(path), options);
      if (options.json === true) process.stdout.write(jsonText(view, groups));
      else writeBytes(plainText(view, groups, options));
    }),
  );

interface Group {
  readonly path: Name;
  readonly entries: readonly ViewEntry[];
}

function groupsOf(view: ImageView, path: Name, options: Options): Group[] {
  const node = view.get(path);
  if (view.type(node) !== dirType.dir || options.directory === true) {
    return [{ path, entries: [{ name: path, type: view.type(node), node }] }];
  }
  const groups: Group[] = [];
  const waiting = [{ path, node }];
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const at = next.path;
    const entries = view.list(next.node).filter(({ name }) => options.all === true || !name.startsWith('.'));
    groups.push({ path: at, entries });
    if (options.recursive !== true) continue;
    const below = entries.filter(({ type }) => type === dirType.dir);
    waiting.unshift(...below.map(({ name, node: child }) => ({ path: `${at === '/' ? '' : at}/${name}` as Name, node: child }))); // joined of Names
  }
  return groups;
}

function plainText(view: ImageView, groups: readonly Group[], options: Options): string {
  const texts = groups.map(({ path, entries }) => {
    const heading = options.recursive === true ? `${shownName(path)}:\n` : '';
    const lines = options.long === true ? longLines(view, entries, options) : entries.map(({ name }) => shownName(name));
    return heading + lines.map((line) => `${line}\n`).join('');
  });
  return texts.join('\n');
}

function longLines(view: ImageView, entries: readonly ViewEntry[], { humanReadable }: Options): string[] {
  const rows = entries.map(({ name, node, type }) => {
    const a = view.attributes(node);
    const target = type === dirType.lnk ? ` -> ${shownName(view.readlink(node))}` : '';
    const time = fullTimeText(a.mtimeSec, a.mtimeNsec).slice(0, 16);
    const size = sizeOrDevice(a, humanReadable === true ? sizeText : String);
    return [modeText(a.mode), String(a.nlink), String(a.uid), String(a.gid), size, time, shownName(name) + target];
  });
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(0, ...rows.map((row) => row[column]!.length)));
  return rows.map((row) => row.map((cell, column) => (column < 5 ? cell.padStart(widths[column]!) : cell)).join(' '));
}

function jsonText(view: ImageView, groups: readonly Group[]): string {
  const objects = groups.flatMap(({ path, entries }) =>
    entries.map(({ name, node, type }) => {
      const a = view.attributes(node);
      return {
        ...jsonName('directory', path),
        ...jsonName('name', name),
        mode: modeText(a.mode),
        uid: a.uid,
        gid: a.gid,
        size: a.size,
        mtime: fullTimeText(a.mtimeSec, a.mtimeNsec),
        ...(type === dirType.lnk ? jsonName('target', view.readlink(node)) : {}),
      };
    }),
  );
  return `${JSON.stringify(objects, undefined, 2)}\n`;
}
