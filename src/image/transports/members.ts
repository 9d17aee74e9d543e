/** The named files of an image on disk: of an archive tar (archive-file.ts) or of a layout directory (layout-directory.ts). */

import { closeSync, openSync, readSync } from 'node:fs';
import { PlyfsError } from '../../base/errors.js';
import { checkDocumentSize } from '../../base/limits.js';
import type { FileRange } from '../../oci/source.js';

export interface Members {
  /** The path as given by whoever opened it. */
  readonly label: string;
  /** The regular file `name`, symlinks and hard links followed within; undefined where there is none. PlyfsError for link loops and for
   *  links that leave. */
  find(name: string): FileRange | undefined;
}

/** A document as a whole. PlyfsError `document` where it is over `limitBytes`; undefined where there is none. */
export function readMember(members: Members, name: string, limitBytes: number): Buffer | undefined {
  const range = members.find(name);
  if (range === undefined) return undefined;
  checkDocumentSize(`${name} in ${members.label}`, range.size, limitBytes);
  return readRange(range);
}

/** All bytes of a range. PlyfsError `truncated` where the file ends before it. */
export function readRange(range: FileRange): Buffer {
  const bytes = Buffer.alloc(range.size);
  const fd = openSync(range.path, 'r');
  try {
    for (let done = 0; done < bytes.length; ) {
      const count = readSync(fd, bytes, done, bytes.length - done, range.start + done);
      if (count === 0) throw new PlyfsError('truncated', `${range.path} ends at byte ${range.start + done}: it is cut off`);
      done += count;
    }
  } finally {
    closeSync(fd);
  }
  return bytes;
}
