/** Which spelling of markers an upper's file system and our rights allow (D-2). */

import { isRefusal, PlyfsError } from '../../base/errors.js';
import { S_IFCHR } from '../../base/mode.js';
import type { Name } from '../../base/name.js';
import { O_CREAT, O_EXCL, O_RDWR } from '../../sys/constants.js';
import { mknodAt, unlinkAt } from '../../sys/namespace.js';
import { closeFd, openAt } from '../../sys/open.js';
import { setxattrAt } from '../../sys/xattr.js';
import { type MarkerFormat, markerFormats, whiteoutName } from '../markers.js';

const probe = 'probe' as Name;
const device = 'probe-device' as Name;
const file = whiteoutName(probe);

/** How the upper `path` with the empty work directory `workFd` is to be marked; of the formats with xattrs only `wanted`. PlyfsError where its
 *  file system can hold no marks, or only such as are no marks with `hasOrdinaryWhNames`. */
export function chooseFormat(
  workFd: number,
  path: string,
  wanted: 'overlay' | 'overlay-user' | undefined,
  hasOrdinaryWhNames: boolean,
): MarkerFormat {
  const format = probeFormat(workFd, wanted);
  if (format === undefined) {
    throw new PlyfsError(
      'no-markers',
      `${path} cannot be an upper: its file system keeps no mark for what is deleted, neither a device 0:0 nor a name that begins with .wh. Choose a directory on another file system.`,
    );
  }
  if (hasOrdinaryWhNames && format.whiteout === 'file') {
    throw new PlyfsError(
      'wh-names',
      `${path} cannot keep names that begin with .wh.: its file system keeps no devices 0:0 or no extended attributes, so that such files are whiteouts there. Mount without wh_names=allow.`,
    );
  }
  return format;
}

/** The first that works in the empty work directory `workFd`; of those with xattrs only the `wanted` one. undefined where none does. */
function probeFormat(workFd: number, wanted?: 'overlay' | 'overlay-user'): MarkerFormat | undefined {
  closeFd(openAt(workFd, probe, O_CREAT | O_EXCL | O_RDWR, 0o600));
  try {
    return Object.values<MarkerFormat>(markerFormats).find((format) => {
      if (format.prefix !== '' && wanted !== undefined && format.name !== wanted) return false;
      return canMark(workFd, format) && (format.whiteout === 'device' ? canMakeDevice(workFd) : canMakeFile(workFd));
    });
  } finally {
    unlinkAt(workFd, probe);
  }
}

function canMark(workFd: number, format: MarkerFormat): boolean {
  if (format.prefix === '') return true;
  try {
    setxattrAt(workFd, probe, `${format.prefix}opaque` as Name, Buffer.from('y'));
    return true;
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return false;
  }
}

/** A view of plyfs keeps such names only where an overlay needs them, which it learns from the device that it refuses. */
function canMakeFile(workFd: number): boolean {
  try {
    closeFd(openAt(workFd, file, O_CREAT | O_EXCL | O_RDWR, 0o600));
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return false;
  }
  unlinkAt(workFd, file);
  return true;
}

function canMakeDevice(workFd: number): boolean {
  try {
    mknodAt(workFd, device, S_IFCHR, 0);
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return false;
  }
  unlinkAt(workFd, device);
  return true;
}
