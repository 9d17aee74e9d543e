/** TOML: the one importer of smol-toml (registries.conf). */

import { parse } from 'smol-toml';
import { PlyfsError } from '../base/errors.js';

/** The tables of `text`. PlyfsError `registry-config` names `path` and the line. */
export function parseToml(text: string, path: string): unknown {
  try {
    return parse(text);
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause;
    const [first = ''] = cause.message.split('\n');
    throw new PlyfsError('registry-config', `${path} is not TOML: ${first}: correct it or move it away`, { cause });
  }
}
