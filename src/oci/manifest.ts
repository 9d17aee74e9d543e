/** Index and manifest: one parser from bytes (OCI image-index.md, manifest.md, descriptor.md; docker manifest v2 schema 2). */

import type { Digest } from '../base/digest.js';
import { PlyfsError } from '../base/errors.js';
import { readLimits } from '../base/limits.js';
import { JsonObject, parseJson, textFrom, wrongShape } from './json.js';
import { documentKindOf, mediaTypes } from './media-types.js';
import { type Platform, platformFrom } from './platform.js';

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes of what it describes, as stored. */
  readonly size: number;
  readonly platform?: Platform;
  readonly annotations?: ReadonlyMap<string, string>;
  readonly urls?: readonly string[];
  /** What a manifest is about that is no image (signatures, SBOMs); in lists of referrers. */
  readonly artifactType?: string;
}

export interface Index {
  readonly kind: 'index';
  readonly mediaType: string;
  readonly manifests: readonly Descriptor[];
}

export interface Manifest {
  readonly kind: 'manifest';
  readonly mediaType: string;
  readonly config: Descriptor;
  /** Bottom first. */
  readonly layers: readonly Descriptor[];
  readonly annotations: ReadonlyMap<string, string>;
}

/** What the bytes are, by their fields; `what` names them in refusals. PlyfsError `document` for a wrong shape, a `mediaType` that
 *  contradicts the fields, and for both `layers` and `manifests` (CVE-2021-41190). */
export function parseManifest(bytes: Uint8Array, what: string): Manifest | Index {
  const object = new JsonObject(parseJson(bytes, what, readLimits().manifestBytes), what);
  const version = object.get('schemaVersion');
  if (version === 1) {
    throw new PlyfsError(
      'document',
      `${what} is a docker schema 1 manifest, which is no longer supported: save or push the image with a newer tool`,
    );
  }
  if (version !== 2) throw wrongShape(object.at('schemaVersion'), 'is not 2');
  const hasLayers = object.has('layers') || object.has('config');
  if (hasLayers && object.has('manifests')) {
    throw new PlyfsError('document', `${what} has both layers and manifests: it can be read in two ways and is refused`);
  }
  const kind = object.has('manifests') ? 'index' : 'manifest';
  const mediaType = object.optionalText('mediaType');
  const declared = mediaType === undefined ? kind : documentKindOf(mediaType);
  if (declared !== undefined && declared !== kind) {
    throw wrongShape(
      object.at('mediaType'),
      `is ${mediaType}, but the fields are those of ${kind === 'index' ? 'an index' : 'a manifest'}`,
    );
  }
  return kind === 'index'
    ? indexFrom(object, mediaType ?? mediaTypes.index)
    : manifestFrom(object, mediaType ?? mediaTypes.manifest);
}

function indexFrom(object: JsonObject, mediaType: string): Index {
  return { kind: 'index', mediaType, manifests: object.list('manifests', descriptorFrom) };
}

function manifestFrom(object: JsonObject, mediaType: string): Manifest {
  return {
    kind: 'manifest',
    mediaType,
    config: descriptorFrom(object.object('config').raw(), object.at('config')),
    layers: object.optionalList('layers', descriptorFrom) ?? [],
    annotations: object.textMap('annotations'),
  };
}

export function descriptorFrom(value: unknown, path: string): Descriptor {
  const object = new JsonObject(value, path);
  const platform = object.optionalObject('platform');
  const urls = object.optionalList('urls', textFrom);
  const artifactType = object.optionalText('artifactType');
  return {
    mediaType: object.text('mediaType'),
    digest: object.digest('digest'),
    size: object.size('size'),
    annotations: object.textMap('annotations'),
    ...(platform === undefined ? {} : { platform: platformFrom(platform) }),
    ...(urls === undefined ? {} : { urls }),
    ...(artifactType === undefined ? {} : { artifactType }),
  };
}

/** The bytes of an OCI manifest for a config and its layers: the same bytes for the same input. */
export function encodeManifest(config: Descriptor, layers: readonly Descriptor[]): Buffer {
  return Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.manifest, config: plain(config), layers: layers.map(plain) }),
  );
}

function plain(descriptor: Descriptor): { mediaType: string; digest: string; size: number } {
  return { mediaType: descriptor.mediaType, digest: descriptor.digest, size: descriptor.size };
}
