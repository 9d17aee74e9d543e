/** How a command that failed ends: one sentence on stderr and an exit status. */

import { PlyfsError } from '../base/errors.js';
import { systemWords } from '../base/system-words.js';

/** Prints the error and returns the exit status: 2 for wrong usage, else 1. Neither a raw errno nor a stack is for them. */
export function reportError(error: unknown): number {
  process.stderr.write(`plyfs: ${sentenceOf(error)}\n`);
  return error instanceof PlyfsError ? error.exitStatus : 1;
}

function sentenceOf(error: unknown): string {
  if (error instanceof PlyfsError)
    return typeof error.cause === 'string' && error.cause !== '' ? `${error.message}\n${error.cause}` : error.message;
  return systemSentence(error) ?? faultSentence(error);
}

/** What the verb of a system call is for people; of others it is not worth a word. */
const verbs: Readonly<Record<string, string>> = {
  open: 'opened',
  read: 'read',
  write: 'written',
  fsync: 'written',
  mkdir: 'made',
  rename: 'written',
  scandir: 'listed',
  opendir: 'listed',
  rm: 'removed',
  rmdir: 'removed',
  unlink: 'removed',
};

/** Unfinished files, blobs, what tells of images and containers (native-notes/store-format.md); the store is what is before. */
const storeFile =
  /^(.*)\/(?:tmp\/\d+-[0-9a-f]{16}|(?:blobs\/sha\d+|indexes|cache|uses|layers|partial|containers)\/[0-9a-f-]{12,}[^/]*(?:\/container\.json)?|lock|adding|catalog\.json|format)$/;

/** What the system refused. Where it was a file of the store, the store is named: the file is no business of the reader. */
function systemSentence(error: unknown): string | undefined {
  const why = systemWords(error);
  if (why === undefined) return undefined;
  const { path, syscall } = error as NodeJS.ErrnoException; // an FsError has neither
  const verb = verbs[syscall ?? ''] ?? 'reached';
  if (path === undefined) return verb === 'reached' ? why : `a file cannot be ${verb}: ${why}`;
  const [, root] = storeFile.exec(path) ?? [];
  return root === undefined ? `${path} cannot be ${verb}: ${why}` : `the store ${root} cannot be ${verb}: ${why}`;
}

/** A fault of ours. Its stack is for who looks for it. */
function faultSentence(error: unknown): string {
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  if (process.env.PLYFS_TRACE !== undefined && error instanceof Error) return error.stack ?? message;
  return `a fault of plyfs itself (${message}): please report it, with the stack that it shows with PLYFS_TRACE=cli`;
}
