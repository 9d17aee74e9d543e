/** The image config: what an image runs and which layers it is made of (OCI config.md; docker's image spec v1.2). */

import { type Digest, sha256Of } from '../base/digest.js';
import { overLimit, readLimits } from '../base/limits.js';
import { digestFrom, JsonObject, parseJson, wrongShape } from './json.js';
import { type Platform, platformFrom } from './platform.js';
import { type RunConfig, runConfigFrom } from './run-config.js';

export interface HistoryEntry {
  readonly created: string | undefined;
  readonly createdBy: string;
  readonly author: string;
  readonly comment: string;
  /** The step changed no file: no layer belongs to it. */
  readonly isEmptyLayer: boolean;
}

/** The members in capitals are those of the document's own `config`. */
export interface ImageConfig extends RunConfig {
  readonly platform: Platform;
  /** RFC 3339 text as written, or undefined. */
  readonly created: string | undefined;
  readonly author: string;
  /** Digests of the uncompressed layer tars, bottom first (I-5). */
  readonly diffIds: readonly Digest[];
  /** Oldest first; may be empty although there are layers. */
  readonly history: readonly HistoryEntry[];
  /** The document as parsed: unknown fields and key order included. Never re-serialised for a loaded image (I-4). */
  readonly document: Readonly<Record<string, unknown>>;
}

/** `what` names the config in refusals. PlyfsError `document`. */
export function parseImageConfig(bytes: Uint8Array, what: string): ImageConfig {
  const object = new JsonObject(parseJson(bytes, what, readLimits().configBytes), what);
  const rootfs = object.object('rootfs');
  if ((rootfs.optionalText('type') ?? 'layers') !== 'layers') throw wrongShape(rootfs.at('type'), `is not "layers"`);
  const diffIds = rootfs.optionalList('diff_ids', digestFrom) ?? [];
  const { layers } = readLimits();
  if (diffIds.length > layers)
    throw overLimit(`${rootfs.at('diff_ids')} lists ${diffIds.length} layers; the limit is ${layers}`, 'layers');
  const history = fittedHistory(object.optionalList('history', historyFrom) ?? [], diffIds.length);
  object.optionalObject('config');
  return {
    ...runConfigFrom(object.raw().config),
    platform: platformFrom(object),
    created: object.optionalText('created'),
    author: object.optionalText('author') ?? '',
    diffIds,
    history,
    document: object.raw(),
  };
}

/** The history is optional and often wrong: entries beyond the layers made none, and layers beyond the entries have empty ones. */
function fittedHistory(entries: readonly HistoryEntry[], layers: number): HistoryEntry[] {
  if (entries.length === 0) return [];
  let left = layers;
  const fitted = entries.map((entry) => (entry.isEmptyLayer || left-- > 0 ? entry : { ...entry, isEmptyLayer: true }));
  const unknown = { created: undefined, createdBy: '', author: '', comment: '', isEmptyLayer: false };
  return [...fitted, ...Array.from({ length: Math.max(0, left) }, () => unknown)];
}

function historyFrom(value: unknown, path: string): HistoryEntry {
  const object = new JsonObject(value, path);
  return {
    created: object.optionalText('created'),
    createdBy: object.optionalText('created_by') ?? '',
    author: object.optionalText('author') ?? '',
    comment: object.optionalText('comment') ?? '',
    isEmptyLayer: object.optionalBoolean('empty_layer') ?? false,
  };
}

/** The history entry of each layer, bottom first; undefined where the config has no history. */
export function historyOfLayers(config: ImageConfig): (HistoryEntry | undefined)[] {
  const entries = config.history.filter((entry) => !entry.isEmptyLayer);
  return config.diffIds.map((_, index) => entries[index]);
}

/** ChainIDs, bottom first: what the stack up to each layer is called (I-3). */
export function chainIds(diffIds: readonly Digest[]): Digest[] {
  const chain: Digest[] = [];
  for (const diffId of diffIds) {
    const below = chain.at(-1);
    chain.push(below === undefined ? diffId : sha256Of(`${below} ${diffId}`));
  }
  return chain;
}
