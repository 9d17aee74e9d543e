/** Where an image lies, in the words of containers/image (skopeo, podman): `docker://HOST/NAME:TAG`, `oci:DIR[:TAG]`, `oci-archive:FILE[:TAG]`,
 *  `docker-archive:FILE[:REF]`; a name alone is one of the store. */

import { PlyfsError } from '../../base/errors.js';

export type ImagePlace =
  | { readonly kind: 'store'; readonly name: string }
  | { readonly kind: 'docker'; readonly name: string }
  | { readonly kind: 'oci' | 'oci-archive' | 'docker-archive'; readonly path: string; readonly name: string | undefined };

/** What others have and plyfs has not. */
const foreign = ['dir', 'docker-daemon', 'containers-storage', 'ostree', 'sif', 'tarball', 'atomic'];

/** PlyfsError `usage` for a transport that is not known here, or one without what it needs. */
export function imagePlaceFrom(text: string): ImagePlace {
  if (text.startsWith('docker://')) return { kind: 'docker', name: named(text.slice('docker://'.length), text, '//HOST/NAME') };
  const [, kind = '', rest = ''] = /^([a-z-]+):(.*)$/s.exec(text) ?? [];
  if (kind === 'oci' || kind === 'oci-archive' || kind === 'docker-archive') {
    // A path has no colon here, as in containers/image.
    const [, path = '', name] = /^([^:]*)(?::(.*))?$/s.exec(rest) ?? [];
    return { kind, path: named(path, text, kind === 'oci' ? 'DIR[:TAG]' : 'FILE[:NAME]'), name: name === '' ? undefined : name };
  }
  if (kind === 'docker') throw new PlyfsError('usage', `"${text}": write docker://${rest.replace(/^\/*/, '')}`);
  if (foreign.includes(kind))
    throw new PlyfsError(
      'usage',
      `"${text}": plyfs has no transport ${kind}; there are docker://, oci:, oci-archive:, docker-archive:, and names of the store`,
    );
  return { kind: 'store', name: text };
}

function named(part: string, whole: string, form: string): string {
  if (part !== '') return part;
  throw new PlyfsError('usage', `"${whole}" names no image: write ${whole.slice(0, whole.indexOf(':') + 1)}${form}`);
}
