/** Which image of a source people mean: by reference, ID, ID prefix or digest. */

import { type Digest, hexOf, shortId } from '../../base/digest.js';
import { PlyfsError } from '../../base/errors.js';
import { noSuchImageIn } from '../../oci/no-such-image.js';
import { canonicalText, familiarText, parseReference, repositoryOf, withDefaultTag } from '../../oci/reference.js';

export interface Candidate {
  /** Canonical references. */
  readonly names: readonly string[];
  /** A name of a layout's index that is no reference (`org.opencontainers.image.ref.name` = `v1`). */
  readonly plainName?: string;
  /** Digests that name it: config, manifest. */
  readonly digests: readonly Digest[];
}

/** The one candidate that `name` means (undefined: the only one). PlyfsError `no-image` lists the candidates of `label`; `ambiguous`. */
export function chooseByName<T extends Candidate>(candidates: readonly T[], name: string | undefined, label: string): T {
  const fitting = name === undefined ? candidates : candidates.filter((candidate) => fits(candidate, name));
  const [first] = fitting;
  // One image under several names is one.
  if (first !== undefined && fitting.every(({ digests }) => digests.some((digest) => first.digests.includes(digest))))
    return first;
  const list = listOf(fitting.length === 0 ? candidates : fitting);
  if (fitting.length > 1) {
    throw new PlyfsError(
      'ambiguous',
      `${label} has ${fitting.length} images${name === undefined ? '' : ` called ${name}`}: choose one of ${list}`,
    );
  }
  throw noSuchImageIn(label, name ?? '', list);
}

function fits(candidate: Candidate, name: string): boolean {
  const text = name.startsWith('@') ? name.slice(1) : name;
  if (candidate.plainName === text) return true;
  const hex = text.startsWith('sha256:') ? text.slice(7) : text;
  if (/^[0-9a-f]{4,64}$/.test(hex) && candidate.digests.some((digest) => hexOf(digest).startsWith(hex))) return true;
  if (hex !== text || hex.length === 64) return false;
  const [, repository, digest] = /^([^@]+)@(sha256:[0-9a-f]{64})$/.exec(text) ?? [];
  if (repository !== undefined) return fits(candidate, `@${digest}`) && candidate.names.some((one) => isOf(repository, one));
  return candidate.names.includes(canonicalText(withDefaultTag(parseReference(text))));
}

/** Whether `canonical` is a name in the repository that `text` (with a tag or not) names. */
function isOf(text: string, canonical: string): boolean {
  return repositoryOf(parseReference(text)) === repositoryOf(parseReference(canonical));
}

/** The most that a sentence names. */
const listedMax = 20;

function listOf(candidates: readonly Candidate[]): string {
  const all = [...new Set(candidates.map(describe))];
  const more = all.length > listedMax ? [`${all.length - listedMax} more`] : [];
  return [...all.slice(0, listedMax), ...more].join(', ');
}

function describe(candidate: Candidate): string {
  const name = candidate.plainName ?? candidate.names.map((text) => familiarText(parseReference(text)))[0];
  const digest = candidate.digests[0];
  return name ?? (digest === undefined ? 'one without a name' : shortId(digest));
}
