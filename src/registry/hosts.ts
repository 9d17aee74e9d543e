/** From a repository's name to the hosts that are asked: locations, mirrors, blocked and insecure registries. Pure functions of the parsed
 *  configuration. */

import { hostOf, isInNetwork, isLoopback, splitLocation } from './authority.js';
import type { MirrorRule, RegistriesConf, RegistryRule } from './registries-conf.js';

/** One host that may have the repository. */
export interface Site {
  /** `host` or `host:port` as in URLs. */
  readonly authority: string;
  /** Of the repository there. */
  readonly path: string;
  readonly isMirror: boolean;
  /** The registry whose credentials are used: never the logical one's at a mirror. */
  readonly domain: string;
}

export type ReferenceKind = 'tag' | 'digest';

const hub = { domain: 'docker.io', authority: 'registry-1.docker.io' };

/** Where `domain/path` is read from: mirrors first, the registry itself last. */
export function sitesOf(conf: RegistriesConf, domain: string, path: string, kind: ReferenceKind): Site[] {
  const rule = ruleFor(conf, domain, path);
  const mirrors = (rule?.mirrors ?? [])
    .filter(({ use }) => use === 'all' || use === `${kind}-only`)
    .map((mirror: MirrorRule) => siteAt(rewritten(domain, path, rule?.prefix ?? '', mirror.location), true));
  const hubMirrors = domain === hub.domain ? conf.hubMirrors.map((url) => hubMirror(url, path)) : [];
  return [...mirrors, ...hubMirrors, homeOf(conf, domain, path)];
}

/** Where `domain/path` is written to. */
export function homeOf(conf: RegistriesConf, domain: string, path: string): Site {
  const rule = ruleFor(conf, domain, path);
  if (rule === undefined || rule.location === '') return siteAt(`${domain}/${path}`, false);
  return siteAt(rewritten(domain, path, rule.prefix, rule.location), false);
}

export function isBlocked(conf: RegistriesConf, domain: string, path: string): boolean {
  return ruleFor(conf, domain, path)?.isBlocked === true;
}

/** Whether `authority` may be asked without a right certificate or without TLS: loopback, and what the files say. */
export function isInsecure(conf: RegistriesConf, authority: string): boolean {
  const host = hostOf(authority);
  return (
    isLoopback(host) ||
    conf.insecureHosts.some((entry) => entry === authority || isInNetwork(host, entry)) ||
    conf.hubMirrors.some((url) => url.protocol === 'http:' && url.host === authority) ||
    conf.rules.some((rule) => isInsecureRule(rule, authority))
  );
}

function isInsecureRule(rule: RegistryRule, authority: string): boolean {
  if (rule.isInsecure) {
    if (rule.prefix.startsWith('*.') && hostOf(authority).endsWith(rule.prefix.slice(1))) return true;
    if (splitLocation(rule.location).authority === authority) return true;
  }
  return rule.mirrors.some((mirror) => mirror.isInsecure && splitLocation(mirror.location).authority === authority);
}

/** The rule with the longest prefix. */
function ruleFor(conf: RegistriesConf, domain: string, path: string): RegistryRule | undefined {
  let best: RegistryRule | undefined;
  for (const rule of conf.rules) {
    if (matchLength(rule.prefix, domain, path) === undefined) continue;
    if (best === undefined || rule.prefix.length > best.prefix.length) best = rule;
  }
  return best;
}

/** How much of `domain/path` the prefix stands for; undefined where it does not match. `docker.io/alpine` is `docker.io/library/alpine`. */
function matchLength(prefix: string, domain: string, path: string): number | undefined {
  if (prefix.startsWith('*.')) return hostOf(domain).endsWith(prefix.slice(1)) ? domain.length : undefined;
  const name = `${domain}/${path}`;
  for (const spelled of [prefix, prefix.replace(/^docker\.io\/(?=[^/]+$)/, 'docker.io/library/')]) {
    if (name === spelled || name.startsWith(`${spelled}/`)) return spelled.length;
  }
  return undefined;
}

function rewritten(domain: string, path: string, prefix: string, location: string): string {
  return location + `${domain}/${path}`.slice(matchLength(prefix, domain, path) ?? 0);
}

function siteAt(location: string, isMirror: boolean): Site {
  const { authority, path } = splitLocation(location);
  const real = authority === hub.domain ? hub.authority : authority;
  return { authority: real, path, isMirror, domain: authority };
}

/** A mirror of the Hub may lie below a path of its host. */
function hubMirror(url: URL, path: string): Site {
  const below = url.pathname.replaceAll(/^\/+|\/+$/g, '').replace(/(^|\/)v2$/, '');
  return { authority: url.host, path: below === '' ? path : `${below}/${path}`, isMirror: true, domain: url.host };
}
