/** Registries as users write them: for login and logout. */

import { PlyfsError } from '../base/errors.js';
import { defaultDomain } from '../oci/reference.js';

/** `https://HOST/v1/` and `HOST/` are HOST; nothing is Docker Hub. PlyfsError `usage` for what is no host. */
export function registryNamed(text: string | undefined): string {
  const bare = (text ?? '').replace(/^https?:\/\//, '').split('/', 1)[0]!; // split gives one part at least
  if (text !== undefined && !/^([\w.-]+|\[[0-9a-fA-F:]+\])(:\d{1,5})?$/.test(bare)) {
    throw new PlyfsError('usage', `"${text}" is not a registry: write its host, as ghcr.io or localhost:5000`);
  }
  return ['', 'docker.io', 'index.docker.io', 'registry-1.docker.io'].includes(bare) ? defaultDomain : bare;
}
