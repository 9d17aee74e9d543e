/** `manifest.json` and `repositories` of a docker-archive (S-1 to S-4; moby's image/tarexport). */

import { PlyfsError } from '../base/errors.js';
import { readLimits } from '../base/limits.js';
import { JsonObject, parseJson, textFrom, wrongShape } from './json.js';

import { canonicalText, familiarText, parseReference, taggedText } from './reference.js';

/** One image of the archive; paths are names of archive entries. */
export interface ArchivedImage {
  readonly config: string;
  /** Canonical references. */
  readonly names: readonly string[];
  /** Bottom first. */
  readonly layers: readonly string[];
}

/** PlyfsError `document` for a wrong shape, `reference` for a RepoTag that is none (S-4). */
export function parseDockerManifest(bytes: Uint8Array, what: string): ArchivedImage[] {
  const value = parseJson(bytes, what, readLimits().manifestBytes);
  if (!Array.isArray(value)) throw wrongShape(what, 'is not a list of images');
  return value.map((item, index) => {
    const object = new JsonObject(item, `${what}[${index}]`);
    return {
      config: object.text('Config'),
      names: object.optionalList('RepoTags', tagFrom) ?? [],
      layers: object.optionalList('Layers', textFrom) ?? [],
    };
  });
}

function tagFrom(value: unknown, path: string): string {
  const reference = parseReference(textFrom(value, path));
  if (reference.tag === undefined && reference.digest === undefined) throw new PlyfsError('reference', `${path} has no tag`);
  return canonicalText(reference);
}

/** The bytes of `manifest.json`; tags are spelled as docker spells them (`busybox:latest`). A name by digest is no tag. */
export function encodeDockerManifest(images: readonly ArchivedImage[]): Buffer {
  const list = images.map((image) => {
    const tagged = new Set(image.names.flatMap((name) => taggedText(name) ?? []));
    const tags = [...tagged].map((name) => familiarText(parseReference(name)));
    return { Config: image.config, RepoTags: tags.length === 0 ? null : tags, Layers: image.layers };
  });
  return Buffer.from(JSON.stringify(list));
}
