/** Reading configuration that may not be there. */

import { readdirSync, readFileSync } from 'node:fs';
import { PlyfsError } from '../base/errors.js';

/** The text of a file; undefined where there is none. PlyfsError `registry-config` where it cannot be read. */
export function readConfigFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw new PlyfsError('registry-config', `${path} cannot be read (${codeOf(cause)}): check its owner and mode`, { cause });
  }
}

/** The same for a file that is another program's: what we may not read does not concern us. */
export function readForeignFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isMissing(error) || codeOf(error) === 'EACCES') return undefined;
    throw error;
  }
}

/** Names in a directory, sorted; none where it is not there or not for us. */
export function configFilesIn(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch (error) {
    if (isMissing(error) || codeOf(error) === 'EACCES') return [];
    throw error;
  }
}

/** PlyfsError `registry-config` where the file is not JSON; undefined where there is no file. */
export function parseConfigJson(text: string | undefined, path: string): unknown {
  if (text === undefined || text.trim() === '') return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    // Node's sentence quotes the text, and this text may hold passwords.
    throw new PlyfsError('registry-config', `${path} is not JSON: correct it or move it away`);
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? ''; // Node's fs throws nothing else
}

function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR';
}
