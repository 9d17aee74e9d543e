/** pull: images of registries into the store, verified layer by layer; what is there already is not fetched. */

import type { Digest } from '../base/digest.js';
import { PlyfsError } from '../base/errors.js';
import { type CopyOptions, putImage } from '../oci/copy.js';
import { canonicalText, parseReference, type Reference, withDefaultTag } from '../oci/reference.js';
import type { SourceImage } from '../oci/source.js';
import { RegistrySession } from '../registry/client.js';
import type { RegistryOptions } from '../registry/switchboard.js';
import { Store } from '../store/store.js';
import { RegistrySource } from './transports/registry-source.js';
import { StoreSink } from './transports/store-sink.js';

export interface PullOptions extends Pick<CopyOptions, 'progress' | 'onLayer'> {
  /** Which image of an index; this machine's without it. */
  readonly platform?: string | undefined;
  /** Told when it is known what is to come, before the first layer. */
  readonly onImage?: (image: SourceImage, reference: Reference) => void;
}

export interface Pulled {
  readonly id: Digest;
  readonly reference: Reference;
  /** What the registry knows the name by: of the index, where it is one. */
  readonly digest: Digest;
  /** The name led to the same image before. */
  readonly wasThere: boolean;
}

/** Pulls one image by a session that the caller closes. PlyfsError; then nothing has changed but for parts of layers that the next pull
 *  goes on with (`prune` clears them). */
export async function pullBy(session: RegistrySession, store: Store, name: string, options: PullOptions = {}): Promise<Pulled> {
  const source = new RegistrySource(session);
  const { reference, received } = await source.locate(name);
  const image = await source.imageOf(reference, received, options.platform);
  options.onImage?.(image, reference);
  const before = store.catalog();
  const wasThere = image.names.every((known) => before.names.get(known) === image.id);
  const sink = await StoreSink.open(store);
  try {
    await putImage(image, sink, {
      ...(options.progress !== undefined && { progress: options.progress }),
      ...(options.onLayer !== undefined && { onLayer: options.onLayer }),
    });
    await sink.commit();
  } catch (error) {
    sink.abandon();
    throw error;
  }
  return { id: image.id, reference, digest: received.digest, wasThere };
}

export interface PullImageOptions extends PullOptions, Pick<RegistryOptions, 'signal' | 'tlsVerify' | 'onRetry'> {
  /** Directory of the store, by default as the command's. */
  readonly root?: string;
}

/** Pulls `HOST/NAME[:TAG|@DIGEST]` (`docker://` may stand before it) into the store. PlyfsError. */
export async function pullImage(name: string, options: PullImageOptions = {}): Promise<Pulled> {
  const session = new RegistrySession(sessionOptions(options));
  try {
    return await pullBy(session, new Store(options.root), name.replace(/^docker:\/\//, ''), options);
  } finally {
    session.close();
  }
}

function sessionOptions({ signal, tlsVerify, onRetry }: PullImageOptions): RegistryOptions {
  return {
    ...(signal !== undefined && { signal }),
    ...(tlsVerify !== undefined && { tlsVerify }),
    ...(onRetry !== undefined && { onRetry }),
  };
}

/** All tags of a repository, as references. PlyfsError `usage` for a name with a tag or digest. */
export async function tagsToPull(session: RegistrySession, name: string): Promise<string[]> {
  const plain = parseReference(session.meanings(name).names[0] ?? name);
  if (plain.tag !== undefined || plain.digest !== undefined) {
    throw new PlyfsError('usage', `tag can't be used with --all-tags/-a: name the repository alone, not ${name}`);
  }
  const found: string[] = [];
  for await (const tag of session.repository(plain).listTags()) found.push(canonicalText(withDefaultTag({ ...plain, tag })));
  return found;
}
