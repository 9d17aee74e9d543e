/** What of the file system below would spoil a measurement for everybody. */

import { existsSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { deviceMajor, deviceMinor } from '../base/attributes.js';

/** A sentence about the file system that `directory` lies on, or undefined. */
export function objectionTo(directory: string): string | undefined {
  const device = statSync(directory).dev;
  const link = `/sys/dev/block/${deviceMajor(device)}:${deviceMinor(device)}`;
  const journal = existsSync(link) ? join('/sys/fs/ext4', basename(readlinkSync(link)), 'journal_task') : undefined;
  // Linux fs/ext4/ialloc.c, recently_deleted: only without a journal are inodes spared that were freed a minute ago.
  if (journal === undefined || !existsSync(journal) || readFileSync(journal, 'utf8').trim() !== '<none>') return undefined;
  return (
    `${directory} is on ext4 without a journal, which passes over inodes freed in the last minutes one by one: ` +
    'creating files takes everybody up to a millisecond longer after many were removed. Choose another place with --cache or --uppers.'
  );
}
