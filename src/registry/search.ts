/** Search: no part of OCI. Docker Hub and older registries have `/v1/search`; elsewhere the catalog is walked. */

import { PlyfsError } from '../base/errors.js';
import type { JsonObject } from '../oci/json.js';
import { JsonObject as Json } from '../oci/json.js';

export interface SearchOptions {
  readonly signal?: AbortSignal | undefined;
  /** 1 to 100, by default 25. */
  readonly limit?: number;
}

export interface SearchResult {
  /** As the registry writes it: `busybox`, `team/app`. */
  readonly name: string;
  readonly description: string;
  readonly stars: number;
  readonly isOfficial: boolean;
  readonly isAutomated: boolean;
}

export const defaultSearchLimit = 25;

/** How a registry can be asked. */
export type SearchKind = 'v1' | 'catalog';

/** Whom to ask, in order; the Hub's index is a host of its own and has no catalog. */
export function searchSources(domain: string): readonly { readonly kind: SearchKind; readonly domain: string }[] {
  if (domain === 'docker.io') return [{ kind: 'v1', domain: 'index.docker.io' }];
  return [
    { kind: 'v1', domain },
    { kind: 'catalog', domain },
  ];
}

export function searchTarget(term: string, limit: number): string {
  return `/v1/search?q=${encodeURIComponent(term)}&n=${limit}`;
}

/** The results of `/v1/search`. PlyfsError `document` for another shape. */
export function resultsFrom(object: JsonObject): SearchResult[] {
  return object.list('results', (item, path) => {
    const result = new Json(item, path);
    const stars = result.get('star_count');
    return {
      name: result.text('name'),
      description: (result.optionalText('description') ?? '').replaceAll(/\s+/g, ' ').trim(),
      stars: typeof stars === 'number' && Number.isFinite(stars) ? stars : 0,
      isOfficial: result.optionalBoolean('is_official') ?? false,
      isAutomated: result.optionalBoolean('is_automated') ?? result.optionalBoolean('is_trusted') ?? false,
    };
  });
}

/** Whether a name of a catalog is meant: it holds the term, or matches it where that has `*` or `?`. */
export function nameMatches(name: string, term: string): boolean {
  if (!/[*?]/.test(term)) return name.includes(term.toLowerCase());
  const pattern = [...term.toLowerCase()].map((sign) =>
    sign === '*' ? '.*' : sign === '?' ? '.' : sign.replace(/[^a-z0-9]/, '\\$&'),
  );
  return new RegExp(`^${pattern.join('')}$`).test(name);
}

export function catalogResult(name: string): SearchResult {
  return { name, description: '', stars: 0, isOfficial: false, isAutomated: false };
}

/** Whether a refusal means that there is no such search, so that the next way is tried. */
export function isWithoutSearch(error: unknown): boolean {
  return (
    error instanceof PlyfsError && ['registry-absent', 'registry-answer', 'registry-denied', 'document'].includes(error.code)
  );
}
