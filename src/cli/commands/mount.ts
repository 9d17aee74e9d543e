/** plyfs mount: starts the mount's own process (mount-process.ts) and waits until it says that the mount answers. bin/plyfs does the same
 *  without this file, a start of node sooner. */

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { mountHelp } from '../mount-arguments.js';

const processFile = fileURLToPath(new URL('../mount-process.js', import.meta.url));
const foregroundWords = new Set(['-f', '--foreground', '-d', '--debug']);

/** Resolves to the exit status. */
export async function run(words: readonly string[]): Promise<number> {
  if (words.includes('-h') || words.includes('--help')) {
    process.stdout.write(mountHelp());
    return 0;
  }
  if (words.some((word) => foregroundWords.has(word))) return stayInForeground(words);
  return startInBackground(words);
}

/** The mount's process is this one, so that signals reach it. */
async function stayInForeground(words: readonly string[]): Promise<number> {
  process.argv.splice(2, Number.POSITIVE_INFINITY, ...words);
  await import('../mount-process.js');
  return 0;
}

function startInBackground(words: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [processFile, ...words], {
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
    env: { ...process.env, PLYFS_READY_FD: '3' },
  });
  child.unref();
  return new Promise((resolve, reject) => {
    let text = '';
    child.on('error', reject);
    child.stdio[3]?.on('data', (part: Buffer) => {
      text += part.toString('latin1');
    });
    child.stdio[3]?.on('close', () => {
      if (text === '') process.stderr.write('plyfs: the mount process ended before the mount was ready\n');
      resolve(text === '' ? 1 : Number(text));
    });
  });
}
