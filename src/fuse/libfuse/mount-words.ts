/** Mount options in libfuse 2's words (fuse(8), mount.fuse(8), lib/mount.c and lib/fuse.c of libfuse 2.9). */

import { readdirSync } from 'node:fs';
import { log } from '../../observe/log.js';
import type { DriverOptions } from '../driver.js';

/** What libfuse makes flags of mount(2). */
const flagWords = new Set(['suid', 'nosuid', 'dev', 'nodev', 'exec', 'noexec', 'atime', 'noatime', 'sync', 'async', 'dirsync']);
/** libfuse reads a number of seconds; without end is long enough. */
const longestSec = 1e9;

export function mountWords(options: DriverOptions): string[] {
  const words = [`fsname=${escaped(options.source)}`, `subtype=${escaped(options.subtype)}`];
  words.push(options.isReadOnly ? 'ro' : 'rw');
  if (options.allowOther) words.push('allow_other');
  if (options.defaultPermissions) words.push('default_permissions');
  // st_ino and d_ino are ours; without it libfuse numbers paths.
  words.push('use_ino', 'big_writes', ...lifetimes(options), ...flags(options));
  if (isRoot() && readdirSync(options.target).length > 0) words.push('nonempty');
  for (const sentence of refused(options)) log('warn', `fuse-native: ${sentence}`);
  return words;
}

/** libfuse has a node of its own for each name of a file, so attributes that change through one name would stay old through another:
 *  the kernel keeps them only where nothing changes. Entries change through the kernel alone. */
function lifetimes({ timeoutSec, isReadOnly }: DriverOptions): string[] {
  const sec = Math.min(timeoutSec, longestSec);
  return [`entry_timeout=${sec}`, `negative_timeout=${sec}`, `attr_timeout=${isReadOnly ? sec : 0}`];
}

/** libfuse sets nosuid and nodev unless told otherwise, which fusermount allows only root. */
function flags({ mountFlags }: DriverOptions): string[] {
  const given = mountFlags.filter((word) => flagWords.has(word));
  if (!isRoot()) return given;
  const start = [...(given.includes('nosuid') ? [] : ['suid']), ...(given.includes('nodev') ? [] : ['dev'])];
  return [...start, ...given];
}

/** Sentences about what was asked for and cannot be had. */
function refused({ mountFlags, io }: DriverOptions): string[] {
  const sentences: string[] = [];
  const unknown = mountFlags.filter((word) => !flagWords.has(word) && !plainWords.has(word));
  if (unknown.length > 0) sentences.push(`libfuse 2 does not know ${unknown.join(', ')}: ignored`);
  if (io === 'writeback' || io === 'passthrough') sentences.push(`libfuse 2 has no io=${io}: writes go through at once`);
  return sentences;
}

/** Words that say what is the case anyway. */
const plainWords = new Set(['defaults', 'rw', 'ro', 'diratime', 'relatime']);

function isRoot(): boolean {
  return process.geteuid?.() === 0;
}

/** libfuse takes a comma or a backslash in a value behind a backslash. */
function escaped(text: string): string {
  return text.replace(/[\\,]/g, '\\$&');
}
