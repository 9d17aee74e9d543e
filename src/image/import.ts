/** A tar or a directory becomes an image of one layer (M-5). */

import { createReadStream, statSync } from 'node:fs';
import type { Digest } from '../base/digest.js';
import { PlyfsError } from '../base/errors.js';
import { hostPlatform, type Platform, parsePlatform } from '../oci/platform.js';
import type { StoredLayer } from '../store/catalog.js';
import type { Store } from '../store/store.js';
import { decompressed } from '../tar/compression.js';
import { exportTree } from './export.js';
import { newName, putNewImage, sourceDateEpoch } from './new-image.js';
import { openDirectoryTree } from './open-tree.js';
import { StoredLinks } from './stored-links.js';
import { TarIntake } from './tar-intake.js';

export interface ImportOptions {
  readonly reference?: string | undefined;
  readonly message?: string | undefined;
  readonly changes?: readonly string[];
  /** `os/arch[/variant]`; this machine's without it. */
  readonly platform?: string | undefined;
}

export interface Imported {
  readonly id: Digest;
  readonly layer: StoredLayer;
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
  return importWith(store, from, options, async (intake) => {
    const { bytes } = await decompressed(stream);
    for await (const chunk of bytes) intake.push(chunk);
  });
}

async function importWith(
  store: Store,
  from: string,
  options: ImportOptions,
  fill: (intake: TarIntake) => void | Promise<void>,
): Promise<Imported> {
  const name = newName(options.reference);
  const platform = platformOf(options.platform);
  using _lock = await store.lockForAdding();
  using intake = new TarIntake(store);
  await fill(intake);
  const layer = intake.finish();
  new StoredLinks(store).check([layer]);
  const { changes, message } = options;
  const comment = message ?? `Imported from ${from}`;
  const id = await putNewImage(store, {
    ...{ parent: undefined, layer, platform, comment, name },
    ...(changes === undefined ? {} : { changes }),
  });
  return { id, layer };
}

function takeDirectory(path: string, intake: TarIntake): void {
  const opened = openDirectoryTree(path);
  try {
    for (const chunk of exportTree(opened.tree, { latestSec: sourceDateEpoch() })) intake.push(chunk);
  } finally {
    opened.close();
  }
}

function platformOf(text: string | undefined): Platform {
  return text === undefined ? hostPlatform() : parsePlatform(text);
}
