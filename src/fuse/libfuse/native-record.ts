/** The addon's record of a call, fuse_thread_locals_t, and the C structures that it points to, as they lie in memory: fuse-native 2.2.6 on
 *  x86-64 (fuse-native.c; struct stat and struct statvfs of glibc; struct fuse_file_info of libfuse 2.9).
 *
 *  The addon's own calls lose much of what libfuse says and takes: names that are not UTF-8, the modification time of utimens, inode
 *  numbers above 32 bits, nanoseconds, times before 1970, counts of blocks above 32 bits. All of it is in the record. libfuse's thread
 *  waits while a call is being served, so its memory is ours until the answer. */

import type { Attributes } from '../../base/attributes.js';
import type { FsStatistics } from '../../base/fs-statistics.js';
import type { Name } from '../../base/name.js';
import { fillDirectory, readCString, writeMemory } from '../../sys/foreign-memory.js';
import type { Time } from '../../vfs/filesystem.js';

/** Offsets in the record. */
const at = {
  op: 8,
  path: 24,
  dest: 32,
  linkname: 40,
  buf: 56,
  len: 72,
  atime: 104,
  mtime: 112,
  name: 128,
  stat: 168,
  statvfs: 176,
  filler: 184,
  end: 192,
};

/** Longer than any path that reaches the kernel in one call: libfuse joins the names of a deep tree to longer ones. */
const longestPath = 1 << 20;

const noName = '' as Name; // no bytes at all

export class NativeRecord {
  constructor(private readonly bytes: Buffer) {}

  /** Whether it looks as it should for operation number `op`. */
  isOf(op: number): boolean {
    return this.bytes.length >= at.end && this.bytes.readUInt32LE(at.op) === op;
  }

  get path(): Name {
    return this.text(at.path);
  }

  /** The second path of link and rename; of symlink the new one. */
  get dest(): Name {
    return this.text(at.dest);
  }

  /** Of an xattr. */
  get name(): Name {
    return this.text(at.name);
  }

  /** Of utimens; to the millisecond, as the addon has rounded them. */
  get atime(): Time {
    return timeOf(this.bytes.readBigInt64LE(at.atime));
  }
  get mtime(): Time {
    return timeOf(this.bytes.readBigInt64LE(at.mtime));
  }

  putStat(attributes: Attributes): void {
    writeMemory(this.pointer(at.stat), statBytes(attributes));
  }

  putStatistics(statistics: FsStatistics): void {
    writeMemory(this.pointer(at.statvfs), statvfsBytes(statistics));
  }

  /** A symlink's target, cut to the room there is. */
  putLink(target: Name): void {
    const room = Number(this.bytes.readBigUInt64LE(at.len));
    writeMemory(this.pointer(at.linkname), Buffer.from(`${target.slice(0, room - 1)}\0`, 'latin1'));
  }

  /** Adds an entry to the listing; libfuse takes its number and kind. False when it takes no more. */
  putEntry(name: Name, ino: number, type: number): boolean {
    entryStat.writeBigUInt64LE(BigInt(ino), stat.ino);
    entryStat.writeUInt32LE(type << 12, stat.mode);
    return fillDirectory(this.pointer(at.filler), this.pointer(at.buf), name, entryStat);
  }

  /** Of a file whose directory is gone libfuse may have no path. */
  private text(offset: number): Name {
    const address = this.pointer(offset);
    return address === 0n ? noName : readCString(address, longestPath);
  }

  private pointer(offset: number): bigint {
    return this.bytes.readBigUInt64LE(offset);
  }
}

/** struct stat: 144 bytes. */
const stat = {
  ino: 8,
  nlink: 16,
  mode: 24,
  uid: 28,
  gid: 32,
  rdev: 40,
  size: 48,
  blksize: 56,
  blocks: 64,
  atime: 72,
  mtime: 88,
  ctime: 104,
};
const statSize = 144;
/** Reused: what is written is copied at once. */
const statBuffer = Buffer.alloc(statSize);
const entryStat = Buffer.alloc(statSize);

function statBytes(a: Attributes): Buffer {
  const b = statBuffer;
  b.writeBigUInt64LE(BigInt(a.ino), stat.ino);
  b.writeBigUInt64LE(BigInt(a.nlink), stat.nlink);
  b.writeUInt32LE(a.mode, stat.mode);
  b.writeUInt32LE(a.uid, stat.uid);
  b.writeUInt32LE(a.gid, stat.gid);
  b.writeBigUInt64LE(BigInt(a.rdev), stat.rdev);
  b.writeBigInt64LE(BigInt(a.size), stat.size);
  b.writeBigInt64LE(BigInt(a.blksize), stat.blksize);
  b.writeBigInt64LE(BigInt(a.blocks), stat.blocks);
  putTime(b, stat.atime, a.atimeSec, a.atimeNsec);
  putTime(b, stat.mtime, a.mtimeSec, a.mtimeNsec);
  putTime(b, stat.ctime, a.ctimeSec, a.ctimeNsec);
  return b;
}

function putTime(bytes: Buffer, offset: number, sec: number, nsec: number): void {
  bytes.writeBigInt64LE(BigInt(sec), offset);
  bytes.writeBigInt64LE(BigInt(nsec), offset + 8);
}

/** struct statvfs up to f_namemax: eleven words. */
function statvfsBytes(s: FsStatistics): Buffer {
  const favail = s.ffree;
  const words = [s.bsize, s.frsize, s.blocks, s.bfree, s.bavail, s.files, s.ffree, favail, 0, 0, s.namelen];
  const bytes = Buffer.alloc(words.length * 8);
  for (const [index, word] of words.entries()) bytes.writeBigUInt64LE(BigInt(word), index * 8);
  return bytes;
}

function timeOf(milliseconds: bigint): Time {
  const ms = Number(milliseconds);
  const sec = Math.floor(ms / 1000);
  return { sec, nsec: (ms - sec * 1000) * 1_000_000 };
}
