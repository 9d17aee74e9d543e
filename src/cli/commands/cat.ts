/** plyfs cat: the content of files of an image. */

import { once } from 'node:events';
import { PlyfsError } from '../../base/errors.js';
import { dirType, kindWords } from '../../base/mode.js';
import type { ImageView } from '../../image/tree/image-view.js';
import { newCommand } from '../command.js';
import { type ImageOptions, withImage, withView } from '../image-arguments.js';
import { reportError } from '../report.js';
import { wordBytes } from '../word-bytes.js';

export const command = withImage(
  newCommand('cat', 'Writes the content of files of an image to standard output.', [
    'plyfs cat app.tar /etc/os-release',
    'plyfs cat --upto 2 app:1.0 /etc/passwd',
  ]),
)
  .argument('<paths...>', 'from the root of the image; symlinks are followed')
  .action((image: string, paths: string[], options: ImageOptions) =>
    withView(image, options, async (view) => {
      for (const path of paths) {
        try {
          await write(view, path, image);
        } catch (error) {
          // As cat(1): the others are written.
          if (!(error instanceof PlyfsError)) throw error;
          process.exitCode = reportError(error);
        }
      }
    }),
  );

async function write(view: ImageView, path: string, image: string): Promise<void> {
  const node = view.get(wordBytes(path));
  const type = view.type(node);
  if (type !== dirType.reg) throw new PlyfsError('EINVAL', `${path} in ${image} is ${kindWords(type)}, not a regular file`);
  for (const chunk of view.read(node)) if (!process.stdout.write(chunk)) await once(process.stdout, 'drain');
}
