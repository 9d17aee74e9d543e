/** save: images of the store into one archive or an OCI layout directory, shared layers once, the same bytes for the same images. */

import { closeSync, createWriteStream, openSync, statSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { Digest } from '../base/digest.js';
import { PlyfsError } from '../base/errors.js';
import { putImage } from '../oci/copy.js';
import { parseReference, repositoryOf } from '../oci/reference.js';
import type { CopyProgress, ImageSink, SourceImage } from '../oci/source.js';
import type { Catalog, StoredImage } from '../store/catalog.js';
import { Draft, unlessUnwritable, unwritable } from '../store/draft.js';
import { findImage, getImage } from '../store/resolve.js';
import type { Store } from '../store/store.js';
import { ArchiveSink } from './transports/archive-sink.js';
import { ArchiveWriter } from './transports/archive-writer.js';
import { type LayerCompression, LayerCompressor } from './transports/compress-image.js';
import { LayoutSink } from './transports/layout-sink.js';
import { StoreSource } from './transports/store-source.js';

export interface SaveOptions {
  /** How layers are compressed; without it they are plain tars, as docker saves them. */
  readonly compression?: LayerCompression | undefined;
  readonly onImages?: (images: readonly SourceImage[]) => void;
  readonly progress?: CopyProgress;
}

/** Writes the images that `texts` name as an archive. A repository without a tag stands for all its tags; an ID for the image without names
 *  (S-5). PlyfsError `no-image` before the first byte. */
export async function saveImages(
  store: Store,
  texts: readonly string[],
  output: Writable,
  options: SaveOptions = {},
): Promise<void> {
  await saveTo(store, texts, options, () => ArchiveSink.open(new ArchiveWriter(output)));
}

/** The same into an OCI layout directory, which is made or added to. */
export async function saveToLayout(
  store: Store,
  texts: readonly string[],
  directory: string,
  options: SaveOptions = {},
): Promise<void> {
  await saveTo(store, texts, options, async () => new LayoutSink(directory));
}

async function saveTo(
  store: Store,
  texts: readonly string[],
  options: SaveOptions,
  openSink: () => Promise<ImageSink>,
): Promise<void> {
  const source = new StoreSource(store, 'plain');
  const plain = chosen(store.catalog(), texts).map(({ image, names }) => source.read(image, names));
  if (options.compression === undefined) return putImages(plain, await openSink(), options);
  using _lock = await store.lockForAdding();
  using compressor = new LayerCompressor(store, options.compression);
  const images: SourceImage[] = [];
  for (const image of plain) images.push(await compressor.compress(image));
  await putImages(images, await openSink(), options);
}

async function putImages(images: readonly SourceImage[], sink: ImageSink, options: SaveOptions): Promise<void> {
  options.onImages?.(images);
  for (const image of images) await putImage(image, sink, options.progress === undefined ? {} : { progress: options.progress });
  await sink.commit();
}

/** The same into a file, which appears when it is whole. A device, pipe or socket at `path` is written to as it is. */
export async function saveToFile(store: Store, texts: readonly string[], path: string, options: SaveOptions = {}): Promise<void> {
  const isThere = unlessUnwritable(path, () => statSync(path, { throwIfNoEntry: false }));
  if (isThere?.isDirectory()) throw new PlyfsError('usage', `${path} is a directory: name a file in it, or use --format oci-dir`);
  if (isThere !== undefined && !isThere.isFile()) return saveToDevice(store, texts, path, options);
  using draft = new Draft(path, 0o600);
  await saveToStream(store, texts, path, draft.fd, options);
  draft.publish();
}

async function saveToDevice(store: Store, texts: readonly string[], path: string, options: SaveOptions): Promise<void> {
  const fd = unlessUnwritable(path, () => openSync(path, 'w'));
  try {
    await saveToStream(store, texts, path, fd, options);
  } finally {
    closeSync(fd);
  }
}

/** PlyfsError `unwritable` with the path that the user wrote. */
async function saveToStream(
  store: Store,
  texts: readonly string[],
  path: string,
  fd: number,
  options: SaveOptions,
): Promise<void> {
  const output = createWriteStream(path, { fd, autoClose: false });
  let failure: unknown;
  output.on('error', (error) => {
    failure = error;
  });
  try {
    await saveImages(store, texts, output, options);
    output.end();
    await finished(output);
  } catch (error) {
    throw failure === undefined ? error : unwritable(path, failure);
  }
}

function chosen(catalog: Catalog, texts: readonly string[]): { image: StoredImage; names: string[] }[] {
  if (texts.length === 0) throw new PlyfsError('usage', 'name the images to save');
  const namesOf = new Map<Digest, Set<string>>();
  for (const text of texts) {
    for (const { image, names } of meant(catalog, text)) {
      const known = namesOf.get(image.id) ?? new Set();
      for (const name of names) known.add(name);
      namesOf.set(image.id, known);
    }
  }
  return [...namesOf].map(([id, names]) => ({ image: catalog.images.get(id)!, names: [...names] })); // IDs came from the catalog
}

function meant(catalog: Catalog, text: string): { image: StoredImage; names: string[] }[] {
  const tags = tagsOf(catalog, text);
  if (tags.length > 0) return tags.map((name) => ({ image: getImage(catalog, name).image, names: [name] }));
  const { image, name } = getImage(catalog, text);
  return [{ image, names: name === undefined ? [] : [name] }];
}

/** All names of the repository that `text` is, where it has neither tag nor digest and is no ID. */
function tagsOf(catalog: Catalog, text: string): string[] {
  if (/^(@?sha256:|)[0-9a-f]+$/.test(text) && findImage(catalog, text)?.name === undefined) return [];
  if (text.startsWith('sha256:')) return [];
  const reference = parseReference(text);
  if (reference.tag !== undefined || reference.digest !== undefined) return [];
  const repository = repositoryOf(reference);
  return [...catalog.names.keys()]
    .filter((name) => !name.includes('@') && repositoryOf(parseReference(name)) === repository)
    .sort();
}
