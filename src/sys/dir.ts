/** Reading directories: getdents64. */

import { Attributes } from '../base/attributes.js';
import { dirType, typeOfMode } from '../base/mode.js';
import { type Name, nameFromBytes } from '../base/name.js';
import { SEEK_SET } from './constants.js';
import * as libc from './libc.js';
import { foldInode, statAt } from './stat.js';

const bufferBytes = 64 * 1024;
/** Room for few entries. */
const touchBytes = 320;
/** Buffers not in use: `each` may read another directory, which then takes a second one. */
const spare: Buffer[] = [];
const attributes = new Attributes();

/** Every entry of the directory `fd` (opened for reading, not O_PATH) but `.` and `..`, from the start, in the disk's order. `type` is
 *  a d_type, never unknown. An entry that vanishes while its type has to be asked for is left out. */
export function readDirectory(fd: number, each: (name: Name, type: number, ino: number) => void): void {
  if (libc.lseek(fd, 0, SEEK_SET) < 0) libc.fail('lseek');
  const buffer = spare.pop() ?? Buffer.allocUnsafeSlow(bufferBytes);
  try {
    for (;;) {
      const end = libc.getdents(fd, buffer, bufferBytes);
      if (end > 0) readEntries(fd, buffer, end, each);
      else if (end === 0) return;
      else if (!libc.isInterrupted()) libc.fail('getdents64');
    }
  } finally {
    spare.push(buffer);
  }
}

/** A look into the directory `fd`, so that the disk takes it for read: its access time moves as its mount says. */
export function touchDirectory(fd: number): void {
  const buffer = spare.pop() ?? Buffer.allocUnsafeSlow(bufferBytes);
  // No room for an entry (EINVAL) would do as well; what is read is thrown away.
  libc.getdents(fd, buffer, touchBytes);
  spare.push(buffer);
}

/** struct linux_dirent64: u64 ino, u64 off, u16 reclen, u8 type, the name and its NUL, padding to 8 bytes. */
function readEntries(fd: number, buffer: Buffer, end: number, each: (name: Name, type: number, ino: number) => void): void {
  for (let at = 0; at < end; ) {
    const next = at + buffer.readUInt16LE(at + 16);
    const start = at + 19;
    // The NUL is among the last 8 bytes; what lies behind it is not cleared.
    let nul = Math.max(next - 8, start);
    while (buffer[nul] !== 0) nul++;
    if (!isDots(buffer, start, nul)) {
      const name = nameFromBytes(buffer, start, nul);
      const type = buffer[at + 18]!; // within the record
      const ino = foldInode(buffer.readUInt32LE(at), buffer.readUInt32LE(at + 4));
      if (type !== dirType.unknown) each(name, type, ino);
      else if (statAt(fd, name, attributes)) each(name, typeOfMode(attributes.mode), ino);
    }
    at = next;
  }
}

/** `.` or `..`. */
function isDots(buffer: Buffer, start: number, end: number): boolean {
  return buffer[start] === 0x2e && (end - start === 1 || (end - start === 2 && buffer[start + 1] === 0x2e));
}
