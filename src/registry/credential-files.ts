/** The files that docker and podman keep credentials in, as far as looking up goes: docker's config.json, podman's auth.json. */

import { join } from 'node:path';
import { PlyfsError } from '../base/errors.js';
import { JsonObject } from '../oci/json.js';
import { parseConfigJson, readConfigFile } from './config-file.js';
import { configHome, type RegistrySettings } from './settings.js';

export interface PasswordCredential {
  readonly kind: 'password';
  readonly user: string;
  readonly secret: string;
}

export type Credential =
  | PasswordCredential
  /** Is exchanged for a token (OAuth2 refresh token). */
  | { readonly kind: 'identity-token'; readonly secret: string }
  /** Is sent to the registry as it is. */
  | { readonly kind: 'registry-token'; readonly secret: string };

export interface CredentialFile {
  readonly path: string;
  /** Host or `host/path` to what is kept, as written. */
  readonly auths: ReadonlyMap<string, Credential | undefined>;
  readonly helpers: ReadonlyMap<string, string>;
  readonly defaultHelper: string | undefined;
}

/** Where `login` writes, and what is looked into first. */
export function mainCredentialPath(settings: RegistrySettings): string {
  return settings.env.REGISTRY_AUTH_FILE || dockerConfigPath(settings);
}

function dockerConfigPath({ env, home }: RegistrySettings): string {
  return join(env.DOCKER_CONFIG || join(home, '.docker'), 'config.json');
}

/** Every place, the first that knows a registry counts. */
export function credentialPaths(settings: RegistrySettings): string[] {
  const { env } = settings;
  const paths = [
    mainCredentialPath(settings),
    dockerConfigPath(settings),
    ...(env.XDG_RUNTIME_DIR ? [join(env.XDG_RUNTIME_DIR, 'containers/auth.json')] : []),
    join(configHome(settings), 'containers/auth.json'),
  ];
  return [...new Set(paths)];
}

/** PlyfsError `registry-config` for a file that is no such file; nothing of it stands in the sentence. Undefined: not there. */
export function readCredentialFile(path: string): CredentialFile | undefined {
  const value = parseConfigJson(readConfigFile(path), path);
  if (value === undefined) return undefined;
  try {
    const object = new JsonObject(value, path);
    const auths = object.optionalObject('auths');
    return {
      path,
      auths: new Map(Object.keys(auths?.raw() ?? {}).map((key) => [key, credentialFrom(auths?.optionalObject(key))])),
      helpers: object.textMap('credHelpers'),
      defaultHelper: object.optionalText('credsStore') || undefined,
    };
  } catch (cause) {
    if (!(cause instanceof PlyfsError)) throw cause;
    throw new PlyfsError('registry-config', `${cause.message}: correct the file or move it away`, { cause });
  }
}

function credentialFrom(entry: JsonObject | undefined): Credential | undefined {
  if (entry === undefined) return undefined;
  const identityToken = entry.optionalText('identitytoken');
  if (identityToken) return { kind: 'identity-token', secret: identityToken };
  const registryToken = entry.optionalText('registrytoken');
  if (registryToken) return { kind: 'registry-token', secret: registryToken };
  const pair = Buffer.from(entry.optionalText('auth') ?? '', 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  // docker pads with zeros in places
  if (colon > 0) return { kind: 'password', user: pair.slice(0, colon), secret: pair.slice(colon + 1).replace(/\0+$/, '') };
  const [user, secret] = [entry.optionalText('username'), entry.optionalText('password')];
  return user && secret ? { kind: 'password', user, secret } : undefined;
}
