/** A tar or a directory becomes an image of one layer (M-5). */

import { createReadStream, statSync } from 'node:fs';
import type { Digest } from '../../base/digest.js';
import { PlyfsError } from '../../base/errors.js';
import { applyChanges } from '../../dockerfile/instructions.js';
import { hostPlatform, type Platform, parsePlatform } from '../../oci/platform.js';
import type { StoredLayer } from '../../store/catalog.js';
import type { Store } from '../../store/store.js';
import { decompressed } from '../../tar/decompress.js';
import { openDirectoryTree } from '../find/open-tree.js';
import { naming, namingAsync } from '../intake/named-errors.js';
import { type OnBytes, TarIntake } from '../intake/tar-intake.js';
import { StoredLinks } from '../stack/stored-links.js';
import { exportTree } from './export.js';
import { addingTo, newName, putNewImage, sourceDateEpoch } from './new-image.js';

export interface ImportOptions {
  readonly reference?: string | undefined;
  readonly message?: string | undefined;
  readonly changes?: readonly string[];
  /** `os/arch[/variant]`; this machine's without it. */
  readonly platform?: string | undefined;
  readonly onBytes?: OnBytes;
}

export interface Imported {
  readonly id: Digest;
  readonly layer: StoredLayer;
  /** What could not be taken, as sentences. */
  readonly warnings: readonly string[];
}

/** Imports the tar (plain, gzip or zstd) or directory at `path`. PlyfsError for what cannot be read, and for a tar that is none. */
export async function importPath(store: Store, path: string, options: ImportOptions): Promise<Imported> {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) throw new PlyfsError('no-file', `there is no file ${path}`);
  if (stat.isDirectory()) return importWith(store, path, options, (intake) => takeDirectory(path, intake));
  return importStream(store, createReadStream(path, { highWaterMark: 1024 * 1024 }), path, options);
}

/** Imports a tar as it comes; `from` names its origin in the comment. */
export function importStream(
  store: Store,
  stream: AsyncIterable<Buffer>,
  from: string,
  options: ImportOptions,
): Promise<Imported> {
  return importWith(store, from, options, (intake) => takeStream(stream, intake));
}

async function importWith(
  store: Store,
  from: string,
  options: ImportOptions,
  fill: (intake: TarIntake) => Promise<readonly string[]>,
): Promise<Imported> {
  const { changes, message } = options;
  const name = newName(options.reference);
  const platform = platformOf(options.platform);
  // What is wrong with the words is said before anything is read.
  applyChanges({}, changes ?? []);
  return addingTo(store, async () => {
    using intake = new TarIntake(store, options.onBytes);
    const label = from === '-' ? 'standard input' : from;
    const warnings = await namingAsync(label, () => fill(intake));
    const layer = naming(label, () => intake.finish());
    new StoredLinks(store).check([layer]);
    const comment = message ?? `Imported from ${from}`;
    const id = await putNewImage(store, {
      ...{ parent: undefined, layer, platform, comment, name },
      ...(changes === undefined ? {} : { changes }),
    });
    return { id, layer, warnings };
  });
}

async function takeStream(stream: AsyncIterable<Buffer>, intake: TarIntake): Promise<readonly string[]> {
  const { bytes } = await decompressed(stream);
  let isEmpty = true;
  for await (const chunk of bytes) {
    isEmpty &&= chunk.length === 0;
    intake.push(chunk);
  }
  if (isEmpty) throw new PlyfsError('truncated', 'there is not a byte in it, so it is no tar');
  return [];
}

async function takeDirectory(path: string, intake: TarIntake): Promise<readonly string[]> {
  const opened = openDirectoryTree(path);
  const warnings: string[] = [];
  const onWarning = (sentence: string) => warnings.push(sentence);
  try {
    await intake.pushAll(exportTree(opened.tree, { latestSec: sourceDateEpoch(), onWarning }));
    return warnings;
  } finally {
    opened.close();
  }
}

function platformOf(text: string | undefined): Platform {
  return text === undefined ? hostPlatform() : parsePlatform(text);
}
