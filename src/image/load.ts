/** load: every image of an archive into the store, in one step. */

import { createWriteStream, rmSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { Digest } from '../base/digest.js';
import { PlyfsError } from '../base/errors.js';
import { putImage } from '../oci/copy.js';
import type { CopyProgress, SourceImage } from '../oci/source.js';
import { collectNow } from '../store/gc.js';
import type { Store } from '../store/store.js';
import { writingAsync } from '../store/writing.js';
import { openArchive } from './find/locate.js';
import { StoreSink } from './transports/store-sink.js';

export interface Loaded {
  readonly id: Digest;
  /** Canonical references it got; none for an image without a name. */
  readonly names: readonly string[];
  /** Names that another image had until now. */
  readonly taken: readonly { readonly name: string; readonly from: Digest }[];
}

export interface LoadOptions {
  readonly platform: string | undefined;
  /** Called once, before the first byte: the images to come. */
  readonly onImages?: (images: readonly SourceImage[]) => void;
  readonly progress?: CopyProgress;
  /** Told of bytes that come before the images are known: from a stream, or out of an archive that is compressed as a whole. `total` is
   *  undefined where nobody can know. */
  readonly onReceived?: (done: number, total: number | undefined) => void;
}

/** Loads the archive or layout at `path`. Where anything is wrong with any image, none is added. */
export async function loadPath(store: Store, path: string, options: LoadOptions): Promise<Loaded[]> {
  store.ensure();
  const leftovers: Digest[] = [];
  try {
    return await loadFrom(store, path, path, options, leftovers);
  } finally {
    await collectNow(store, leftovers);
  }
}

/** Loads an archive from a stream: kept in a file of the store while it is read, as its parts come in any order (S-6). */
export async function loadStream(store: Store, input: AsyncIterable<Uint8Array>, options: LoadOptions): Promise<Loaded[]> {
  store.ensure();
  const leftovers: Digest[] = [];
  try {
    return await loadSpooled(store, input, options, leftovers);
  } finally {
    await collectNow(store, leftovers);
  }
}

/** The lock keeps a prune away from the file. */
async function loadSpooled(
  store: Store,
  input: AsyncIterable<Uint8Array>,
  options: LoadOptions,
  leftovers: Digest[],
): Promise<Loaded[]> {
  using _lock = await store.lockForAdding();
  const path = store.temporary();
  try {
    await writingAsync(store.root, () =>
      pipeline(counted(input, options), createWriteStream(path, { flags: 'wx', mode: 0o600 })),
    );
    return await loadFrom(store, path, 'standard input', options, leftovers);
  } finally {
    rmSync(path, { force: true });
  }
}

async function* counted(input: AsyncIterable<Uint8Array>, { onReceived }: LoadOptions): AsyncGenerator<Uint8Array> {
  let done = 0;
  for await (const chunk of input) {
    done += chunk.length;
    onReceived?.(done, undefined);
    yield chunk;
  }
}

/** `leftovers` gets the blob that an archive compressed as a whole was decompressed into. */
async function loadFrom(store: Store, path: string, label: string, options: LoadOptions, leftovers: Digest[]): Promise<Loaded[]> {
  const opened = await openArchive(store, path, label, options.onReceived);
  if (opened.unpacked !== undefined) leftovers.push(opened.unpacked);
  if (opened.kind === 'rootfs') {
    throw new PlyfsError('archive', `${label} is the tar of a root file system, not an image archive: use plyfs import`);
  }
  const { source } = opened;
  try {
    const images = await source.all(options.platform);
    options.onImages?.(images);
    return await loadImages(store, images, options.progress);
  } finally {
    source.close();
  }
}

async function loadImages(store: Store, images: readonly SourceImage[], progress: CopyProgress | undefined): Promise<Loaded[]> {
  const before = store.catalog();
  const sink = await StoreSink.open(store);
  try {
    for (const image of images) await putImage(image, sink, progress === undefined ? {} : { progress });
    await sink.commit();
  } catch (error) {
    sink.abandon();
    throw error;
  }
  return images.map(({ id, names }) => ({
    id,
    names,
    taken: names.flatMap((name) => {
      const from = before.names.get(name);
      return from === undefined || from === id ? [] : [{ name, from }];
    }),
  }));
}
