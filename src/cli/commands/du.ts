/** plyfs du: how large the directories of an image are. */

import { PlyfsError } from '../../base/errors.js';
import { dirType } from '../../base/mode.js';
import type { Name } from '../../base/name.js';
import { jsonName } from '../../base/shown.js';
import type { ImageView } from '../../image/tree/image-view.js';
import { newCommand } from '../command.js';
import { shownName, writeBytes } from '../file-text.js';
import { type ImageOptions, withImage, withView } from '../image-arguments.js';
import { sizeText } from '../units.js';
import { wordBytes } from '../word-bytes.js';

interface Options extends ImageOptions {
  all?: boolean;
  bytes?: boolean;
  humanReadable?: boolean;
  summarize?: boolean;
  json?: boolean;
}

interface Sum {
  readonly path: Name;
  readonly bytes: number;
}

export const command = withImage(
  newCommand('du', 'Sums the sizes of the files below each directory of an image, each file once however many names it has.', [
    'plyfs du -s busybox',
    'plyfs du app.tar /usr --json',
  ]),
)
  .argument('[path]', 'where to begin', '/')
  .option('-a, --all', 'files too')
  .option('-b, --bytes', 'in bytes instead of KiB')
  .option('-h, --human-readable', 'in kB, MB, GB')
  .helpOption('--help', 'display help for command')
  .option('-s, --summarize', 'the total only')
  .option('--json', 'print a JSON array')
  .action((image: string, path: string, options: Options) =>
    withView(image, options, (view) => {
      const sums = sumsOf(view, wordBytes(path), options);
      if (options.json === true) {
        const objects = sums.map(({ path: at, bytes }) => ({ ...jsonName('path', at), bytes }));
        process.stdout.write(`${JSON.stringify(objects, undefined, 2)}\n`);
      } else writeBytes(sums.map(({ path: at, bytes }) => `${amount(bytes, options)}\t${shownName(at)}\n`).join(''));
    }),
  );

function amount(bytes: number, options: Options): string {
  if (options.humanReadable === true) return sizeText(bytes);
  return String(options.bytes === true ? bytes : Math.ceil(bytes / 1024));
}

function sumsOf(view: ImageView, path: Name, options: Options): Sum[] {
  const sums: Sum[] = [];
  const seen = new Set<number>();
  const visit = (node: number, at: Name, isStart: boolean): number => {
    const isDirectory = view.type(node) === dirType.dir;
    let bytes = 0;
    if (isDirectory) {
      const prefix = at === '/' ? '' : at;
      for (const child of view.list(node)) bytes += visit(child.node, `${prefix}/${child.name}` as Name, false); // joined of Names
    } else if (view.type(node) === dirType.reg && !seen.has(node)) {
      seen.add(node);
      bytes = view.attributes(node).size;
    }
    if (isStart || (options.summarize !== true && (isDirectory || options.all === true))) sums.push({ path: at, bytes });
    return bytes;
  };
  if (options.summarize === true && options.all === true) throw new PlyfsError('usage', '-s and -a exclude each other');
  visit(view.get(path, false), path, true);
  return sums;
}
