/** A registry as a place that images come from: pull. Documents are read and verified here, layers only told of. */

import { PlyfsError } from '../../base/errors.js';
import { readLimits } from '../../base/limits.js';
import { parseImageConfig } from '../../oci/config.js';
import type { Descriptor, Index, Manifest } from '../../oci/manifest.js';
import { isImageConfig } from '../../oci/media-types.js';
import { choosePlatform, hostPlatform, parsePlatform } from '../../oci/platform.js';
import {
  canonicalText,
  familiarText,
  parseReference,
  type Reference,
  repositoryOf,
  withDefaultTag,
} from '../../oci/reference.js';
import type { ImageChoice, ImageSource, SourceImage, SourceLayer } from '../../oci/source.js';
import type { RegistrySession, Repository } from '../../registry/client.js';
import type { ReceivedManifest } from '../../registry/manifests.js';

/** An index may list indexes, so deep at most. */
const nestingLimit = 4;

export class RegistrySource implements ImageSource {
  readonly label = 'the registry';

  constructor(private readonly session: RegistrySession) {}

  /** PlyfsError of the registry's client, `platform`, `document`; `reference` where registries.conf wants a name without a host to be
   *  chosen. */
  async find(choice: ImageChoice): Promise<SourceImage> {
    if (choice.name === undefined) throw new PlyfsError('no-image', 'name the image');
    const { reference, received } = await this.locate(choice.name);
    return this.imageOf(reference, received, choice.platform);
  }

  /** The document that a name leads to, without a look at what it names. Names without a host are tried where registries.conf says. */
  async locate(name: string): Promise<{ reference: Reference; received: ReceivedManifest }> {
    const references = this.referencesOf(name);
    for (const reference of references.slice(0, -1)) {
      try {
        return { reference, received: await this.read(reference) };
      } catch (error) {
        if (!(error instanceof PlyfsError) || error.code !== 'registry-absent') throw error;
      }
    }
    const reference = references.at(-1)!; // one at least
    return { reference, received: await this.read(reference) };
  }

  /** What a name may stand for, with tags. */
  referencesOf(name: string): Reference[] {
    const { names, mustAsk } = this.session.meanings(name);
    if (mustAsk) {
      throw new PlyfsError(
        'reference',
        `"${name}" may be any of ${names.join(', ')} (registries.conf, short-name-mode): write which`,
      );
    }
    return names.map((text) => withDefaultTag(parseReference(text)));
  }

  private read(reference: Reference): Promise<ReceivedManifest> {
    return this.session.repository(reference).getManifest(reference.digest ?? reference.tag!); // it has one of both
  }

  /** The image of `platform` that a received document is or lists. */
  async imageOf(reference: Reference, received: ReceivedManifest, platform?: string): Promise<SourceImage> {
    const repository = this.session.repository(reference);
    const label = familiarText(reference);
    const chosen = await chooseManifest(repository, received, platform, label);
    const { manifest } = chosen;
    refuseArtifact(manifest, label);
    const configBytes = await repository.readBlob(manifest.config, readLimits().configBytes);
    const config = parseImageConfig(configBytes, `the config of ${label}`);
    if (manifest.layers.length !== config.diffIds.length) {
      throw new PlyfsError(
        'document',
        `the manifest of ${label} has ${manifest.layers.length} layers, its config ${config.diffIds.length} diff_ids: the image is damaged`,
      );
    }
    const isIndex = received.document.kind === 'index';
    return {
      id: manifest.config.digest,
      configBytes,
      config,
      manifest: { bytes: chosen.bytes, mediaType: manifest.mediaType },
      ...(isIndex && { index: { bytes: received.bytes, mediaType: received.mediaType, digest: received.digest } }),
      names: namesOf(reference, received),
      layers: manifest.layers.map((descriptor, at) => layerOf(repository, descriptor, config.diffIds[at]!)),
    };
  }

  close(): void {
    // The session is the caller's.
  }
}

interface Chosen {
  readonly manifest: Manifest;
  readonly bytes: Uint8Array;
}

async function chooseManifest(
  repository: Repository,
  received: ReceivedManifest,
  platform: string | undefined,
  label: string,
): Promise<Chosen> {
  const wanted = platform === undefined ? undefined : parsePlatform(platform);
  let { document, bytes }: { document: Manifest | Index; bytes: Uint8Array } = received;
  for (let depth = 0; depth <= nestingLimit; depth++) {
    if (document.kind === 'manifest') return { manifest: document, bytes };
    // docker takes this machine's platform or says that there is none, also where an index lists one manifest only.
    const descriptor = choosePlatform(document.manifests, wanted ?? hostPlatform(), label);
    const next = await repository.getManifest(descriptor.digest);
    if (next.bytes.length !== descriptor.size) {
      throw new PlyfsError('digest', `the manifest ${descriptor.digest} of ${label} has another size than its index says`);
    }
    ({ document, bytes } = next);
  }
  throw new PlyfsError('document', `${label} nests indexes more than ${nestingLimit} deep`);
}

function refuseArtifact({ config }: Manifest, label: string): void {
  if (isImageConfig(config.mediaType)) return;
  throw new PlyfsError(
    'document',
    `${label} is no image: it holds ${config.mediaType} (an artifact, which skopeo or oras can fetch)`,
  );
}

/** With tag and digest the digest counts, and no tag is written. Each is known by the digest that the registry knows it by, too. */
function namesOf(reference: Reference, { digest }: ReceivedManifest): string[] {
  const byDigest = canonicalText({ ...reference, tag: undefined, digest });
  return reference.digest === undefined ? [canonicalText(reference), byDigest] : [byDigest];
}

function layerOf(repository: Repository, descriptor: Descriptor, diffId: SourceLayer['diffId']): SourceLayer {
  const { digest, size, urls } = descriptor;
  return {
    diffId,
    descriptor,
    sizeBytes: size,
    location: undefined,
    repository: repositoryOf({ domain: repository.domain, path: repository.path, tag: undefined, digest: undefined }),
    read: (offset = 0, signal) => repository.openBlob(digest, { size, offset, urls, signal }),
  };
}
