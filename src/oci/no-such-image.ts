/** The one sentence for an image that is not there: what was looked for, what is near it, and what to do. */

import { PlyfsError } from '../base/errors.js';
import { familiarText, parseReference, type Reference } from './reference.js';

/** How people get an image. */
const howToAdd = 'plyfs pull NAME or plyfs load -i FILE';
/** The most that a sentence names. */
const nearMax = 3;

/** All that a text could have been. */
export type Sought = 'image' | 'container or image' | 'image or file' | 'container, image or file';

/** `no-image` for `text` that the store does not have; `names` are the canonical references of what it has. */
export function noSuchImage(text: string, names: Iterable<string>, what: Sought): PlyfsError {
  const known = [...names].filter((name) => !name.includes('@'));
  const near = nearTo(text, known).map((name) => familiarText(parseReference(name)));
  const listing = what.startsWith('container') ? 'plyfs ps -a and plyfs images list' : 'plyfs images lists';
  if (near.length > 0) return refusal(what, text, `; there is ${listOf(near)}`, `${howToAdd} adds images`);
  if (known.length > 0) return refusal(what, text, '', `${listing} those there are, ${howToAdd} adds images`);
  return refusal(what, text, '; the store has no image with a name', `${howToAdd} adds images`);
}

/** The same for an archive or layout, of which `list` is all that it has. */
export function noSuchImageIn(label: string, text: string, list: string): PlyfsError {
  return list === '' ? noImageIn(label) : new PlyfsError('no-image', `no such image in ${label}: ${text}; there is ${list}`);
}

export function noImageIn(label: string): PlyfsError {
  return new PlyfsError('no-image', `${label} names no image`);
}

function refusal(what: string, text: string, there: string, advice: string): PlyfsError {
  return new PlyfsError('no-image', `no such ${what}: ${text}${there} (${advice})`);
}

function listOf(near: readonly string[]): string {
  const shown = near.slice(0, nearMax).join(', ');
  return near.length > nearMax ? `${shown} and ${near.length - nearMax} more` : shown;
}

/** Of `names` those of the same repository; where there are none, of a repository of that name elsewhere; then of one written almost so. */
function nearTo(text: string, names: readonly string[]): string[] {
  const wanted = referenceOf(text);
  if (wanted === undefined) return [];
  const found = names.map((name) => ({ name, reference: parseReference(name) }));
  const tests: ((reference: Reference) => boolean)[] = [
    ({ domain, path }) => domain === wanted.domain && path === wanted.path,
    (reference) => lastPart(reference) === lastPart(wanted),
    (reference) => isOneSlip(lastPart(reference), lastPart(wanted)),
  ];
  for (const isNear of tests) {
    const near = found.filter(({ reference }) => isNear(reference));
    if (near.length > 0) return near.map(({ name }) => name).sort();
  }
  return [];
}

function referenceOf(text: string): Reference | undefined {
  try {
    return parseReference(text);
  } catch (error) {
    if (error instanceof PlyfsError && error.code === 'reference') return undefined;
    throw error;
  }
}

function lastPart({ path }: Reference): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** One letter too many, too few or wrong, or two changed about. */
function isOneSlip(a: string, b: string): boolean {
  const length = Math.min(a.length, b.length);
  let start = 0;
  while (start < length && a[start] === b[start]) start++;
  let end = 0;
  while (end < length - start && a.at(-1 - end) === b.at(-1 - end)) end++;
  const [left, right] = [a.slice(start, a.length - end), b.slice(start, b.length - end)];
  if (left.length <= 1 && right.length <= 1) return length > 1;
  return left.length === 2 && left === [...right].reverse().join('');
}
