/** Layers out of tar bytes, for tests: the tar is put into a file, with something before it, as in an archive. */

import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { defaultLimits, type Limits } from '../../src/base/limits.js';
import { TarIndex } from '../../src/layers/tar/tar-index.js';
import { TarIndexBuilder } from '../../src/layers/tar/tar-index-builder.js';
import { TarLayer } from '../../src/layers/tar/tar-layer.js';

const start = 777;

/** A directory that goes when the test ends. */
export function tempDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'plyfs-test-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** The index of `tar`, given to the builder in pieces of `pieceBytes`, saved and loaded. */
export function indexOf(tar: Buffer, pieceBytes = tar.length, limits: Limits = defaultLimits): TarIndex {
  const builder = new TarIndexBuilder(limits);
  for (let at = 0; at < tar.length; at += pieceBytes) builder.push(tar.subarray(at, at + pieceBytes));
  return TarIndex.load(Buffer.from(builder.finish().bytes));
}

export function layerOf(t: TestContext, tar: Buffer, pieceBytes?: number, label = 'sha256:test'): TarLayer {
  const file = join(tempDirectory(t), 'layer');
  writeFileSync(file, Buffer.concat([Buffer.alloc(start, 'x'), tar]));
  const fd = openSync(file, 'r');
  t.after(() => closeSync(fd));
  // A test may close the layer or not.
  return new TarLayer(label, indexOf(tar, pieceBytes), { number: fd, close: () => undefined }, start);
}
