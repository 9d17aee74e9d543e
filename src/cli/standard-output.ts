/** Bytes for standard output. */

import { PlyfsError } from '../base/errors.js';

/** Writes the chunks in order. A chunk is good until the next is asked for: it must have left before. */
export async function toStandardOutput(chunks: Iterable<Buffer>): Promise<void> {
  for (const chunk of chunks) {
    await new Promise<void>((resolve, reject) => {
      process.stdout.write(chunk, (error) => (error ? reject(error) : resolve()));
    });
  }
}

/** PlyfsError where it is a terminal, which a tar would only disturb. */
export function refuseTerminal(advice: string): void {
  if (process.stdout.isTTY === true) throw new PlyfsError('usage', `standard output is a terminal: ${advice}`, { exitStatus: 2 });
}
