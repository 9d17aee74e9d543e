/** The entries by which a layer tar says that lower things are gone (T-2, T-3): the same bytes whoever writes them, and when. And how they
 *  are read. */

import { errnoOf } from '../../base/errors.js';
import type { Name } from '../../base/name.js';
import { badTar, type TarEntry, type WriteEntry } from '../../tar/entry.js';
import { type Marker, markerOfName, opaqueName, whiteoutName } from '../markers.js';

/** As markerOfName, for a name on the path of `entry`. PlyfsError BAD_TAR for a marker that names nothing. */
export function markerOf(name: Name, entry: TarEntry): Marker | undefined {
  try {
    return markerOfName(name);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    throw badTar(entry.path, entry.headerAt, `the marker ${name} names nothing`);
  }
}

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
