/** What `inspect` prints of an image, in docker's fields. */

import { readLimits } from '../base/limits.js';
import { parseImageConfig } from '../oci/config.js';
import type { Sought } from '../oci/no-such-image.js';
import { familiarRepository, familiarText, parseReference } from '../oci/reference.js';
import type { RegistrySession } from '../registry/client.js';
import type { Catalog, StoredImage } from '../store/catalog.js';
import { getImage } from '../store/resolve.js';
import type { Store } from '../store/store.js';
import { RegistrySource } from './transports/registry-source.js';

/** Each repository with what its name came with. */
function repoDigests(catalog: Catalog, image: StoredImage): string[] {
  const names = catalog.namesOf(image.id);
  return [...new Set(names.map((name) => `${familiarRepository(parseReference(name))}@${catalog.originOf(name, image).digest}`))];
}

/** One image of the store. PlyfsError `no-image`, which names all `what` the caller has looked for. */
export function inspectImage(store: Store, text: string, what: Sought): Record<string, unknown> {
  const catalog = store.catalog();
  const { image } = getImage(catalog, text, what);
  const config = parseImageConfig(store.blobs.readDocument(image.id, readLimits().configBytes), `config ${image.id}`);
  const { document } = config;
  const references = catalog.namesOf(image.id).map(parseReference);
  const last = config.history.at(-1);
  return {
    Id: image.id,
    RepoTags: references.filter(({ digest }) => digest === undefined).map(familiarText),
    RepoDigests: repoDigests(catalog, image),
    Parent: image.parent ?? '',
    Comment: last?.comment ?? '',
    Created: image.created ?? '',
    DockerVersion: document.docker_version ?? '',
    Author: config.author,
    Config: document.config ?? {},
    Architecture: config.platform.architecture,
    ...(config.platform.variant === undefined ? {} : { Variant: config.platform.variant }),
    Os: config.platform.os,
    ...(config.platform.osVersion === undefined ? {} : { OsVersion: config.platform.osVersion }),
    Size: image.layers.reduce((sum, layer) => sum + layer.contentBytes, 0),
    GraphDriver: {
      Name: 'plyfs',
      Data: { Store: store.root, Layers: image.layers.map((layer) => store.blobs.path(layer.diffId)).join(':') },
    },
    RootFS: { Type: 'layers', Layers: config.diffIds },
    Metadata: { LastTagTime: image.added },
    Manifest: {
      Digest: image.manifest,
      Layers: image.layers.map((layer) => ({
        MediaType: layer.mediaType,
        Digest: layer.blob,
        Size: layer.blobBytes,
        TarSize: layer.tarBytes,
      })),
    },
  };
}

/** An image at its registry, in the same fields as far as its documents tell; nothing is pulled. Sizes are those of the compressed layers.
 *  PlyfsError of the registry's client. */
export async function inspectRemote(session: RegistrySession, name: string): Promise<Record<string, unknown>> {
  const source = new RegistrySource(session);
  const { reference, received } = await source.locate(name);
  const { id, config, layers } = await source.imageOf(reference, received);
  const { document, platform, history } = config;
  return {
    Id: id,
    RepoTags: reference.tag === undefined ? [] : [familiarText({ ...reference, digest: undefined })],
    RepoDigests: [`${familiarRepository(reference)}@${received.digest}`],
    Comment: history.at(-1)?.comment ?? '',
    Created: config.created ?? '',
    DockerVersion: document.docker_version ?? '',
    Author: config.author,
    Config: document.config ?? {},
    Architecture: platform.architecture,
    ...(platform.variant === undefined ? {} : { Variant: platform.variant }),
    Os: platform.os,
    Size: layers.reduce((sum, layer) => sum + layer.sizeBytes, 0),
    RootFS: { Type: 'layers', Layers: config.diffIds },
  };
}
