/** Words of mount(8) as flags of mount(2). */

import { PlyfsError } from '../base/errors.js';
import * as c from '../sys/constants.js';

const flagWords: Record<string, number> = {
  nosuid: c.MS_NOSUID,
  nodev: c.MS_NODEV,
  noexec: c.MS_NOEXEC,
  noatime: c.MS_NOATIME,
  nodiratime: c.MS_NODIRATIME,
  relatime: c.MS_RELATIME,
  strictatime: c.MS_STRICTATIME,
  sync: c.MS_SYNCHRONOUS,
  dirsync: c.MS_DIRSYNC,
  nosymfollow: c.MS_NOSYMFOLLOW,
  lazytime: c.MS_LAZYTIME,
};
/** Words that say what is the case anyway. */
const defaultWords = new Set(['suid', 'dev', 'exec', 'atime', 'diratime', 'async', 'defaults', 'rw', 'ro']);

export function isMountFlag(word: string): boolean {
  return word in flagWords;
}

/** The flags of mount(2). PlyfsError for a word that is none. */
export function mountFlags(isReadOnly: boolean, words: Iterable<string>): number {
  let flags = isReadOnly ? c.MS_RDONLY : 0;
  for (const word of words) {
    const flag = flagWords[word];
    if (flag !== undefined) flags |= flag;
    else if (!defaultWords.has(word)) throw new PlyfsError('unknown-mount-flag', `${word} is not a mount flag`);
  }
  return flags;
}
