/** How a command that failed ends: one sentence on stderr and an exit status. */

import { FsError, PlyfsError } from '../base/errors.js';

/** Prints the error and returns the exit status: 2 for wrong usage, else 1. What nobody expected is printed with its stack. */
export function reportError(error: unknown): number {
  process.stderr.write(`plyfs: ${sentenceOf(error)}\n`);
  return error instanceof PlyfsError ? error.exitStatus : 1;
}

function sentenceOf(error: unknown): string {
  if (error instanceof PlyfsError)
    return typeof error.cause === 'string' && error.cause !== '' ? `${error.message}\n${error.cause}` : error.message;
  if (error instanceof FsError) return error.message;
  // What the system refused, in node's words: "EACCES: permission denied, open '/x'".
  if (error instanceof Error && 'syscall' in error && 'code' in error) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
