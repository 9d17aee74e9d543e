/** A whole tree as one tar (T-9): what a mount would show, markers applied and absent, names of one file as links. */

import { textFromName } from '../base/name.js';
import { widenPipe, writeAll } from '../sys/pipe.js';
import { TarWriter } from '../tar/writer.js';
import { compareTrees, unreadable } from './compare.js';
import { TreeEntries } from './tree-entry.js';
import type { TreeView } from './tree-view.js';

export interface ExportOptions {
  /** Times keep their nanoseconds. */
  readonly nanoseconds?: boolean;
  /** Times later than this, in seconds, become it. */
  readonly latestSec?: number | undefined;
  /** Hears what was left out, as a sentence. */
  readonly onWarning?: (sentence: string) => void;
}

/** What a pipe may hold that an export goes to: as much as the writer gives out at once, twice. */
const pipeBytes = 1024 * 1024;

/** Writes the tar to a descriptor, a pipe for instance. PlyfsError as of exportTree, FsError of the writing (EPIPE). */
export function exportTo(fd: number, tree: TreeView, options: ExportOptions = {}): void {
  widenPipe(fd, pipeBytes);
  for (const chunk of exportTree(tree, options)) writeAll(fd, chunk);
}

/** The tar in chunks, each good until the next is asked for. Memory goes by names, not by content. PlyfsError `unreadable`. */
export function* exportTree(tree: TreeView, options: ExportOptions = {}): Generator<Buffer> {
  const writer = new TarWriter({ nanoseconds: options.nanoseconds === true });
  const objects = new TreeEntries(tree, writer, options.latestSec);
  for (const step of compareTrees(undefined, tree, 'whole')) {
    if (step.kind !== 'enter' && step.kind !== 'object') continue;
    const { path } = step;
    try {
      const isWritten = yield* objects.write(step.after, path);
      if (!isWritten)
        options.onWarning?.(`/${textFromName(path)} of ${tree.label} is a socket, which a tar cannot hold: left out`);
    } catch (error) {
      throw unreadable(tree, path, error);
    }
  }
  yield* writer.finish();
  for (const path of writer.shortened) {
    options.onWarning?.(`/${textFromName(path)} of ${tree.label} became shorter while it was read: the rest is zeros`);
  }
}
