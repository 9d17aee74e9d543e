/** `plyfs cp` with `-`: a tar on standard output instead of files here, or one on standard input. */

import { openSync, rmSync, writeSync } from 'node:fs';
import { PlyfsError } from '../base/errors.js';
import { dirType } from '../base/mode.js';
import type { Name } from '../base/name.js';
import { naming, namingAsync } from '../image/intake/named-errors.js';
import { TreeEntries } from '../image/tree/tree-entry.js';
import { type NodeNumber, TreeView } from '../image/tree/tree-view.js';
import { TarLayer } from '../layers/tar/tar-layer.js';
import { scanTar } from '../layers/tar/tar-scan.js';
import type { Store } from '../store/store.js';
import { OwnedFd } from '../sys/owned-fd.js';
import { decompressed } from '../tar/decompress.js';
import { TarWriter } from '../tar/writer.js';

/** The object `node` under `name`, a directory with all that is in it, as a tar; chunks are good until the next is asked for. */
export function* tarOfNode(tree: TreeView, node: NodeNumber, name: Name): Generator<Buffer> {
  const writer = new TarWriter();
  const entries = new TreeEntries(tree, writer, undefined);
  yield* entriesBelow(tree, entries, node, name);
  yield* writer.finish();
}

function* entriesBelow(tree: TreeView, entries: TreeEntries, node: NodeNumber, path: Name): Generator<Buffer> {
  yield* entries.write(node, path);
  if (tree.type(node) !== dirType.dir) return;
  for (const child of tree.list(node)) yield* entriesBelow(tree, entries, child.node, `${path}/${child.name}` as Name); // two Names and a slash
}

/** What a tar (plain, gzip or zstd) holds, as a tree; it is kept in a file without a name until `close`. PlyfsError for what is no tar. */
export async function openTarStream(store: Store, stream: AsyncIterable<Buffer>): Promise<{ tree: TreeView; close: () => void }> {
  store.ensure();
  const path = store.temporary();
  const fd = new OwnedFd(openSync(path, 'wx+', 0o600), 'standard input');
  rmSync(path);
  try {
    const label = 'standard input';
    const size = await namingAsync(label, () => keep(stream, fd.number));
    if (size === 0) throw new PlyfsError('truncated', `${label} is empty: it is no tar`);
    const { index } = naming(label, () => scanTar(fd.number, 0, size));
    const tree = new TreeView(label, [new TarLayer(label, index, fd, 0)]);
    return { tree, close: () => tree.close() };
  } catch (error) {
    fd.close();
    throw error;
  }
}

async function keep(stream: AsyncIterable<Buffer>, fd: number): Promise<number> {
  const { bytes } = await decompressed(stream);
  let size = 0;
  for await (const chunk of bytes) {
    for (let done = 0; done < chunk.length; ) done += writeSync(fd, chunk, done);
    size += chunk.length;
  }
  return size;
}
