/** Image references: `[host[:port]/]path[:tag][@digest]` (R-1; the grammar of distribution/reference). */

import { type Digest, parseDigest } from '../base/digest.js';
import { PlyfsError } from '../base/errors.js';

export interface Reference {
  /** `docker.io`, `localhost:5000`, ... */
  readonly domain: string;
  /** `library/busybox` */
  readonly path: string;
  readonly tag: string | undefined;
  readonly digest: Digest | undefined;
}

export const defaultDomain = 'docker.io';
const officialPrefix = 'library/';

const domainPattern =
  /^(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*|\[[a-fA-F0-9:]+\])(?::[0-9]{1,5})?$/;
const componentPattern = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const tagPattern = /^\w[\w.-]{0,127}$/;
/** Of domain and path together. */
const nameLimit = 255;

/** PlyfsError `reference`, exit status 2, says which part is wrong. A name without tag and digest has neither: see `withDefaultTag`. */
export function parseReference(text: string): Reference {
  const at = text.indexOf('@');
  const digest = at < 0 ? undefined : parseDigest(text.slice(at + 1));
  if (at >= 0 && digest === undefined) throw invalid(text, 'what follows "@" is not a sha256 or sha512 digest');
  const named = at < 0 ? text : text.slice(0, at);
  const colon = named.lastIndexOf(':');
  const hasTag = colon > named.lastIndexOf('/') && colon >= 0;
  const tag = hasTag ? named.slice(colon + 1) : undefined;
  if (tag !== undefined && !tagPattern.test(tag)) {
    throw invalid(text, 'a tag is 1 to 128 letters, digits, "_", "." or "-", and begins with none of "." and "-"');
  }
  const name = hasTag ? named.slice(0, colon) : named;
  return { ...splitName(name, text), tag, digest };
}

/** Whether a name as people write it says no registry: its first part does only with `.`, `:`, `[`, a capital, or as `localhost`. */
export function isShortName(text: string): boolean {
  const first = text.slice(0, Math.max(text.indexOf('/'), 0));
  return first === '' || !(/[.:[]/.test(first) || first === 'localhost' || first !== first.toLowerCase());
}

function splitName(name: string, text: string): { domain: string; path: string } {
  if (name === '') throw invalid(text, 'the name is empty');
  if (/^[0-9a-f]{64}$/.test(name)) throw invalid(text, 'a name of 64 hex characters would be taken for an image ID');
  const isShort = isShortName(name);
  const slash = name.indexOf('/');
  let domain = isShort ? defaultDomain : name.slice(0, slash);
  if (domain === 'index.docker.io') domain = defaultDomain;
  let path = isShort ? name : name.slice(slash + 1);
  if (!domainPattern.test(domain)) throw invalid(text, `"${domain}" is not a registry's host name`);
  for (const component of path.split('/')) {
    if (componentPattern.test(component)) continue;
    const hint =
      component !== component.toLowerCase() ? 'repository names are lower-case' : `"${component}" is not a repository name`;
    throw invalid(text, hint);
  }
  if (domain === defaultDomain && !path.includes('/')) path = officialPrefix + path;
  if (domain.length + 1 + path.length > nameLimit) throw invalid(text, `the name is longer than ${nameLimit} characters`);
  return { domain, path };
}

function invalid(text: string, why: string): PlyfsError {
  return new PlyfsError('reference', `invalid reference "${text.slice(0, 300)}": ${why}`);
}

export function withDefaultTag(reference: Reference): Reference {
  return reference.tag === undefined && reference.digest === undefined ? { ...reference, tag: 'latest' } : reference;
}

/** `docker.io/library/busybox` */
export function repositoryOf(reference: Reference): string {
  return `${reference.domain}/${reference.path}`;
}

/** `docker.io/library/busybox:latest@sha256:...`: the one spelling that the store keeps. */
export function canonicalText(reference: Reference): string {
  return repositoryOf(reference) + suffix(reference);
}

/** The name that formats keep which know tags only: `docker.io/library/busybox:1@sha256:...` without its digest; undefined for a name that
 *  has no tag. */
export function taggedText(canonical: string): string | undefined {
  const reference = parseReference(canonical);
  return reference.tag === undefined ? undefined : canonicalText({ ...reference, digest: undefined });
}

/** `busybox:latest`: the spelling for people. */
export function familiarText(reference: Reference): string {
  return familiarRepository(reference) + suffix(reference);
}

/** `busybox`, `team/app`, `localhost:5000/app` */
export function familiarRepository(reference: Reference): string {
  if (reference.domain !== defaultDomain) return repositoryOf(reference);
  const { path } = reference;
  const official = path.startsWith(officialPrefix) && !path.slice(officialPrefix.length).includes('/');
  return official ? path.slice(officialPrefix.length) : path;
}

function suffix(reference: Reference): string {
  return (
    (reference.tag === undefined ? '' : `:${reference.tag}`) + (reference.digest === undefined ? '' : `@${reference.digest}`)
  );
}
