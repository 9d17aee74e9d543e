/** A whole tree as one tar (T-9): what a mount would show, markers applied and absent, names of one file as links. */

import { errno } from '../../base/errno.js';
import { errnoOf } from '../../base/errors.js';
import { type Name, textFromName } from '../../base/name.js';
import { TarWriter } from '../../tar/writer.js';
import { compareTrees, unreadable } from '../tree/compare.js';
import { TreeEntries } from '../tree/tree-entry.js';
import type { TreeView } from '../tree/tree-view.js';

export interface ExportOptions {
  /** Times keep their nanoseconds. */
  readonly nanoseconds?: boolean;
  /** Times later than this, in seconds, become it. */
  readonly latestSec?: number | undefined;
  /** Hears what was left out, as a sentence. */
  readonly onWarning?: (sentence: string) => void;
}

const vanished = 'vanished while it was read: left out';

/** The tar in chunks, each good until the next is asked for. Memory goes by names, not by content. PlyfsError `unreadable`. */
export function* exportTree(tree: TreeView, options: ExportOptions = {}): Generator<Buffer> {
  const writer = new TarWriter({ nanoseconds: options.nanoseconds === true });
  const objects = new TreeEntries(tree, writer, options.latestSec);
  const warn = (path: Name, what: string) => options.onWarning?.(`/${textFromName(path)} of ${tree.label} ${what}`);
  for (const step of compareTrees(undefined, tree, 'whole')) {
    const { path } = step;
    if (step.kind === 'vanished') warn(path, vanished);
    if (step.kind !== 'enter' && step.kind !== 'object') continue;
    try {
      const isWritten = yield* objects.write(step.after, path);
      if (!isWritten) warn(path, 'is a socket, which a tar cannot hold: left out');
    } catch (error) {
      if (errnoOf(error) !== errno.ENOENT) throw unreadable(tree, path, error);
      warn(path, vanished);
    }
  }
  yield* writer.finish();
  for (const path of writer.shortened) warn(path, 'became shorter while it was read: the rest is zeros');
}
