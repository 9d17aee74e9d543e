/** From what people write to an image of the store: name, ID, ID prefix, digest. */

import { type Digest, parseDigest } from '../base/digest.js';
import { noSuchImage, type Sought } from '../oci/no-such-image.js';
import { canonicalText, parseReference, type Reference, repositoryOf, withDefaultTag } from '../oci/reference.js';
import type { Catalog, StoredImage } from './catalog.js';

export interface Resolved {
  readonly image: StoredImage;
  /** The canonical name that `text` spelled; undefined where it was an ID. */
  readonly name: string | undefined;
}

/** undefined where the store has no such image. A name goes before an ID prefix that looks the same, as in docker.
 *  PlyfsError `reference`, `ambiguous`. */
export function findImage(catalog: Catalog, text: string): Resolved | undefined {
  if (/^@sha256:[0-9a-f]+$/.test(text)) return byId(catalog, text.slice(1));
  if (/^(sha256:)?[0-9a-f]{64}$/.test(text)) return byId(catalog, text);
  if (/^sha256:[0-9a-f]+$/.test(text)) return byId(catalog, text);
  const other = parseDigest(text);
  if (other !== undefined) return catalog.images.has(other) ? { image: catalog.images.get(other)!, name: undefined } : undefined;
  const named = findByName(catalog, text);
  return named ?? byId(catalog, text);
}

/** As findImage. PlyfsError `no-image` where there is none. */
export function getImage(catalog: Catalog, text: string, what: Sought = 'image'): Resolved {
  const found = findImage(catalog, text);
  if (found === undefined) throw noSuchImage(text, catalog.names.keys(), what);
  return found;
}

function byId(catalog: Catalog, text: string): Resolved | undefined {
  const image = catalog.findById(text) ?? catalog.findByManifest(text);
  return image === undefined ? undefined : { image, name: undefined };
}

function findByName(catalog: Catalog, text: string): Resolved | undefined {
  const hexPrefix = /^[0-9a-f]{1,64}$/.test(text);
  const reference = hexPrefix ? tryReference(text) : parseReference(text);
  if (reference === undefined) return undefined;
  const name = canonicalText(withDefaultTag(reference));
  const id = catalog.names.get(name);
  const image = id === undefined ? undefined : catalog.images.get(id);
  if (image !== undefined) return { image, name };
  return reference.digest === undefined ? undefined : byDigest(catalog, reference, reference.digest);
}

function tryReference(text: string): Reference | undefined {
  return text.length === 64 ? undefined : parseReference(text);
}

/** `repository[:tag]@digest`: the digest decides, whether it is the manifest's or the image's; the repository must be one of its names. */
function byDigest(catalog: Catalog, reference: Reference, digest: Digest): Resolved | undefined {
  const image = catalog.findByManifest(digest) ?? catalog.images.get(digest);
  if (image === undefined) return undefined;
  const repository = repositoryOf(reference);
  const names = catalog.namesOf(image.id);
  const isNamed = names.some((name) => repositoryOf(parseReference(name)) === repository);
  return isNamed ? { image, name: undefined } : undefined;
}
