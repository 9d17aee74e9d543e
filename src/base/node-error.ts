/** The errors of Node's own fs, which carry the errno's name: read here, so that what is absent becomes a value. */

/** The errno name of an error of Node's fs, undefined for anything else. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** `error` says that there is no such file. */
export function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT';
}

/** What `read` returns, or undefined where it throws that there is no such file (ENOENT), or one of the errnos `also`. */
export function ifPresent<T>(read: () => T, ...also: readonly string[]): T | undefined {
  try {
    return read();
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' || (code !== undefined && also.includes(code))) return undefined;
    throw error;
  }
}
