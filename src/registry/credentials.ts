/** Which credential a repository is asked with: the files of docker and podman and the helpers they name. */

import { hostOf } from './authority.js';
import { type Credential, type CredentialFile, credentialPaths, readCredentialFile } from './credential-files.js';
import { CredentialHelper } from './credential-helper.js';
import type { RegistrySettings } from './settings.js';

/** Docker Hub's name in credential files. */
export const hubKey = 'https://index.docker.io/v1/';
const hubHosts = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io']);

/** How credentials of a registry are filed: its authority, or Docker Hub's old address. */
export function credentialKey(domain: string): string {
  return hubHosts.has(domain) ? hubKey : domain;
}

export class Credentials {
  private files: readonly CredentialFile[] | undefined;
  /** Helpers are programs: each is asked once for a registry. */
  private readonly asked = new Map<string, Promise<Credential | undefined>>();

  constructor(private readonly settings: RegistrySettings) {}

  /** For the repository `path` of `domain`; path '' is the registry itself. Undefined: none is known. PlyfsError `registry-config`,
   *  `registry-credentials` for files and helpers that fail. */
  async find(domain: string, path: string): Promise<Credential | undefined> {
    this.files ??= credentialPaths(this.settings).flatMap((file) => readCredentialFile(file) ?? []);
    for (const file of this.files) {
      const helper = helperFor(file, domain);
      const found = (helper === undefined ? undefined : await this.ask(helper, domain)) ?? longestMatch(file, domain, path);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  private ask(helper: string, domain: string): Promise<Credential | undefined> {
    const key = `${helper} ${domain}`;
    const known = this.asked.get(key) ?? new CredentialHelper(helper, this.settings).get(credentialKey(domain));
    this.asked.set(key, known);
    return known;
  }
}

/** credHelpers before credsStore. */
export function helperFor(file: CredentialFile, domain: string): string | undefined {
  for (const [key, helper] of file.helpers) if (sameRegistry(placeOf(key), domain)) return helper;
  return file.defaultHelper;
}

/** podman's keys may name a part of a registry: the longest that the repository lies in. */
function longestMatch(file: CredentialFile, domain: string, path: string): Credential | undefined {
  let best: { length: number; credential: Credential } | undefined;
  for (const [key, credential] of file.auths) {
    const { host, inner } = placeOf(key);
    const isWithin = inner === '' || path === inner || path.startsWith(`${inner}/`);
    if (credential === undefined || !isWithin || !sameRegistry({ host }, domain)) continue;
    if (best === undefined || inner.length > best.length) best = { length: inner.length, credential };
  }
  return best?.credential;
}

/** Keys of `auths` that stand for the registry as a whole. */
export function keysFor(keys: Iterable<string>, domain: string): string[] {
  return [...keys].filter((key) => {
    const place = placeOf(key);
    return place.inner === '' && sameRegistry(place, domain);
  });
}

/** `https://HOST/v1/` and the like are HOST (docker); `HOST/team` is a part of it (podman). */
function placeOf(key: string): { host: string; inner: string } {
  const bare = key.replace(/^https?:\/\//, '');
  const slash = bare.indexOf('/');
  const host = slash < 0 ? bare : bare.slice(0, slash);
  const inner = slash < 0 ? '' : bare.slice(slash + 1).replace(/\/+$/, '');
  return { host, inner: bare !== key || /^v[12]$/.test(inner) ? '' : inner };
}

function sameRegistry({ host }: { host: string }, domain: string): boolean {
  if (hubHosts.has(host) && hubHosts.has(domain)) return true;
  return host === domain || (host.toLowerCase() === domain.toLowerCase() && hostOf(host) !== '');
}
