/** Removing a directory of the store with all that is in it, also what an image made unwritable for its owner (0555), who is not root. */

import { chmodSync, readdirSync, rmSync } from 'node:fs';
import { codeOf } from '../base/node-error.js';

/** Nothing where it is not there. */
export function removeDirectory(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch (error) {
    if (codeOf(error) !== 'EACCES') throw error;
    makeWritable(Buffer.from(path));
    rmSync(path, { recursive: true, force: true });
  }
}

/** Names are bytes. */
function makeWritable(directory: Buffer): void {
  chmodSync(directory, 0o700);
  for (const entry of readdirSync(directory, { withFileTypes: true, encoding: 'buffer' })) {
    if (entry.isDirectory()) makeWritable(Buffer.concat([directory, Buffer.from('/'), entry.name]));
  }
}
