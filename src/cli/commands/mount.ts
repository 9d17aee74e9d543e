/** plyfs mount: starts the mount's own process and waits until it says that the mount answers. bin/plyfs does the same without this file, a
 *  start of node sooner. */

import { startMount } from '../../mount/start.js';
import { mountFacts, mountHelp } from '../mount-help.js';

export const facts = mountFacts;

const foregroundWords = new Set(['-f', '--foreground', '-d', '--debug']);

/** Resolves to the exit status. */
export async function run(words: readonly string[]): Promise<number> {
  if (words.includes('-h') || words.includes('--help')) {
    process.stdout.write(mountHelp());
    return 0;
  }
  if (words.some((word) => foregroundWords.has(word))) return stayInForeground(words);
  return startMount(words);
}

/** The mount's process is this one, so that signals reach it. */
async function stayInForeground(words: readonly string[]): Promise<number> {
  process.argv.splice(2, Number.POSITIVE_INFINITY, ...words);
  await import('../mount-process.js');
  return 0;
}
