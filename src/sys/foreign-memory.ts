/** Memory of this process that a foreign library owns, by address. PRE everywhere: the library has it allocated, and leaves it alone
 *  meanwhile. An address that is not so ends the process. */

import { type Name, nameFromBytes } from '../base/name.js';
import * as libc from './libc.js';

/** The bytes of the C string at `address`, at most `limit`. */
export function readCString(address: bigint, limit: number): Name {
  const bytes = Buffer.allocUnsafe(libc.strnlen(address, limit));
  libc.copyFrom(bytes, address, bytes.length);
  return nameFromBytes(bytes);
}

export function writeMemory(address: bigint, bytes: Buffer): void {
  libc.copyTo(address, bytes, bytes.length);
}

/** Calls libfuse's fuse_fill_dir_t at `address` with offset 0. `stat` is a struct stat. False when it takes no more. */
export function fillDirectory(address: bigint, into: bigint, name: Name, stat: Buffer): boolean {
  return libc.callFillDirectory(address, into, Buffer.from(`${name}\0`, 'latin1'), stat) === 0;
}
