/** plyfs export: a whole tree as one tar. */

import { flushContainer } from '../../container/flush.js';
import { openTreeOf } from '../../image/find/open-tree.js';
import { exportTree } from '../../image/make/export.js';
import { sourceDateEpoch } from '../../image/make/new-image.js';
import { writeOut } from '../../image/make/write-out.js';
import { Draft } from '../../store/draft.js';
import { Store } from '../../store/store.js';
import { newCommand } from '../command.js';
import { Progress } from '../progress.js';
import { refuseTerminal, toStandardOutput } from '../standard-output.js';

interface Options {
  output?: string;
  platform?: string;
  nanoseconds?: boolean;
  quiet?: boolean;
}

export const command = newCommand(
  'export',
  'Writes the merged view of a container, image or archive as one tar, without a mount. A mounted container is exported as it is.',
  ['plyfs export -o root.tar web', 'plyfs export app:1.0 | tar t', 'plyfs export app.tar | zstd > root.tar.zst'],
)
  .argument('<tree>', 'a container, image, archive, layer or directory')
  .option('-o, --output <file>', 'write to this file instead of standard output')
  .option('--platform <os/arch>', 'which image of an index')
  .option('--nanoseconds', 'keep the fractions of times')
  .option('-q, --quiet', 'no progress')
  .action(async (name: string, options: Options) => {
    if (options.output === undefined) refuseTerminal('name a file with -o, or use a pipe');
    const store = new Store();
    const progress = new Progress('Exporting', options.quiet === true || options.output === undefined);
    await flushContainer(store, name);
    const opened = await openTreeOf(store, name, options.platform);
    try {
      const chunks = exportTree(opened.tree, {
        nanoseconds: options.nanoseconds === true,
        latestSec: sourceDateEpoch(),
        onWarning: (sentence) => process.stderr.write(`plyfs: ${sentence}\n`),
      });
      if (options.output === undefined) await toStandardOutput(progress.counted(chunks));
      else await toFile(options.output, progress.counted(chunks));
    } finally {
      progress.end();
      opened.close();
    }
  });

/** The file appears when it is whole. */
async function toFile(path: string, chunks: Iterable<Buffer>): Promise<void> {
  using draft = new Draft(path, 0o644);
  await writeOut(draft.fd, path, chunks);
  draft.publish();
}
