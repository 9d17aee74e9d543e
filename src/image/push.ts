/** push: an image of the store to the registry that its name says, with the digests it came with. */

import { PlyfsError } from '../base/errors.js';
import { type CopyOptions, putImage } from '../oci/copy.js';
import {
  canonicalText,
  familiarRepository,
  parseReference,
  type Reference,
  repositoryOf,
  withDefaultTag,
} from '../oci/reference.js';
import type { SourceImage } from '../oci/source.js';
import { RegistrySession } from '../registry/client.js';
import type { RegistryOptions } from '../registry/switchboard.js';
import { Store } from '../store/store.js';
import { type PushedManifest, RegistrySink } from './transports/registry-sink.js';
import { StoreSource } from './transports/store-source.js';

export interface PushOptions extends Pick<CopyOptions, 'progress' | 'onLayer'> {
  /** Every tag of the repository. */
  readonly allTags?: boolean;
  readonly onImage?: (image: SourceImage, reference: Reference) => void;
}

/** Pushes by a session that the caller closes. PlyfsError `no-image`, and those of the registry's client. */
export async function pushBy(
  session: RegistrySession,
  store: Store,
  name: string,
  options: PushOptions = {},
): Promise<readonly PushedManifest[]> {
  const source = new StoreSource(store, 'received');
  const references = referencesOf(store, name, options.allTags === true);
  const sink = new RegistrySink(session, session.repository(references[0]!), store); // one at least
  for (const reference of references) {
    const image = await source.find({ name: canonicalText(reference), platform: undefined });
    options.onImage?.(image, reference);
    await putImage(image, sink, {
      names: [reference.tag!], // referencesOf gives tags
      ...(options.progress !== undefined && { progress: options.progress }),
      ...(options.onLayer !== undefined && { onLayer: options.onLayer }),
    });
  }
  await sink.commit();
  return sink.pushed;
}

/** What to push. PlyfsError `no-image`, `usage`. */
export function referencesOf(store: Store, name: string, allTags: boolean): Reference[] {
  const reference = parseReference(name);
  if (reference.digest !== undefined) throw new PlyfsError('usage', `"${name}" has a digest: an image is pushed by its tag`);
  if (!allTags) return [withDefaultTag(reference)];
  if (reference.tag !== undefined)
    throw new PlyfsError('usage', `tag can't be used with --all-tags/-a: name the repository alone`);
  const all = [...store.catalog().names.keys()].map(parseReference);
  const tags = all.filter((known) => known.tag !== undefined && repositoryOf(known) === repositoryOf(reference));
  if (tags.length === 0) {
    throw new PlyfsError(
      'no-image',
      `An image does not exist locally with the tag: ${familiarRepository(reference)} (plyfs images lists those there are)`,
    );
  }
  return tags;
}

export interface PushImageOptions extends PushOptions, Pick<RegistryOptions, 'signal' | 'tlsVerify' | 'onRetry'> {
  /** Directory of the store, by default as the command's. */
  readonly root?: string;
}

/** Pushes the stored image `NAME[:TAG]` to the registry of its name. PlyfsError. */
export async function pushImage(name: string, options: PushImageOptions = {}): Promise<readonly PushedManifest[]> {
  const { signal, tlsVerify, onRetry, root } = options;
  const session = new RegistrySession({
    ...(signal !== undefined && { signal }),
    ...(tlsVerify !== undefined && { tlsVerify }),
    ...(onRetry !== undefined && { onRetry }),
  });
  try {
    return await pushBy(session, new Store(root), name.replace(/^docker:\/\//, ''), options);
  } finally {
    session.close();
  }
}
