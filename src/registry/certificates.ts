/** Whom a registry's certificate may be signed by, and the certificate that plyfs shows: Mozilla's list, the system's file, what
 *  NODE_EXTRA_CA_CERTS names (bin/plyfs hands it on as PLYFS_EXTRA_CA_CERTS), and certs.d of docker and podman. */

import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { PlyfsError } from '../base/errors.js';
import { spellings } from './authority.js';
import { configFilesIn, readConfigFile } from './config-file.js';
import { configHome, type RegistrySettings } from './settings.js';

export interface Certificates {
  /** PEM */
  readonly ca: readonly string[];
  /** What plyfs shows: pairs in PEM. */
  readonly clients: readonly { readonly cert: string; readonly key: string }[];
}

/** Bundles of the distributions: Debian and Alpine, Fedora, SUSE. */
const systemBundles = ['ssl/certs/ca-certificates.crt', 'pki/tls/certs/ca-bundle.crt', 'ssl/ca-bundle.pem'];

/** Everything that counts for `authority` (`host` or `host:port`). PlyfsError `registry-config` for a file that cannot be read or lacks
 *  its other half. */
export function certificatesFor(authority: string, settings: RegistrySettings): Certificates {
  const own = ownCertificates(authority, settings);
  const shared = [...systemFiles(settings), settings.env.PLYFS_EXTRA_CA_CERTS ?? ''].filter((path) => path !== '');
  const pem = shared.flatMap((path) => certificatesIn(readConfigFile(path) ?? ''));
  return { ca: [...new Set([...rootCertificates, ...pem, ...own.ca].map((text) => text.trim()))], clients: own.clients };
}

/** What certs.d holds for `authority`: NAME.crt are CAs, NAME.cert and NAME.key a pair (docker's rule). */
export function ownCertificates(authority: string, settings: RegistrySettings): Certificates {
  const found = { ca: [] as string[], clients: [] as { cert: string; key: string }[] };
  for (const directory of certificateDirectories(authority, settings)) {
    const names = configFilesIn(directory);
    for (const name of names) {
      const path = join(directory, name);
      if (name.endsWith('.crt')) found.ca.push(...certificatesIn(readConfigFile(path) ?? ''));
      if (name.endsWith('.cert')) {
        const key = path.replace(/cert$/, 'key');
        const [cert, secret] = [readConfigFile(path), readConfigFile(key)];
        if (secret === undefined) throw halfMissing(path, key);
        if (cert !== undefined) found.clients.push({ cert, key: secret });
      }
      if (name.endsWith('.key') && !names.includes(name.replace(/key$/, 'cert')))
        throw halfMissing(path, path.replace(/key$/, 'cert'));
    }
  }
  return found;
}

function halfMissing(path: string, other: string): PlyfsError {
  return new PlyfsError('registry-config', `${path} needs ${other} beside it (a CA's certificate is named .crt, not .cert)`);
}

function certificateDirectories(authority: string, settings: RegistrySettings): string[] {
  const roots = [
    join(settings.etc, 'docker'),
    join(settings.etc, 'containers'),
    join(configHome(settings), 'docker'),
    join(configHome(settings), 'containers'),
  ];
  return roots.flatMap((root) => spellings(authority).map((spelled) => join(root, 'certs.d', spelled)));
}

function systemFiles({ env, etc }: RegistrySettings): string[] {
  const first = systemBundles.map((name) => join(etc, name)).find((path) => readConfigFile(path) !== undefined);
  return [first ?? '', env.SSL_CERT_FILE ?? ''];
}

function certificatesIn(text: string): string[] {
  return text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
}
