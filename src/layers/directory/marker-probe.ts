/** Which spelling of markers an upper's file system and our rights allow (D-2). */

import { isRefusal } from '../../base/errors.js';
import { S_IFCHR } from '../../base/mode.js';
import type { Name } from '../../base/name.js';
import { O_CREAT, O_EXCL, O_RDWR } from '../../sys/constants.js';
import { mknodAt, unlinkAt } from '../../sys/namespace.js';
import { closeFd, openAt } from '../../sys/open.js';
import { setxattrAt } from '../../sys/xattr.js';
import { type MarkerFormat, markerFormats } from '../markers.js';

const probe = 'probe' as Name;
const device = 'probe-device' as Name;

/** The first that works in the empty work directory `workFd`; of those with xattrs only the `wanted` one. */
export function probeFormat(workFd: number, wanted?: 'overlay' | 'overlay-user'): MarkerFormat {
  closeFd(openAt(workFd, probe, O_CREAT | O_EXCL | O_RDWR, 0o600));
  try {
    for (const format of [markerFormats.overlay, markerFormats.overlayUser]) {
      if (wanted !== undefined && format.name !== wanted) continue;
      if (canMark(workFd, format) && canMakeDevice(workFd)) return format;
    }
    return markerFormats.oci;
  } finally {
    unlinkAt(workFd, probe);
  }
}

function canMark(workFd: number, format: MarkerFormat): boolean {
  try {
    setxattrAt(workFd, probe, `${format.prefix}opaque` as Name, Buffer.from('y'));
    return true;
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return false;
  }
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
