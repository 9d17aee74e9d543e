/** Which spelling of markers an upper's file system and our rights allow (D-2). */

import { isRefusal } from '../../base/errors.js';
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

/** The first that works in the empty work directory `workFd`; of those with xattrs only the `wanted` one. undefined where none does. */
export function probeFormat(workFd: number, wanted?: 'overlay' | 'overlay-user'): MarkerFormat | undefined {
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
