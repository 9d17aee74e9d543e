/** Where an image lies, as people write it: skopeo's words for registries and layouts, else a name in the store. Source:
 *  containers-transports(5). */

import { PlyfsError } from '../../base/errors.js';

export type ImagePlace =
  | { readonly transport: 'store' | 'docker'; readonly name: string }
  | { readonly transport: 'oci'; readonly path: string; readonly name: string | undefined };

/** PlyfsError `usage` for a word without what it wants. `localhost:5000/app` is a name: no word of a transport is a host. */
export function parsePlace(text: string): ImagePlace {
  const [, word, rest = ''] = /^(docker|oci):(.*)$/s.exec(text) ?? [];
  if (word === 'docker' && rest.startsWith('//'))
    return { transport: 'docker', name: required(text, rest.slice(2), '//HOST/NAME') };
  if (word !== 'oci') return { transport: 'store', name: text };
  const colon = rest.indexOf(':');
  const path = required(text, colon < 0 ? rest : rest.slice(0, colon), 'DIR[:TAG]');
  return { transport: 'oci', path, name: colon < 0 ? undefined : required(text, rest.slice(colon + 1), 'DIR[:TAG]') };
}

function required(text: string, part: string, form: string): string {
  if (part !== '') return part;
  throw new PlyfsError('usage', `"${text}" names no image: write ${text.slice(0, text.indexOf(':') + 1)}${form}`);
}
