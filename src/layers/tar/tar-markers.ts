/** The entries by which a layer tar says that lower things are gone (T-2, T-3): the same bytes whoever writes them, and when. */

import type { Name } from '../../base/name.js';
import type { WriteEntry } from '../../tar/entry.js';
import { opaqueName, whiteoutName } from '../markers.js';

/** Hides `name` of directory `dir` ('' is the root). */
export function whiteoutEntry(dir: Name, name: Name): WriteEntry {
  return marker(dir, whiteoutName(name));
}

/** Makes `dir` opaque: stands directly behind its directory entry (T-4). */
export function opaqueEntry(dir: Name): WriteEntry {
  return marker(dir, opaqueName);
}

function marker(dir: Name, name: Name): WriteEntry {
  const path = (dir === '' ? name : `${dir}/${name}`) as Name; // two Names and a slash
  return { type: 'file', path, mode: 0o600, uid: 0, gid: 0, mtimeSec: 0, mtimeNsec: 0 };
}
