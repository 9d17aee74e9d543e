/** plyfs dump: a tree in the tree language, for bug reports; not in the help. */

import { flushContainer } from '../../container/flush.js';
import { openTreeOf } from '../../image/find/open-tree.js';
import { dumpLayer, dumpTree } from '../../image/tree/dump.js';
import { formatTree } from '../../image/tree/tree-language.js';
import { Store } from '../../store/store.js';
import { newCommand } from '../command.js';

interface Options {
  layers?: boolean;
  platform?: string;
}

export const command = newCommand(
  'dump',
  'Prints a tree, one object a line: what it is, its path, and what differs from the defaults; long contents as size and digest. For bug reports: tests are written in the same words.',
  ['plyfs dump web', 'plyfs dump --layers app.tar', 'plyfs dump ./layer'],
)
  .argument('<tree>', 'a container, image, archive, layer or directory')
  .option('--layers', 'each layer by itself, top first, with what it hides')
  .option('--platform <os/arch>', 'which image of an index')
  .action(async (name: string, options: Options) => {
    const store = new Store();
    await flushContainer(store, name);
    const { tree, close } = await openTreeOf(store, name, options.platform);
    try {
      if (options.layers !== true) print(formatTree(dumpTree(tree)));
      else for (const layer of tree.layers) print(`# ${layer.label}`, formatTree(dumpLayer(layer)));
    } finally {
      close();
    }
  });

/** All is ASCII: other bytes are escaped. A plain root has no line. */
function print(...texts: readonly string[]): void {
  for (const text of texts) if (text !== '') process.stdout.write(`${text}\n`);
}
