/** Bytes for standard output. */

import { PlyfsError } from '../base/errors.js';
import { writeOut } from '../image/make/write-out.js';

/** Past process.stdout, which would wait for the reader chunk by chunk. */
export async function toStandardOutput(chunks: Iterable<Buffer>): Promise<void> {
  await writeOut(1, 'standard output', chunks);
}

/** PlyfsError where it is a terminal, which a tar would only disturb. */
export function refuseTerminal(advice: string): void {
  if (process.stdout.isTTY === true) throw new PlyfsError('usage', `standard output is a terminal: ${advice}`);
}
