/** manifest inspect: the manifest or index that a name leads to, byte for byte, wherever the image lies. */

import { statSync } from 'node:fs';
import { PlyfsError } from '../base/errors.js';
import { readLimits } from '../base/limits.js';
import type { RegistrySession } from '../registry/client.js';
import { getImage } from '../store/resolve.js';
import type { Store } from '../store/store.js';
import { LayoutDirectory } from './transports/layout-directory.js';
import { LayoutSource } from './transports/layout-source.js';
import { RegistrySource } from './transports/registry-source.js';
import { imagePlaceFrom } from './transports/transport-words.js';

/** Hashes to the digest that the image is known by there. PlyfsError `no-image`, and those of the place. */
export async function readManifestBytes(session: RegistrySession, store: Store, text: string): Promise<Uint8Array> {
  const place = imagePlaceFrom(text);
  switch (place.kind) {
    case 'docker':
      return (await new RegistrySource(session).locate(place.name)).received.bytes;
    case 'oci':
      return openLayout(place.path).receivedBytes(place.name);
    case 'store':
      return storedBytes(store, place.name);
    case 'oci-archive':
    case 'docker-archive':
      throw new PlyfsError('usage', `${text}: load the archive first (plyfs load -i ${place.path}), or name a layout (oci:DIR)`);
    default:
      return place satisfies never;
  }
}

function openLayout(path: string): LayoutSource {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new PlyfsError('no-image', `there is no directory ${path}`);
  }
  if (LayoutDirectory.isOne(path)) return new LayoutSource(new LayoutDirectory(path));
  throw new PlyfsError('archive', `${path} is a directory but no OCI layout: it has neither oci-layout nor index.json`);
}

function storedBytes(store: Store, text: string): Uint8Array {
  const catalog = store.catalog();
  const { image, name } = getImage(catalog, text);
  return store.blobs.readDocument(catalog.originOf(name, image).digest, readLimits().manifestBytes);
}
