/** What the system refused, in words that follow a colon: `/x cannot be written: its disk is full`. */

import { getSystemErrorMap } from 'node:util';
import { errnoName } from './errno.js';
import { FsError } from './errors.js';
import { codeOf } from './node-error.js';

/** Where the system's own words say too little. */
const words: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or directory',
  ENOTDIR: 'a part of the path is not a directory',
  EISDIR: 'it is a directory',
  ENOSPC: 'its disk is full',
  EDQUOT: 'the quota of its disk is used up',
  EFBIG: 'it would become larger than files may be there',
  EROFS: 'its file system is read-only',
  EEXIST: 'it is there already',
  ENAMETOOLONG: 'a name in the path is too long',
  ELOOP: 'too many symlinks on the way',
  EMFILE: 'too many files are open (ulimit -n)',
  EIO: 'its disk reports an error',
};

/** Of an FsError or an error of Node's fs; undefined for anything else. */
export function systemWords(error: unknown): string | undefined {
  // A layer says itself what is wrong with a file; from elsewhere the detail is the name of a system call.
  if (error instanceof FsError && error.detail.includes(': ')) return error.detail;
  const code = error instanceof FsError ? errnoName(error.errno) : codeOf(error);
  if (code === undefined) return undefined;
  return words[code] ?? [...getSystemErrorMap().values()].find(([name]) => name === code)?.[1];
}
