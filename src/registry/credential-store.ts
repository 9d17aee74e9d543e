/** Keeping and forgetting credentials, as docker does: in config.json or with the helper that it names. The file appears in one step, readable by its
 *  owner alone; what else is in it stays as it was. */

import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { PlyfsError } from '../base/errors.js';
import { JsonObject } from '../oci/json.js';
import { parseConfigJson, readConfigFile } from './config-file.js';
import { type Credential, credentialPaths, mainCredentialPath, readCredentialFile } from './credential-files.js';
import { CredentialHelper } from './credential-helper.js';
import { credentialKey, helperFor, keysFor } from './credentials.js';
import type { RegistrySettings } from './settings.js';

export interface Kept {
  /** Where the secret lies as plain text; undefined where a helper has it. */
  readonly plainPath: string | undefined;
}

/** PlyfsError `registry-config`, `registry-credentials` where that does not work: then nothing has changed. */
export async function keepCredential(settings: RegistrySettings, domain: string, credential: Credential): Promise<Kept> {
  const path = mainCredentialPath(settings);
  const file = readCredentialFile(path);
  const helper = file === undefined ? undefined : helperFor(file, domain);
  const key = credentialKey(domain);
  if (helper !== undefined) await new CredentialHelper(helper, settings).store(key, credential);
  changeAuths(path, (auths) => {
    for (const old of keysFor(Object.keys(auths), domain)) if (old !== key) delete auths[old];
    auths[key] = helper === undefined ? entryOf(credential) : {};
  });
  return { plainPath: helper === undefined ? path : undefined };
}

/** False where no place had any. PlyfsError as keepCredential. */
export async function forgetCredential(settings: RegistrySettings, domain: string): Promise<boolean> {
  let found = false;
  for (const path of credentialPaths(settings)) {
    const file = readCredentialFile(path);
    if (file === undefined) continue;
    const helper = helperFor(file, domain);
    if (helper !== undefined) {
      const program = new CredentialHelper(helper, settings);
      const isKept = (await program.get(credentialKey(domain))) !== undefined;
      if (isKept) found = (await program.erase(credentialKey(domain))) || found;
    }
    const keys = keysFor(file.auths.keys(), domain);
    if (keys.length === 0) continue;
    found = true;
    changeAuths(path, (auths) => {
      for (const key of keys) delete auths[key];
    });
  }
  return found;
}

function entryOf(credential: Credential): Record<string, string> {
  if (credential.kind === 'identity-token') return { auth: encoded('<token>', ''), identitytoken: credential.secret };
  if (credential.kind === 'registry-token') return { registrytoken: credential.secret };
  return { auth: encoded(credential.user, credential.secret) };
}

function encoded(user: string, secret: string): string {
  return Buffer.from(`${user}:${secret}`).toString('base64');
}

function changeAuths(path: string, change: (auths: Record<string, unknown>) => void): void {
  const value = parseConfigJson(readConfigFile(path), path) ?? {};
  const document = new JsonObject(value, path).raw();
  const auths = { ...new JsonObject(document.auths ?? {}, `${path}.auths`).raw() };
  change(auths);
  document.auths = auths;
  try {
    putSecretFile(path, `${JSON.stringify(document, undefined, '\t')}\n`);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? ''; // Node's fs throws nothing else
    throw new PlyfsError(
      'registry-config',
      `${path} cannot be written (${code}): nothing has changed, check its directory and the disk`,
      { cause },
    );
  }
}

/** A link is followed: some keep their configuration elsewhere. */
function putSecretFile(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const target = join(realpathSync(dirname(path)), basename(path));
  const real = realTarget(target);
  const temporary = `${real}.${randomBytes(6).toString('hex')}`;
  const fd = openSync(temporary, 'wx', 0o600);
  try {
    try {
      writeFileSync(fd, text);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, real);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

function realTarget(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error; // Node's fs throws nothing else
    return path;
  }
}
