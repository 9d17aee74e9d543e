/** What `images` lists and how it is filtered. */

import type { Digest } from '../base/digest.js';
import { Filters } from '../base/filters.js';
import { readLimits } from '../base/limits.js';
import { pathPattern } from '../base/path-match.js';
import { parseImageConfig } from '../oci/config.js';
import { familiarRepository, parseReference, repositoryOf } from '../oci/reference.js';
import type { StoredImage } from '../store/catalog.js';
import { sharedAndUnique } from '../store/images.js';
import { getImage } from '../store/resolve.js';
import type { Store } from '../store/store.js';
import { listUses } from '../store/uses.js';

/** One line: an image under one of its names; one without a name has neither repository nor tag. */
export interface ImageRow {
  readonly id: Digest;
  readonly repository: string | undefined;
  readonly tag: string | undefined;
  /** What the name came with: an index or the manifest. */
  readonly digest: Digest;
  readonly created: string | undefined;
  readonly platform: string;
  readonly sizeBytes: number;
  readonly sharedBytes: number;
  readonly uniqueBytes: number;
  readonly containers: number;
}

/** Newest first. Without `all` those are left out that have no name and that another image was committed from. */
export function listImages(store: Store, all = false): ImageRow[] {
  const catalog = store.catalog();
  const uses = listUses(store);
  const parents = new Set([...catalog.images.values()].map(({ parent }) => parent));
  const listed = [...catalog.images.values()].filter(({ id }) => all || !parents.has(id) || catalog.namesOf(id).length > 0);
  const rows = listed.flatMap((image): ImageRow[] => {
    const common = {
      id: image.id,
      digest: image.manifest,
      created: image.created,
      platform: image.platform,
      sizeBytes: image.layers.reduce((sum, layer) => sum + layer.contentBytes, 0),
      ...sharedAndUnique(catalog, image),
      containers: uses.filter((use) => use.image === image.id && use.pid === undefined).length,
    };
    const names = catalog.namesOf(image.id);
    if (names.length === 0) return [{ ...common, repository: undefined, tag: undefined }];
    return shownNames(names).map((name) => {
      const reference = parseReference(name);
      const { digest } = catalog.originOf(name, image);
      return { ...common, digest, repository: familiarRepository(reference), tag: reference.tag };
    });
  });
  return rows.sort((a, b) => timeOf(b) - timeOf(a) || (`${a.repository}:${a.tag}` < `${b.repository}:${b.tag}` ? -1 : 1));
}

/** Those with a tag, and digests of repositories that have none. */
function shownNames(names: readonly string[]): string[] {
  const repositories = new Set(names.filter((name) => !name.includes('@')).map((name) => repositoryOf(parseReference(name))));
  return names.filter((name) => !name.includes('@') || !repositories.has(repositoryOf(parseReference(name))));
}

function timeOf({ created }: { readonly created: string | undefined }): number {
  const time = Date.parse(created ?? '');
  return Number.isNaN(time) ? 0 : time;
}

const filterKeys = {
  ...{ dangling: 'true', label: 'KEY[=VALUE]', 'label!': 'KEY[=VALUE]', before: 'IMAGE', since: 'IMAGE' },
  ...{ until: 'TIME or DURATION', reference: 'PATTERN' },
};

/** docker's filters. PlyfsError `filter`, for an unknown one; `no-image`. */
export function filterImages(store: Store, rows: readonly ImageRow[], texts: readonly string[]): ImageRow[] {
  const filters = new Filters(texts, filterKeys);
  const patterns = filters.of('reference').map((text) => {
    const pattern = pathPattern(text);
    if (pattern === undefined) throw filters.refused('reference', text);
    return pattern;
  });
  const dangling = filters.truth('dangling');
  const until = filters.moment('until') ?? Number.POSITIVE_INFINITY;
  const createdAt = (text: string): number => timeOf(getImage(store.catalog(), text).image);
  const before = Math.min(...filters.of('before').map(createdAt));
  const since = Math.max(...filters.of('since').map(createdAt));
  const hasLabels = filters.has('label') || filters.has('label!');
  return rows.filter((row) => {
    const time = timeOf(row);
    return (
      (patterns.length === 0 || patterns.some((pattern) => namesOf(row).some((name) => pattern.test(name)))) &&
      (dangling === undefined || (row.repository === undefined) === dangling) &&
      time < Math.min(until, before) &&
      time > since &&
      (!hasLabels || filters.labels(labelsOf(store, row.id)))
    );
  });
}

/** What a pattern may fit: the familiar name with its tag or digest, or alone. */
function namesOf({ repository, tag, digest }: ImageRow): string[] {
  if (repository === undefined) return [];
  return [repository, `${repository}:${tag}`, `${repository}@${digest}`];
}

/** Of an image's config. PlyfsError `no-blob`, `damaged`, `document`. */
function labelsOf(store: Store, id: Digest): Record<string, unknown> {
  const config = parseImageConfig(store.blobs.readDocument(id, readLimits().configBytes), `config ${id}`).document.config;
  const labels = typeof config === 'object' && config !== null && 'Labels' in config ? config.Labels : undefined;
  return typeof labels === 'object' && labels !== null ? { ...labels } : {};
}

const pruneKeys = { until: 'TIME or DURATION', label: 'KEY[=VALUE]', 'label!': 'KEY[=VALUE]', dangling: 'true' };

/** Which images `prune` may take: `all` as with -a or dangling=false. PlyfsError `filter`. */
export function pruneFilter(store: Store, texts: readonly string[]): { all: boolean; isWanted: (image: StoredImage) => boolean } {
  const filters = new Filters(texts, pruneKeys);
  const until = filters.moment('until') ?? Number.POSITIVE_INFINITY;
  const hasLabels = filters.has('label') || filters.has('label!');
  return {
    all: filters.truth('dangling') === false,
    isWanted: (image) => timeOf(image) < until && (!hasLabels || filters.labels(labelsOf(store, image.id))),
  };
}
