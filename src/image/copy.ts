/** copy: an image from wherever it lies to wherever it shall lie, with the same digests. */

import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { type Digest, sha256Of } from '../base/digest.js';
import { PlyfsError } from '../base/errors.js';
import { type CopyOptions, putImage } from '../oci/copy.js';
import { canonicalText, parseReference, withDefaultTag } from '../oci/reference.js';
import type { ImageSink, ImageSource, SourceImage } from '../oci/source.js';
import type { RegistrySession, Repository } from '../registry/client.js';
import type { ReceivedManifest } from '../registry/manifests.js';
import { Draft, unwritable } from '../store/draft.js';
import type { Store } from '../store/store.js';
import { openArchive } from './find/locate.js';
import { ArchiveSink } from './transports/archive-sink.js';
import { ArchiveWriter } from './transports/archive-writer.js';
import { LayoutSink } from './transports/layout-sink.js';
import { RegistrySink } from './transports/registry-sink.js';
import { RegistrySource } from './transports/registry-source.js';
import { StoreSink } from './transports/store-sink.js';
import { StoreSource } from './transports/store-source.js';
import { type ImagePlace, imagePlaceFrom } from './transports/transport-words.js';
import { described, WholeLayers } from './transports/whole-layers.js';

export interface CopyImageOptions extends Pick<CopyOptions, 'progress' | 'onLayer'> {
  readonly platform?: string | undefined;
  /** The whole index: every platform and attestation (between registries). */
  readonly all?: boolean;
  readonly onImage?: (image: SourceImage) => void;
}

/** Copies by a session that the caller closes; resolves to the digest of the manifest, or index, that came along; undefined where the source has none. PlyfsError; then nothing
 *  new is visible at `to`. */
export async function copyBetween(
  session: RegistrySession,
  store: Store,
  from: string,
  to: string,
  options: CopyImageOptions = {},
): Promise<Digest | undefined> {
  const [source, target] = [imagePlaceFrom(from), imagePlaceFrom(to)];
  if (options.all === true) return copyAll(session, source, target);
  const opened = await openSource(session, store, source);
  try {
    const image = await described(await opened.find({ name: source.name, platform: options.platform }));
    options.onImage?.(image);
    await putInto(session, store, target, image, options);
    return image.manifest === undefined ? undefined : sha256Of(image.manifest.bytes);
  } finally {
    opened.close();
  }
}

async function openSource(session: RegistrySession, store: Store, place: ImagePlace): Promise<ImageSource> {
  if (place.kind === 'docker') return new RegistrySource(session);
  if (place.kind === 'store') return new StoreSource(store, 'received');
  const opened = await openArchive(store, place.path);
  if (opened.kind === 'images') return opened.source;
  throw new PlyfsError('archive', `${place.path} is the tar of a root file system, not an image archive: use plyfs import`);
}

async function putInto(
  session: RegistrySession,
  store: Store,
  target: ImagePlace,
  image: SourceImage,
  options: CopyImageOptions,
): Promise<void> {
  const common = {
    ...(options.progress !== undefined && { progress: options.progress }),
    ...(options.onLayer !== undefined && { onLayer: options.onLayer }),
  };
  const finish = async (sink: ImageSink, names: readonly string[]): Promise<void> => {
    try {
      await putImage(image, sink, { names: [...names], ...common });
      await sink.commit();
    } catch (error) {
      sink.abandon();
      throw error;
    }
  };
  switch (target.kind) {
    case 'store':
      return finish(await StoreSink.open(store), [canonicalText(withDefaultTag(parseReference(target.name)))]);
    case 'docker': {
      const reference = withDefaultTag(parseReference(target.name));
      if (reference.tag === undefined) throw new PlyfsError('usage', `${target.name}: an image is pushed by a tag`);
      return finish(new RegistrySink(session, session.repository(reference), store), [reference.tag]);
    }
    case 'oci':
      return finish(new WholeLayers(new LayoutSink(target.path, target.name), store), []);
    case 'oci-archive':
      return intoArchive(target.path, target.name, (sink) => finish(new WholeLayers(sink, store), []));
    case 'docker-archive':
      return intoArchive(target.path, undefined, (sink) => finish(new WholeLayers(sink, store), namesIn(target.name)));
    default:
      return target satisfies never;
  }
}

/** A file that appears when it is whole. */
async function intoArchive(path: string, refName: string | undefined, use: (sink: ImageSink) => Promise<void>): Promise<void> {
  using draft = new Draft(path, 0o600);
  const output = createWriteStream(path, { fd: draft.fd, autoClose: false });
  let failure: unknown;
  output.on('error', (error) => {
    failure = error;
  });
  try {
    await use(await ArchiveSink.open(new ArchiveWriter(output), refName));
    output.end();
    await finished(output);
  } catch (error) {
    throw failure === undefined ? error : unwritable(path, failure);
  }
  draft.publish();
}

/** docker's archives know whole names. */
function namesIn(name: string | undefined): string[] {
  return name === undefined ? [] : [canonicalText(withDefaultTag(parseReference(name)))];
}

/** Byte for byte: every document that the index leads to, children first. */
async function copyAll(session: RegistrySession, from: ImagePlace, to: ImagePlace): Promise<Digest> {
  if (from.kind !== 'docker' || to.kind !== 'docker')
    throw new PlyfsError('usage', '--all copies between registries: write docker:// on both sides');
  const { reference, received } = await new RegistrySource(session).locate(from.name);
  const target = withDefaultTag(parseReference(to.name));
  if (target.tag === undefined) throw new PlyfsError('usage', `${to.name}: an image is pushed by a tag`);
  const [source, sink] = [session.repository(reference), session.repository(target)];
  await copyParts(source, sink, received);
  return sink.putManifest(target.tag, received);
}

async function copyParts(source: Repository, sink: Repository, { document }: ReceivedManifest): Promise<void> {
  if (document.kind === 'index') {
    for (const { digest } of document.manifests) {
      const child = await source.getManifest(digest);
      await copyParts(source, sink, child);
      await sink.putManifest(digest, child);
    }
    return;
  }
  const mountFrom = source.domain === sink.domain ? [source.path] : [];
  for (const { digest, size } of [document.config, ...document.layers]) {
    await sink.upload({ digest, sizeBytes: size, read: (offset) => source.openBlob(digest, { size, offset }) }, { mountFrom });
  }
}
