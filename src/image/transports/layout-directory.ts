/** The files of an OCI layout that is a directory. */

import { existsSync, lstatSync, realpathSync, statSync } from 'node:fs';
import { join, sep } from 'node:path';
import { PlyfsError } from '../../base/errors.js';
import type { FileRange } from '../../oci/source.js';
import { memberName } from './archive-file.js';
import type { Members } from './members.js';

export class LayoutDirectory implements Members {
  private readonly root: string;

  constructor(readonly label: string) {
    this.root = realpathSync(label);
  }

  /** Whether the directory at `path` is a layout rather than a tree of files. */
  static isOne(path: string): boolean {
    return existsSync(join(path, 'oci-layout')) || (existsSync(join(path, 'index.json')) && existsSync(join(path, 'blobs')));
  }

  find(name: string): FileRange | undefined {
    const clean = memberName(name);
    if (clean === undefined) throw new PlyfsError('archive', `${name} leads out of ${this.label}`);
    const path = join(this.root, clean);
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return undefined;
    const real = realpathSync(path);
    if (real !== this.root && !real.startsWith(this.root + sep)) {
      throw new PlyfsError('archive', `${name} in ${this.label} links to ${real}, outside it`);
    }
    const stat = statSync(real);
    if (!stat.isFile()) throw new PlyfsError('archive', `${name} in ${this.label} is not a regular file`);
    return { path: real, start: 0, size: stat.size };
  }
}
