/** Layers of an image as directories, for the subjects that know no tars: tar(1) unpacks them, and OCI's marks become overlayfs's. */

import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Attributes } from '../base/attributes.js';
import { PlyfsError } from '../base/errors.js';
import { S_IFCHR } from '../base/mode.js';
import { type Name, nameFromText } from '../base/name.js';
import { markerFormats, markerOfName, whiteoutPrefix } from '../layers/markers.js';
import { O_RDONLY } from '../sys/constants.js';
import { mknodAt, unlinkAt } from '../sys/namespace.js';
import { closeFd, openAt, openPath } from '../sys/open.js';
import { lstatAt } from '../sys/stat.js';
import { setxattrAt } from '../sys/xattr.js';

/** An uncompressed tar somewhere in a file. */
export interface TarRange {
  path: string;
  start: number;
  size: number;
}

/** Unpacks `tars` (top first) into directories below `home`, which is emptied first, and returns them, top first. Needs root.
 *  PlyfsError for a tar that tar(1) refuses. */
export function unpackLayers(tars: readonly TarRange[], home: string): string[] {
  rmSync(home, { recursive: true, force: true });
  return tars.map((tar, index) => {
    const directory = join(home, String(index));
    mkdirSync(directory, { recursive: true });
    // tail(1) counts from 1.
    const script = 'tail -c "+$2" "$1" | head -c "$3" | tar -C "$4" -xpf - --xattrs --xattrs-include="*" --numeric-owner';
    const args = [tar.path, String(tar.start + 1), String(tar.size), directory];
    const done = spawnSync('bash', ['-c', `set -o pipefail; ${script}`, 'bash', ...args], { timeout: 600_000 });
    // head closes the pipe before tail has written all of the file.
    if (done.status !== 0 && done.status !== 141) {
      throw new PlyfsError('bench', `tar could not unpack a layer of ${tar.path}: ${done.stderr.toString().trim()}`);
    }
    markWhiteouts(directory);
    return directory;
  });
}

function markWhiteouts(root: string): void {
  const find = spawnSync('find', ['.', '-name', `${whiteoutPrefix}*`, '-print0'], {
    cwd: root,
    maxBuffer: 1 << 28,
    timeout: 60_000,
  });
  // as, here and below: bytes, from find
  const paths = find.stdout.toString('latin1').split('\0').slice(0, -1) as Name[];
  const fd = openPath(root, O_RDONLY);
  for (const path of paths) {
    const directory = dirname(path) as Name;
    const marker = markerOfName(basename(path) as Name);
    unlinkAt(fd, path);
    if (marker?.kind === 'opaque') markOpaque(fd, directory);
    // The same layer may also bring the name: then it stays.
    else if (marker?.kind === 'whiteout' && !isThere(fd, `${directory}/${marker.name}` as Name)) {
      mknodAt(fd, `${directory}/${marker.name}` as Name, S_IFCHR, 0);
    }
  }
  closeFd(fd);
}

function isThere(fd: number, name: Name): boolean {
  return lstatAt(fd, name, new Attributes());
}

function markOpaque(root: number, directory: Name): void {
  const fd = openAt(root, directory, O_RDONLY);
  setxattrAt(fd, '' as Name, nameFromText(`${markerFormats.overlay.prefix}opaque`), Buffer.from('y'));
  closeFd(fd);
}
