/** plyfs load: the images of an archive into the store. */

import { createReadStream, statSync } from 'node:fs';
import { PlyfsError } from '../../base/errors.js';
import { type Loaded, type LoadOptions, loadPath, loadStream } from '../../image/load.js';
import { familiarText, parseReference } from '../../oci/reference.js';
import { Store } from '../../store/store.js';
import { type Command, newCommand } from '../command.js';
import { Progress } from '../progress.js';

export const command = newCommand(
  'load',
  'Loads images from an archive (docker-archive, OCI layout; plain, gzip or zstd) or from standard input.',
  [
    'plyfs load -i app.tar',
    'curl -s https://example.org/app.tar.gz | plyfs load',
    'plyfs load -i layout-directory/ --platform linux/arm64',
  ],
)
  .option('-i, --input <path>', 'read from this file or layout directory instead of standard input')
  .option('-q, --quiet', 'no progress')
  .option('--platform <os/arch>', 'which image of an index')
  .allowExcessArguments(true)
  .action(async (options: { input?: string; quiet?: boolean; platform?: string }, { args: [first] }: Command) => {
    // docker's has no operand either, and says only that there is one too many.
    if (first !== undefined)
      throw new PlyfsError('usage', `load takes no ${first}: name an archive with -i, as in plyfs load -i ${first}`);
    const progress = new Progress('Loading', options.quiet);
    const loadOptions: LoadOptions = {
      platform: options.platform,
      onImages: progress.onImages,
      progress: progress.onBytes,
      onReceived: progress.onReceived,
    };
    try {
      const loaded = await load(new Store(), options.input, loadOptions);
      progress.end();
      process.stdout.write(loaded.map(describe).join(''));
    } finally {
      progress.end();
    }
  });

function load(store: Store, input: string | undefined, options: LoadOptions): Promise<Loaded[]> {
  if (input !== undefined && input !== '-') {
    // A pipe by its path, as `<(zcat ...)` gives it.
    const isStream = statSync(input, { throwIfNoEntry: false })?.isFIFO() === true;
    return isStream ? loadStream(store, createReadStream(input), options) : loadPath(store, input, options);
  }
  if (process.stdin.isTTY) throw new PlyfsError('usage', 'standard input is a terminal: name the archive with -i');
  return loadStream(store, process.stdin, options);
}

function describe({ id, names, taken }: Loaded): string {
  const renamed = taken.map(({ name, from }) => {
    const familiar = familiarText(parseReference(name));
    return `The image ${familiar} already exists, renaming the old one with ID ${from} to empty string\n`;
  });
  const loaded = names.map((name) => `Loaded image: ${familiarText(parseReference(name))}\n`);
  return [...renamed, ...(loaded.length === 0 ? [`Loaded image ID: ${id}\n`] : loaded)].join('');
}
