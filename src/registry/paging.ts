/** Lists that come in pages: tags, catalog, referrers (`Link: <...>; rel="next"`, RFC 8288). */

import { PlyfsError } from '../base/errors.js';
import { JsonObject, textFrom } from '../oci/json.js';
import type { Answer } from './answer.js';
import { failed, type Place } from './failure.js';

/** More pages than any registry has: one that never ends is not followed. */
const maxPages = 10_000;

/** Every page from `first` on; `ask` gives an answer with status 200. PlyfsError `registry-answer` for links that lead elsewhere or in a circle. */
export async function* pagesOf(
  first: string,
  ask: (target: string | URL) => Promise<Answer>,
  place: Place,
): AsyncGenerator<Answer, void, undefined> {
  const seen = new Set<string>();
  let target: string | URL | undefined = first;
  while (target !== undefined) {
    const answer: Answer = await ask(target);
    const next = nextPage(answer, place);
    yield answer;
    if (next !== undefined && (seen.has(next.href) || seen.size === maxPages)) {
      throw failed('registry-answer', place, `${answer.url.host} lists without end: its pages lead back to one another`);
    }
    if (next !== undefined) seen.add(next.href);
    target = next;
  }
}

function nextPage(answer: Answer, place: Place): URL | undefined {
  const link = answer.header('link') ?? '';
  const [, target] = /<([^>]*)>\s*;[^,<]*\brel="?next"?/i.exec(link) ?? [];
  if (target === undefined) return undefined;
  const url = URL.canParse(target, answer.url.href) ? new URL(target, answer.url) : undefined;
  // Proxies that end TLS make http of it; host.ts asks as before.
  if (url?.hostname === answer.url.hostname) return url;
  throw failed('registry-answer', place, `${answer.url.host} has its next page elsewhere, which plyfs does not follow`);
}

/** The JSON of an answer. PlyfsError `registry-answer` where it is something else or over `limit`. */
export async function jsonOf(answer: Answer, limit: number, place: Place): Promise<JsonObject> {
  const bytes = await answer.bytes(limit);
  if (bytes === undefined) throw failed('registry-answer', place, `${answer.url.host} answers with more than ${limit} bytes`);
  try {
    return new JsonObject(JSON.parse(bytes.toString('utf8')), nameFor(answer));
  } catch (cause) {
    if (!(cause instanceof SyntaxError || cause instanceof PlyfsError)) throw cause;
    throw notJson(answer, place, bytes);
  }
}

/** The names in the list `field`; null is an empty list. */
export function namesIn(object: JsonObject, field: string, place: Place): string[] {
  try {
    return object.optionalList(field, textFrom) ?? [];
  } catch (cause) {
    if (!(cause instanceof PlyfsError)) throw cause;
    throw failed('registry-answer', place, `${cause.message}: is that a registry?`, cause);
  }
}

export function notJson(answer: Answer, place: Place, bytes: Uint8Array): PlyfsError {
  const isPage = bytes.find((byte) => byte > 0x20) === '<'.charCodeAt(0);
  const what = isPage ? 'a web page' : 'something else';
  return failed(
    'registry-answer',
    place,
    `${answer.url.host} answers with ${what} instead of JSON: is that a registry, or is a proxy with a login between?`,
  );
}

function nameFor(answer: Answer): string {
  return `the answer of ${answer.url.host}`;
}
