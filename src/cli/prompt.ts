/** Questions on the terminal; an answer that is secret is not shown. */

import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { PlyfsError } from '../base/errors.js';

/** The line that was typed. PRE: standard input is a terminal. PlyfsError `interrupted` at Ctrl-C and Ctrl-D. */
export async function ask(question: string, isSecret = false): Promise<string> {
  process.stderr.write(question);
  // readline echoes what is typed to its output: here it goes nowhere.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: isSecret ? nowhere : process.stderr, terminal: true });
  const gone = new AbortController();
  lines.on('SIGINT', () => gone.abort());
  lines.on('close', () => gone.abort());
  try {
    return await lines.question('', { signal: gone.signal });
  } catch (error) {
    if (gone.signal.aborted) throw new PlyfsError('interrupted', 'interrupted: nothing was changed');
    throw error;
  } finally {
    lines.close();
    if (isSecret) process.stderr.write('\n');
  }
}
