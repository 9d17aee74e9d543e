/** plyfs squash: layers of an image become one. */

import { PlyfsError } from '../../base/errors.js';
import { layersOfBase, squashImage } from '../../image/make/squash.js';
import type { StoredImage } from '../../store/catalog.js';
import { getImage } from '../../store/resolve.js';
import { Store } from '../../store/store.js';
import { newCommand } from '../command.js';
import { Progress } from '../progress.js';
import { sizeText } from '../units.js';

interface Options {
  from?: string;
  onto?: string;
  author?: string;
  message?: string;
  change: string[];
  quiet?: boolean;
}

export const command = newCommand(
  'squash',
  "Makes an image of the same tree with fewer layers: all of them, or those from one on, become one. Prints the new image's ID.\n" +
    'What upper layers replaced or deleted is gone from it. The image that it is made of stays as it is.',
  [
    'plyfs squash app:1.0 app:flat',
    'plyfs squash --onto debian:12 app:1.0 app:small    # the layers of debian:12 stay, those above become one',
    'plyfs squash --from 3 app:1.0 app:small            # layers 1 and 2 stay (plyfs layers app:1.0 numbers them)',
  ],
)
  .argument('<image>', 'an image of the store')
  .argument('[name]', 'the name of the new image')
  .option('--from <n>', 'the lowest layer to squash (1 is the bottom)')
  .option('--onto <base>', 'keep the layers of this image, squash those above')
  .option('-a, --author <text>', 'who made it')
  .option('-m, --message <text>', 'a comment for the history')
  .option(
    '-c, --change <instruction>',
    'an instruction as of plyfs commit; may be repeated',
    (text: string, all: string[]) => [...all, text],
    [],
  )
  .option('-q, --quiet', 'print the ID only')
  .action(async (text: string, reference: string | undefined, options: Options) => {
    const store = new Store();
    const { image } = getImage(store.catalog(), text);
    const keep = keptLayers(store, image, text, options);
    const { author, message, change } = options;
    const progress = new Progress('Squashing', options.quiet);
    const { id, layer, count } = await progress.during(() =>
      squashImage(store, image, text, { reference, keep, author, message, changes: change, onBytes: progress.onWritten }),
    );
    if (options.quiet !== true) {
      const before = image.layers.slice(keep).reduce((sum, { contentBytes }) => sum + contentBytes, 0);
      const after = layer === undefined ? 'none: they change nothing' : `one of ${sizeText(layer.contentBytes)}`;
      process.stderr.write(`plyfs: ${count} ${count === 1 ? 'layer' : 'layers'} of ${sizeText(before)} became ${after}\n`);
    }
    process.stdout.write(`${id}\n`);
  });

function keptLayers(store: Store, image: StoredImage, text: string, { from, onto }: Options): number {
  if (from !== undefined && onto !== undefined)
    throw new PlyfsError('usage', '--from and --onto say the same in two ways: use one of them');
  if (onto !== undefined) return layersOfBase(image, getImage(store.catalog(), onto).image, text, onto);
  const first = from === undefined ? 1 : Number(from);
  if (Number.isInteger(first) && first >= 1 && first <= image.layers.length) return first - 1;
  throw new PlyfsError('no-such-layer', `${text} has layers 1 to ${image.layers.length}, not ${from ?? 1}`);
}
