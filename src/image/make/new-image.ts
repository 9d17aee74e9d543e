/** A new image of the store: the config of its parent with what was changed, one more step of history, perhaps one more layer (M-2). The
 *  parent's bytes stay as they are. */

import type { Digest } from '../../base/digest.js';
import { PlyfsError } from '../../base/errors.js';
import { applyChanges } from '../../dockerfile/instructions.js';
import { type ImageConfig, parseImageConfig } from '../../oci/config.js';
import { encodeExact } from '../../oci/exact-json.js';
import { encodeManifest } from '../../oci/manifest.js';
import { mediaTypes } from '../../oci/media-types.js';
import { type Platform, platformText } from '../../oci/platform.js';
import { canonicalText, parseReference, withDefaultTag } from '../../oci/reference.js';
import type { StoredImage, StoredLayer } from '../../store/catalog.js';
import { collectNow } from '../../store/gc.js';
import type { Store } from '../../store/store.js';
import { readStoredConfig } from '../stack/stored-config.js';

export interface NewImage {
  readonly parent: StoredImage | undefined;
  /** undefined: nothing was changed, and the step is an `empty_layer`. */
  readonly layer: StoredLayer | undefined;
  /** Where there is no parent. */
  readonly platform?: Platform;
  /** Members of the config that are otherwise than the parent's, before the changes. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Instructions as of `--change`. */
  readonly changes?: readonly string[];
  readonly author?: string | undefined;
  readonly comment?: string | undefined;
  /** A canonical reference, as newName gives it. */
  readonly name: string | undefined;
}

/** The canonical reference that `text` asks for. PlyfsError `reference`, exit status 2. */
export function newName(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const reference = withDefaultTag(parseReference(text));
  if (reference.digest === undefined) return canonicalText(reference);
  throw new PlyfsError('reference', `"${text}" has a digest: a new name has a tag only`);
}

/** Runs `add` while nobody removes blobs. Where it fails, what it put into the store goes again. */
export async function addingTo<T>(store: Store, add: () => Promise<T>): Promise<T> {
  const before = store.blobs.added.length;
  try {
    using _lock = await store.lockForAdding();
    return await add();
  } catch (error) {
    const added = store.blobs.added.splice(before);
    if (added.length > 0) await collectNow(store, added);
    throw error;
  }
}

/** Makes the image and its name visible in one step; returns its ID. PRE: the caller holds lockForAdding, and the layer is in the store.
 *  PlyfsError `change` for an instruction that is not allowed. */
export async function putNewImage(store: Store, image: NewImage): Promise<Digest> {
  const { parent, layer, name } = image;
  const layers = [...(parent?.layers ?? []), ...(layer === undefined ? [] : [layer])];
  return storeNewImage(store, configOf(store, image), { layers, parent: parent?.id, name });
}

/** The same with a config that the caller made; its diffIDs are those of `layers`. */
export async function storeNewImage(
  store: Store,
  document: Readonly<Record<string, unknown>>,
  { layers, parent, name }: Pick<StoredImage, 'layers' | 'parent'> & { readonly name: string | undefined },
): Promise<Digest> {
  const bytes = Buffer.from(encodeExact(document));
  const config = parseImageConfig(bytes, 'the new config');
  const id = store.blobs.putDocument(bytes, store.temporary());
  const manifest = encodeManifest(
    { mediaType: mediaTypes.config, digest: id, size: bytes.length },
    layers.map(({ mediaType, blob, blobBytes }) => ({ mediaType: ociType(mediaType), digest: blob, size: blobBytes })),
  );
  const stored: StoredImage = {
    id,
    manifest: store.blobs.putDocument(manifest, store.temporary()),
    platform: platformText(config.platform),
    created: config.created,
    added: new Date().toISOString(),
    layers,
    parent,
  };
  await store.change((catalog) => {
    const known = catalog.images.get(id) ?? stored;
    catalog.images.set(id, known);
    if (name !== undefined) catalog.name(name, known, { manifest: stored.manifest, digest: stored.manifest });
  });
  return id;
}

/** $SOURCE_DATE_EPOCH in seconds. PlyfsError, exit status 2, where it is not a number of seconds. */
export function sourceDateEpoch(): number | undefined {
  const text = process.env.SOURCE_DATE_EPOCH;
  if (text === undefined || text === '') return undefined;
  if (/^\d{1,11}$/.test(text)) return Number(text);
  throw new PlyfsError('usage', `SOURCE_DATE_EPOCH is "${text}", not a number of seconds`);
}

/** The time of what is made now, RFC 3339. */
export function creationTime(): string {
  const epoch = sourceDateEpoch();
  return new Date(epoch === undefined ? Date.now() : epoch * 1000).toISOString();
}

/** What belongs to the parent alone: docker notes there which container it was committed from. */
const parentOnly: readonly string[] = ['container', 'container_config', 'id', 'parent'];

/** The members of a config's document that an image made of it takes over. */
export function inheritedFields(document: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(document).filter(([key]) => !parentOnly.includes(key)));
}

function configOf(store: Store, image: NewImage): Record<string, unknown> {
  const { parent, layer, author, comment } = image;
  const created = creationTime();
  const base = parent === undefined ? undefined : readStoredConfig(store, parent.id);
  const former = { ...objectOf(base?.document.config), ...image.config };
  const entry = {
    created,
    ...(author === undefined ? {} : { author }),
    ...(parent === undefined ? {} : { created_by: textsOf(former.Cmd).join(' ') }),
    ...(comment === undefined ? {} : { comment }),
    ...(layer === undefined ? { empty_layer: true } : {}),
  };
  return {
    ...(image.platform === undefined ? {} : platformFields(image.platform)),
    ...inheritedFields(base?.document ?? {}),
    created,
    ...(author === undefined ? {} : { author }),
    config: applyChanges(former, image.changes ?? []),
    rootfs: { type: 'layers', diff_ids: [...(base?.diffIds ?? []), ...(layer === undefined ? [] : [layer.diffId])] },
    history: [...formerHistory(base), entry],
  };
}

/** The parent's own entries, one for each layer (I-5): those that it has too many made no layer, those that it lacks are empty. */
export function formerHistory(base: ImageConfig | undefined): unknown[] {
  if (base === undefined) return [];
  const { history } = base.document;
  const own: unknown[] = Array.isArray(history) ? history : [];
  let left = base.diffIds.length;
  const fitted = own.map((entry) => {
    const step = objectOf(entry);
    return step.empty_layer === true || left-- > 0 ? entry : { ...step, empty_layer: true };
  });
  const unknown = { created: base.created ?? new Date(0).toISOString(), created_by: '' };
  return [...fitted, ...Array.from({ length: Math.max(0, left) }, () => unknown)];
}

function platformFields({ os, architecture, variant, osVersion }: Platform): Record<string, unknown> {
  return {
    architecture,
    ...(variant === undefined ? {} : { variant }),
    os,
    ...(osVersion === undefined ? {} : { 'os.version': osVersion }),
  };
}

/** The same layer in an OCI manifest, where docker's manifest has another word for it. */
function ociType(mediaType: string): string {
  if (mediaType === mediaTypes.dockerLayer) return mediaTypes.layer;
  return mediaType === mediaTypes.dockerLayerGzip ? mediaTypes.layerGzip : mediaType;
}

export function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

export function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
