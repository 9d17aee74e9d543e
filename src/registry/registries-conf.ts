/** registries.conf (containers-registries.conf(5), version 2) with its drop-ins, and the two settings of docker's daemon.json that concern
 *  registries. */

import { basename, join } from 'node:path';
import { PlyfsError } from '../base/errors.js';
import { JsonObject, textFrom } from '../oci/json.js';
import { configFilesIn, parseConfigJson, readForeignFile } from './config-file.js';
import { configHome, type RegistrySettings } from './settings.js';
import { parseToml } from './toml.js';

export type MirrorUse = 'all' | 'digest-only' | 'tag-only';

export interface MirrorRule {
  readonly location: string;
  readonly isInsecure: boolean;
  readonly use: MirrorUse;
}

export interface RegistryRule {
  /** `host`, `host/path` or `*.domain` that it is about. */
  readonly prefix: string;
  /** What stands for the prefix; '' leaves the name as it is. */
  readonly location: string;
  readonly isInsecure: boolean;
  readonly isBlocked: boolean;
  readonly mirrors: readonly MirrorRule[];
}

export type ShortNameMode = 'enforcing' | 'permissive' | 'disabled';

export interface RegistriesConf {
  readonly rules: readonly RegistryRule[];
  /** Registries in which a name without one is looked for; undefined where no file says. */
  readonly searched: readonly string[] | undefined;
  readonly aliases: ReadonlyMap<string, string>;
  readonly shortNameMode: ShortNameMode;
  /** daemon.json `registry-mirrors`: of Docker Hub. */
  readonly hubMirrors: readonly URL[];
  /** daemon.json `insecure-registries`: hosts, hosts with port, networks. */
  readonly insecureHosts: readonly string[];
}

/** PlyfsError `registry-config` names the file and field that make no sense. */
export function readRegistriesConf(settings: RegistrySettings): RegistriesConf {
  const parts = confPaths(settings).flatMap((path) => confIn(path) ?? []);
  const rules = new Map<string, RegistryRule>();
  for (const rule of parts.flatMap((part) => part.rules)) rules.set(rule.prefix, rule);
  const daemon = daemonPaths(settings).flatMap((path) => daemonIn(path) ?? []);
  return {
    rules: [...rules.values()],
    searched: parts.findLast(({ searched }) => searched !== undefined)?.searched,
    aliases: new Map(parts.flatMap((part) => [...part.aliases])),
    shortNameMode: parts.findLast(({ mode }) => mode !== undefined)?.mode ?? 'permissive',
    hubMirrors: daemon.flatMap(({ mirrors }) => mirrors),
    insecureHosts: daemon.flatMap(({ insecure }) => insecure),
  };
}

/** The file, then the drop-ins by their names; what comes later counts. */
function confPaths(settings: RegistrySettings): string[] {
  const { env, etc } = settings;
  const own = join(configHome(settings), 'containers');
  const candidates = [
    env.CONTAINERS_REGISTRIES_CONF ?? '',
    join(own, 'registries.conf'),
    join(etc, 'containers/registries.conf'),
  ];
  const main = env.CONTAINERS_REGISTRIES_CONF || candidates.slice(1).find((path) => readForeignFile(path) !== undefined);
  const directories = env.CONTAINERS_REGISTRIES_CONF_DIR
    ? [env.CONTAINERS_REGISTRIES_CONF_DIR]
    : [join(etc, 'containers/registries.conf.d'), join(own, 'registries.conf.d')];
  const dropIns = directories.flatMap((directory) => configFilesIn(directory).map((name) => join(directory, name)));
  return [...(main === undefined ? [] : [main]), ...dropIns.filter((path) => basename(path).endsWith('.conf'))];
}

interface ConfPart {
  readonly rules: readonly RegistryRule[];
  readonly searched: readonly string[] | undefined;
  readonly aliases: ReadonlyMap<string, string>;
  readonly mode: ShortNameMode | undefined;
}

function confIn(path: string): ConfPart | undefined {
  const text = readForeignFile(path);
  if (text === undefined) return undefined;
  return orConfigError(() => {
    const object = new JsonObject(parseToml(text, path), path);
    if (object.has('registries')) {
      throw new PlyfsError('document', `${path} is a registries.conf of version 1; plyfs reads version 2 ([[registry]])`);
    }
    const mode = object.optionalText('short-name-mode');
    if (mode !== undefined && mode !== 'enforcing' && mode !== 'permissive' && mode !== 'disabled') {
      throw new PlyfsError('document', `${object.at('short-name-mode')} is not enforcing, permissive or disabled`);
    }
    return {
      rules: object.optionalList('registry', ruleFrom) ?? [],
      searched: object.optionalList('unqualified-search-registries', textFrom),
      aliases: object.textMap('aliases'),
      mode,
    };
  });
}

function ruleFrom(value: unknown, at: string): RegistryRule {
  const object = new JsonObject(value, at);
  const prefix = object.optionalText('prefix') || object.text('location');
  const isWild = prefix.startsWith('*.');
  const mirrorUse = object.optionalBoolean('mirror-by-digest-only') === true ? 'digest-only' : 'all';
  return {
    prefix: prefix.replace(/\/+$/, ''),
    location: (object.optionalText('location') || (isWild ? '' : prefix)).replace(/\/+$/, ''),
    isInsecure: object.optionalBoolean('insecure') ?? false,
    isBlocked: object.optionalBoolean('blocked') ?? false,
    mirrors: object.optionalList('mirror', (item, path) => mirrorFrom(item, path, mirrorUse)) ?? [],
  };
}

function mirrorFrom(value: unknown, at: string, ofRule: MirrorUse): MirrorRule {
  const object = new JsonObject(value, at);
  const use = object.optionalText('pull-from-mirror') || ofRule;
  if (use !== 'all' && use !== 'digest-only' && use !== 'tag-only') {
    throw new PlyfsError('document', `${object.at('pull-from-mirror')} is not all, digest-only or tag-only`);
  }
  return { location: object.text('location').replace(/\/+$/, ''), isInsecure: object.optionalBoolean('insecure') ?? false, use };
}

/** The machine's docker, and one that runs without root. */
function daemonPaths(settings: RegistrySettings): string[] {
  return [join(settings.etc, 'docker/daemon.json'), join(configHome(settings), 'docker/daemon.json')];
}

function daemonIn(path: string): { mirrors: URL[]; insecure: string[] } | undefined {
  const value = parseConfigJson(readForeignFile(path), path);
  if (value === undefined) return undefined;
  return orConfigError(() => {
    const object = new JsonObject(value, path);
    return {
      mirrors: object.optionalList('registry-mirrors', mirrorUrl) ?? [],
      insecure: object.optionalList('insecure-registries', textFrom) ?? [],
    };
  });
}

function mirrorUrl(value: unknown, at: string): URL {
  const text = textFrom(value, at);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'https:' || url?.protocol === 'http:') return url;
  throw new PlyfsError('document', `${at} is not an http or https address`);
}

function orConfigError<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof PlyfsError) || cause.code !== 'document') throw cause;
    throw new PlyfsError('registry-config', `${cause.message}: correct the file or move it away`, { cause });
  }
}
