/** The two errors of the project: FsError inside a mount (an errno for the caller), PlyfsError outside it (a sentence for people). */

import { errno, errnoName } from './errno.js';
import { type ErrorCode, errorCodes } from './error-codes.js';

/** A refusal that the caller of a file operation sees as `errno`. `detail` is for the log, never for the caller. It carries no stack:
 *  refusals are everyday answers of a mount, and taking a stack costs more than most operations. */
export class FsError extends Error {
  readonly errno: number;
  readonly detail: string;

  constructor(errno: number, detail = '') {
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 0;
    super(detail === '' ? errnoName(errno) : `${errnoName(errno)}: ${detail}`);
    Error.stackTraceLimit = limit;
    this.errno = errno;
    this.detail = detail;
  }

  override get name(): string {
    return 'FsError';
  }
}

/** What a command could not do. `code` is a row of error-codes.ts; `message` is one sentence that names the thing and says what to do. */
export class PlyfsError extends Error {
  constructor(
    readonly code: ErrorCode,
    message: string,
    options: { cause?: unknown } = {},
  ) {
    super(forPeople(message), options.cause === undefined ? {} : { cause: options.cause });
  }

  /** Of the command that ends with it: 2 where its words are wrong, else 1. */
  get exitStatus(): number {
    return errorCodes[this.code].exitStatus;
  }

  override get name(): string {
    return 'PlyfsError';
  }
}

/** Names in a message come from whoever made the image: nothing in them moves a terminal's cursor, and none is longer than a path. */
function forPeople(message: string): string {
  return message
    .replaceAll(/[^\P{Cc}\n\t]/gu, '?')
    .replaceAll(/\S{4200,}/g, (word) => `${word.slice(0, 160)}…${word.slice(-30)}`);
}

/** The errno of an FsError, undefined for anything else. */
export function errnoOf(error: unknown): number | undefined {
  return error instanceof FsError ? error.errno : undefined;
}

/** What a file system or our rights do not let us do, as against what went wrong. */
export function isRefusal(error: unknown): boolean {
  const number = errnoOf(error);
  return (
    number === errno.EPERM ||
    number === errno.EOPNOTSUPP ||
    number === errno.EINVAL ||
    number === errno.EACCES ||
    number === errno.ENOSYS
  );
}

/** No room on the disk or in the inode. */
export function isNoRoom(error: unknown): boolean {
  const number = errnoOf(error);
  return number === errno.ENOSPC || number === errno.EDQUOT || number === errno.E2BIG;
}
