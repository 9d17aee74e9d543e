/** plyfs import: a root tar or a directory becomes an image. */

import { PlyfsError } from '../../base/errors.js';
import { type ImportOptions, importPath, importStream } from '../../image/make/import.js';
import { Store } from '../../store/store.js';
import { newCommand } from '../command.js';
import { Progress } from '../progress.js';

interface Options {
  change: string[];
  message?: string;
  platform?: string;
  quiet?: boolean;
}

export const command = newCommand(
  'import',
  "Makes an image of one layer from a root file system: a tar (plain, gzip or zstd), standard input (-) or a directory. Prints the image's ID.",
  [
    'plyfs import root.tar base:flat',
    'plyfs export web | plyfs import -m "flattened" -c \'CMD ["nginx"]\' - web:flat',
    'plyfs import /var/lib/machines/debian debian:mine',
  ],
)
  .argument('<source>', 'a file, a directory, or - for standard input')
  .argument('[name]', 'the name of the new image')
  .option(
    '-c, --change <instruction>',
    'an instruction as of plyfs commit; may be repeated',
    (text: string, all: string[]) => [...all, text],
    [],
  )
  .option('-m, --message <text>', 'a comment for the history')
  .option('--platform <os/arch>', "what the image is for; this machine's without it")
  .option('-q, --quiet', 'no progress')
  .action(async (source: string, reference: string | undefined, { change, message, platform, quiet }: Options) => {
    const progress = new Progress('Importing', quiet);
    const options: ImportOptions = { reference, changes: change, message, platform, onBytes: progress.onWritten };
    const store = new Store();
    if (source === '-' && process.stdin.isTTY === true) {
      throw new PlyfsError('usage', 'standard input is a terminal: name a file');
    }
    const imported = await progress.during(() =>
      source === '-' ? importStream(store, process.stdin, '-', options) : importPath(store, source, options),
    );
    for (const warning of imported.warnings) process.stderr.write(`plyfs: ${warning}\n`);
    process.stdout.write(`${imported.id}\n`);
  });
