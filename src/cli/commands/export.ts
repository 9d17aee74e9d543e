/** plyfs export: a whole tree as one tar. */

import { closeSync, openSync, renameSync, rmSync } from 'node:fs';
import { errno, errnoName } from '../../base/errno.js';
import { errnoOf, PlyfsError } from '../../base/errors.js';
import { type ExportOptions, exportTo } from '../../image/export.js';
import { sourceDateEpoch } from '../../image/new-image.js';
import { openTree } from '../../image/open-tree.js';
import type { TreeView } from '../../image/tree-view.js';
import { Store } from '../../store/store.js';
import { newCommand } from '../command.js';

interface Options {
  output?: string;
  platform?: string;
  nanoseconds?: boolean;
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
  .action(async (name: string, options: Options) => {
    if (options.output === undefined && process.stdout.isTTY === true) {
      throw new PlyfsError('usage', 'standard output is a terminal: name a file with -o, or use a pipe', { exitStatus: 2 });
    }
    const opened = await openTree(new Store(), name, options.platform);
    try {
      const exportOptions = {
        nanoseconds: options.nanoseconds === true,
        latestSec: sourceDateEpoch(),
        onWarning: (sentence: string) => process.stderr.write(`plyfs: ${sentence}\n`),
      };
      if (options.output === undefined) toStandardOutput(opened.tree, exportOptions);
      else toFile(options.output, opened.tree, exportOptions);
    } finally {
      opened.close();
    }
  });

/** The file appears when it is whole. */
function toFile(path: string, tree: TreeView, options: ExportOptions): void {
  const draft = `${path}.part-${process.pid}`;
  const fd = openSync(draft, 'wx', 0o644);
  try {
    exportTo(fd, tree, options);
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw unwritable(path, error);
  } finally {
    closeSync(fd);
  }
}

/** Past process.stdout, which would wait for the reader chunk by chunk. A reader that has seen enough (`| head`) is no error. */
function toStandardOutput(tree: TreeView, options: ExportOptions): void {
  try {
    exportTo(1, tree, options);
  } catch (error) {
    if (errnoOf(error) !== errno.EPIPE) throw unwritable('standard output', error);
  }
}

/** What writing refused, as a sentence; reading has its own. */
function unwritable(what: string, error: unknown): unknown {
  const number = errnoOf(error);
  if (number === undefined) return error;
  const why = number === errno.ENOSPC || number === errno.EDQUOT ? 'its disk is full' : errnoName(number);
  return new PlyfsError('unwritable', `${what} cannot be written (${why})`, { cause: error });
}
