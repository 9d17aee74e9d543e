/** What is known of layers by the digest of their bytes as received: their tar, and the repositories that have them. A pull need not fetch
 *  what another has brought and not published yet, and a push knows where a registry may take a layer over from, or where it can be had
 *  again. A record promises nothing: the blobs may be gone. */

import { readFileSync } from 'node:fs';
import { algorithmOf, type Digest, hexOf } from '../base/digest.js';
import { ifPresent } from '../base/node-error.js';
import { JsonObject, parseJson, textFrom } from '../oci/json.js';
import { layerFrom, type StoredLayer } from './catalog.js';
import { ensureDirectory, namesIn, putFile } from './durable.js';
import type { Store } from './store.js';

export interface LayerRecord {
  readonly diffId: Digest;
  /** Where the store has received it in this form. */
  readonly layer: StoredLayer | undefined;
  /** `localhost:5000/team/app`, the latest last. */
  readonly repositories: readonly string[];
}

/** More would only be more places to try. */
const repositoriesMax = 10;

export function readLayerRecord(store: Store, digest: Digest): LayerRecord | undefined {
  const path = recordPath(store, digest);
  const bytes = ifPresent(() => readFileSync(path));
  if (bytes === undefined) return undefined;
  const object = new JsonObject(parseJson(bytes, path, 64 * 1024), path);
  return {
    diffId: object.digest('diffId'),
    layer: object.has('layer') ? layerFrom(object.object('layer').raw(), path) : undefined,
    repositories: object.list('repositories', textFrom),
  };
}

/** Notes what is new of the layer `digest`; what was noted before stays. */
export function noteLayer(
  store: Store,
  digest: Digest,
  { diffId, layer, repository }: { diffId: Digest; layer?: StoredLayer | undefined; repository?: string | undefined },
): void {
  const known = readLayerRecord(store, digest);
  const others = (known?.repositories ?? []).filter((other) => other !== repository);
  const repositories = repository === undefined ? others : [...others, repository].slice(-repositoriesMax);
  const isKnown =
    known !== undefined &&
    repositories.at(-1) === known.repositories.at(-1) &&
    (layer === undefined || known.layer !== undefined);
  if (isKnown) return;
  ensureDirectory(store.path('layers'));
  putFile(recordPath(store, digest), store.temporary(), JSON.stringify({ diffId, layer: layer ?? known?.layer, repositories }));
}

/** Every layer with a record. */
export function recordedLayers(store: Store): Digest[] {
  return namesIn(store.path('layers')).map((name) => name.replace('-', ':').replace(/\.json$/, '') as Digest); // recordPath made them
}

export function recordPath(store: Store, digest: Digest): string {
  return store.path('layers', `${algorithmOf(digest)}-${hexOf(digest)}.json`);
}
