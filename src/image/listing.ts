/** What `images` lists and how it is filtered. */

import type { Digest } from '../base/digest.js';
import { PlyfsError } from '../base/errors.js';
import { readLimits } from '../base/limits.js';
import { parseImageConfig } from '../oci/config.js';
import { familiarRepository, parseReference } from '../oci/reference.js';
import { sharedAndUnique } from '../store/images.js';
import { getImage } from '../store/resolve.js';
import type { Store } from '../store/store.js';
import { listUses } from '../store/uses.js';

/** One line: an image under one of its names; one without a name has neither repository nor tag. */
export interface ImageRow {
  readonly id: Digest;
  readonly repository: string | undefined;
  readonly tag: string | undefined;
  /** Of the manifest. */
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
    const names = catalog.namesOf(image.id).map(parseReference);
    if (names.length === 0) return [{ ...common, repository: undefined, tag: undefined }];
    return names.map((name) => ({ ...common, repository: familiarRepository(name), tag: name.tag }));
  });
  return rows.sort((a, b) => timeOf(b) - timeOf(a) || (`${a.repository}:${a.tag}` < `${b.repository}:${b.tag}` ? -1 : 1));
}

function timeOf(row: ImageRow): number {
  const time = Date.parse(row.created ?? '');
  return Number.isNaN(time) ? 0 : time;
}

/** docker's filters, all of which must hold; several `reference` are alternatives. PlyfsError `filter`, exit status 2, for an unknown one. */
export function filterImages(store: Store, rows: readonly ImageRow[], filters: readonly string[]): ImageRow[] {
  const parsed = filters.map(parseFilter);
  const references = parsed.filter(({ key }) => key === 'reference').map(({ value }) => value);
  const others = parsed.filter(({ key }) => key !== 'reference').map(({ key, value }) => testOf(store, key, value));
  return rows.filter(
    (row) => (references.length === 0 || references.some((pattern) => fits(row, pattern))) && others.every((test) => test(row)),
  );
}

function parseFilter(text: string): { key: string; value: string } {
  const equals = text.indexOf('=');
  if (equals < 0) throw badFilter(text);
  return { key: text.slice(0, equals), value: text.slice(equals + 1) };
}

function badFilter(text: string): PlyfsError {
  return new PlyfsError(
    'filter',
    `--filter ${text}: write dangling=true, label=KEY[=VALUE], before=IMAGE, since=IMAGE, until=TIME or reference=PATTERN`,
  );
}

function testOf(store: Store, key: string, value: string): (row: ImageRow) => boolean {
  switch (key) {
    case 'dangling':
      if (value !== 'true' && value !== 'false') throw badFilter(`${key}=${value}`);
      return (row) => (row.repository === undefined) === (value === 'true');
    case 'before':
    case 'since': {
      const limit = Date.parse(getImage(store.catalog(), value).image.created ?? '');
      return (row) => (key === 'before' ? timeOf(row) < limit : timeOf(row) > limit);
    }
    case 'until': {
      const limit = timeBefore(value);
      if (Number.isNaN(limit)) throw badFilter(`${key}=${value}`);
      return (row) => timeOf(row) < limit;
    }
    case 'label': {
      const wanted = value.split('=');
      return (row) => {
        const found = labelsOf(store, row.id)[wanted[0]!];
        return found !== undefined && (wanted.length === 1 || found === wanted.slice(1).join('='));
      };
    }
    default:
      throw badFilter(`${key}=${value}`);
  }
}

/** Milliseconds since 1970 of a duration back from now (`1h30m`), a date, or seconds since 1970; NaN for other text. */
function timeBefore(text: string): number {
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  if (!/^(\d+[smhd])+$/.test(text)) return Date.parse(text);
  const units: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
  return [...text.matchAll(/(\d+)([smhd])/g)].reduce((at, [, count, unit]) => at - Number(count) * units[unit!]!, Date.now()); // of the pattern
}

function labelsOf(store: Store, id: Digest): Record<string, unknown> {
  const config = parseImageConfig(store.blobs.readDocument(id, readLimits().configBytes), `config ${id}`).document.config;
  const labels = typeof config === 'object' && config !== null && 'Labels' in config ? config.Labels : undefined;
  return typeof labels === 'object' && labels !== null ? { ...labels } : {};
}

/** `busybox`, `busybox:1.*`, `team/*`: `*` stands for anything but a slash. */
function fits(row: ImageRow, pattern: string): boolean {
  if (row.repository === undefined) return false;
  const glob = (text: string): RegExp =>
    new RegExp(
      `^${text
        .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
        .replaceAll('*', '[^/]*')
        .replaceAll('?', '[^/]')}$`,
    );
  const colon = pattern.lastIndexOf(':');
  const hasTag = colon > pattern.lastIndexOf('/');
  const repository = hasTag ? pattern.slice(0, colon) : pattern;
  return glob(repository).test(row.repository) && (!hasTag || glob(pattern.slice(colon + 1)).test(row.tag ?? ''));
}
