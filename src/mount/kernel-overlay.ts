/** Mounts of the kernel's overlayfs as others of this mount namespace made them: they take no lock that could be asked for. */

import { realpathSync } from 'node:fs';
import { codeOf } from '../base/node-error.js';
import { mountTable } from '../sys/mount.js';
import { unescapeValue } from './option-string.js';

/** The mount point of an overlay whose upper or work directory is `path` (real); undefined where there is none. */
export function kernelOverlayOn(path: string): string | undefined {
  return mountTable().find(({ type, superOptions }) => type === 'overlay' && writesTo(superOptions).includes(path))?.target;
}

/** The mount table spells paths as they were given, commas and backslashes escaped: relative ones, and those of other namespaces, cannot
 *  be told. */
function writesTo(superOptions: string): string[] {
  const values = [...superOptions.matchAll(/(?:^|,)(?:upperdir|workdir)=((?:\\.|[^,\\])*)/g)].map(([, value = '']) =>
    unescapeValue(value),
  );
  return values.filter((path) => path.startsWith('/')).flatMap(realPathOf);
}

function realPathOf(path: string): string[] {
  try {
    return [realpathSync.native(path)];
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return [];
  }
}
