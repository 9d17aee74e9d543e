/** From what people write to an image on disk: a name, ID or digest in the store, or the path of an archive, layout or root tar, whose
 *  kind its content tells. */

import { existsSync, statSync } from 'node:fs';
import type { Digest } from '../../base/digest.js';
import { PlyfsError } from '../../base/errors.js';
import { readLimits } from '../../base/limits.js';
import { codeOf } from '../../base/node-error.js';
import { systemWords } from '../../base/system-words.js';
import { parseImageConfig } from '../../oci/config.js';
import { noSuchImage, type Sought } from '../../oci/no-such-image.js';
import { parsePlatform, platformDistance } from '../../oci/platform.js';
import type { FileRange } from '../../oci/source.js';
import { findImage } from '../../store/resolve.js';
import type { Store } from '../../store/store.js';
import { compressionOfRange } from '../intake/ingest.js';
import { namingAsync } from '../intake/named-errors.js';
import { rangeKey } from '../intake/saved-index.js';
import { unpackedFile } from '../intake/unpacked.js';
import { type LocatedImage, locateRootfs, locateSourceImage, locateStoredImage } from '../stack/located-image.js';
import { ArchiveFile } from '../transports/archive-file.js';
import { DockerArchiveSource } from '../transports/docker-archive-source.js';
import { LayoutDirectory } from '../transports/layout-directory.js';
import { LayoutSource } from '../transports/layout-source.js';
import type { LocalSource } from '../transports/local-source.js';

/** The image that `text` names. A path begins with `/`, `./` or `../`; other text is looked for in the store first and then as a file.
 *  `app.tar#busybox:1.36` picks one image of several. PlyfsError `no-image` and whatever is wrong with the archive. `what`: all that the
 *  caller has looked or looks for. */
export async function locateImage(
  store: Store,
  text: string,
  platform?: string,
  what: Sought = 'image or file',
): Promise<LocatedImage> {
  const isPath = /^\.{0,2}\//.test(text) || text === '.' || text === '..';
  if (!isPath) {
    const stored = findStored(store, text, platform);
    if (stored !== undefined) return stored;
  }
  const { path, name } = splitPath(text);
  if (!isThere(path)) throw isPath ? noSuchFile(path) : noSuchImage(text, store.catalog().names.keys(), what);
  const opened = await openArchive(store, path);
  if (opened.kind === 'rootfs') {
    if (name !== undefined) throw new PlyfsError('no-image', `${path} is the tar of a root file system: it has no image names`);
    return locateRootfs(path, opened.location, opened.unpacked);
  }
  const { source } = opened;
  return locateSourceImage(await source.find({ name, platform }), text, source.kind);
}

function noSuchFile(path: string): PlyfsError {
  return new PlyfsError('no-image', `there is no file ${path}`);
}

function findStored(store: Store, text: string, platform: string | undefined): LocatedImage | undefined {
  const catalog = store.catalog();
  if (catalog.images.size === 0) return undefined;
  let found: ReturnType<typeof findImage>;
  try {
    found = findImage(catalog, text);
  } catch (error) {
    // `App.tar` is no reference, but may be a file.
    if (error instanceof PlyfsError && error.code === 'reference') return undefined;
    throw error;
  }
  if (found === undefined) return undefined;
  const { image } = found;
  const config = parseImageConfig(store.blobs.readDocument(image.id, readLimits().configBytes), `config ${image.id}`);
  if (platform !== undefined && platformDistance(parsePlatform(platform), config.platform) === undefined) {
    throw new PlyfsError('platform', `${text} in the store is for ${image.platform}, not ${platform}`);
  }
  return locateStoredImage(store, image, config, text);
}

/** PlyfsError `unreadable` where nobody with these rights can tell. */
function isThere(path: string): boolean {
  try {
    statSync(path);
    return true;
  } catch (error) {
    if (codeOf(error) !== 'EACCES') return false;
    throw new PlyfsError('unreadable', `${path} cannot be reached: ${systemWords(error)}`, { cause: error });
  }
}

/** `path#name`; a `#` that belongs to the file's own name stays there. */
function splitPath(text: string): { path: string; name: string | undefined } {
  const hash = text.lastIndexOf('#');
  if (hash <= 0 || existsSync(text)) return { path: text, name: undefined };
  return { path: text.slice(0, hash), name: text.slice(hash + 1) };
}

export type OpenedPath =
  | { readonly kind: 'images'; readonly source: LocalSource; readonly unpacked: Digest | undefined }
  | { readonly kind: 'rootfs'; readonly location: FileRange; readonly unpacked: Digest | undefined };

/** What the file or directory at `path` is, by its content. A compressed file is decompressed into the store once, as the blob `unpacked`.
 *  `label` names it in messages. */
export async function openArchive(store: Store, path: string, label = path, onUnpacked?: Unpacked): Promise<OpenedPath> {
  return namingAsync(label, () => open(store, path, label, onUnpacked));
}

/** Told while a compressed file is unpacked how many of its bytes have been read, `done` of `total`. */
type Unpacked = (done: number, total: number) => void;

async function open(store: Store, path: string, label: string, onUnpacked?: Unpacked): Promise<OpenedPath> {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) throw noSuchFile(path);
  if (stat.isDirectory()) {
    if (LayoutDirectory.isOne(path))
      return { kind: 'images', source: new LayoutSource(new LayoutDirectory(path)), unpacked: undefined };
    throw new PlyfsError('archive', `${path} is a directory but no OCI layout: it has neither oci-layout nor index.json`);
  }
  if (!stat.isFile())
    throw new PlyfsError('archive', `${label} is not a regular file; images from a pipe are taken by plyfs load`);
  if (stat.size === 0) throw new PlyfsError('archive', `${label} is empty`);
  const whole = { path, start: 0, size: stat.size };
  const isPlain = compressionOfRange(whole) === 'none';
  const unpacked = isPlain ? undefined : await unpackedFile(store, whole, label, (done) => onUnpacked?.(done, whole.size));
  const location = unpacked === undefined ? whole : { path: store.blobs.path(unpacked.digest), start: 0, size: unpacked.size };
  // A root tar that was opened before has its index in the cache: no need to look at its entries again.
  const cached = isPlain && existsSync(store.path('cache', `${rangeKey(whole)}.index`));
  if (cached) return { kind: 'rootfs', location, unpacked: unpacked?.digest };
  const archive = ArchiveFile.open(location.path, label);
  if (archive.isRootfs) return { kind: 'rootfs', location, unpacked: unpacked?.digest };
  // manifest.json decides where it is (S-4).
  const isDocker = archive.find('manifest.json') !== undefined || archive.find('index.json') === undefined;
  const source = isDocker ? new DockerArchiveSource(archive) : new LayoutSource(archive);
  return { kind: 'images', source, unpacked: unpacked?.digest };
}
