/** Images in a HostileRegistry: layers of pattern bytes that do not compress, as gzip. */

import { gzipSync } from 'node:zlib';
import type { Digest } from '../../src/base/digest.js';
import { mediaTypes } from '../../src/oci/media-types.js';
import { descriptor, partsOf } from './archive-bytes.js';
import type { HostileRegistry } from './hostile-registry.js';
import { patternBytes } from './registry-stage.js';
import { rawTar } from './tar-bytes.js';

/** A tar with one file of `size` bytes. */
export function layerTar(name: string, size: number, seed: number): Buffer {
  return rawTar({ name, data: patternBytes(size, seed) });
}

export interface PutImage {
  readonly manifest: { readonly bytes: Buffer; readonly digest: Digest };
  readonly layerBytes: number;
}

/** Puts an image of these layers (tars) under a tag; `change` alters the manifest before it is put. */
export function putImage(
  registry: HostileRegistry,
  repository: string,
  tag: string,
  layers: readonly Buffer[],
  change: (manifest: Record<string, unknown>) => void = () => {},
): PutImage {
  const parts = partsOf(...layers);
  const config = Buffer.from(JSON.stringify(parts.config));
  registry.putBlob(config);
  const blobs = layers.map((layer) => gzipSync(layer, { level: 1 }));
  for (const blob of blobs) registry.putBlob(blob);
  const manifest: Record<string, unknown> = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: descriptor(mediaTypes.config, config),
    layers: blobs.map((blob) => descriptor(mediaTypes.layerGzip, blob)),
  };
  change(manifest);
  const bytes = Buffer.from(JSON.stringify(manifest, undefined, 1));
  const digest = registry.putDocument(repository, tag, bytes, String(manifest.mediaType));
  return { manifest: { bytes, digest }, layerBytes: blobs.reduce((sum, blob) => sum + blob.length, 0) };
}
