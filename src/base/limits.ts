/** What readers of archives, their documents and registries accept before they refuse: the bounds on memory, work and time that hostile input can cause.
 *  PLYFS_LIMITS changes them for a process and its workers: `PLYFS_LIMITS=entries=30000000,ratio=5000 plyfs load ...`. */

import { PlyfsError } from './errors.js';

export interface Limits {
  /** Bytes of one path or link target. Linux itself stops at 4096 a call. */
  readonly pathBytes: number;
  /** Directories above one another: as many as Linux can name in a call. */
  readonly depth: number;
  /** Bytes of one PAX header (all its records), so also of one entry's xattrs. */
  readonly paxBytes: number;
  /** Entries of one archive, implied directories counted. Building an index takes about 100 bytes and the name for each. */
  readonly entries: number;
  /** Data ranges of one sparse file. */
  readonly sparseExtents: number;
  /** Bytes that a compressed stream may give. */
  readonly outputBytes: number;
  /** Bytes out for each byte in, looked at from `ratioFromBytes` of output on. Measured: a tar of empty files 73 in gzip and 190 in zstd,
   *  a bomb of zeros 1028 and 31,000. */
  readonly ratio: number;
  readonly ratioFromBytes: number;
  /** Bytes of a manifest, an index or a list of images. Registries stop there too. */
  readonly manifestBytes: number;
  readonly configBytes: number;
  /** Bytes of the documents of one archive or layout together: enough for thousands of images. */
  readonly documentBytes: number;
  /** Files in an archive of images. */
  readonly members: number;
  /** Of an image: each is a descriptor while it is open. docker stops at 127. */
  readonly layers: number;
  /** How often a registry is asked before the call fails; the waits between are `retryMs`, and twice as long each time. */
  readonly attempts: number;
  readonly retryMs: number;
  /** No byte for so long, and a connection counts as broken. */
  readonly stallMs: number;
  /** A registry that wants a longer pause (Retry-After) is not waited for. */
  readonly pauseMs: number;
  /** Bytes that are sent to a registry in one request; a longer blob goes in several. */
  readonly chunkBytes: number;
}

export const defaultLimits: Limits = {
  pathBytes: 64 * 1024,
  depth: 2048,
  paxBytes: 1024 * 1024,
  entries: 5_000_000,
  sparseExtents: 1_000_000,
  outputBytes: 1024 ** 4,
  ratio: 500,
  ratioFromBytes: 256 * 1024 ** 2,
  manifestBytes: 4 * 1024 ** 2,
  configBytes: 8 * 1024 ** 2,
  documentBytes: 64 * 1024 ** 2,
  members: 200_000,
  layers: 1000,
  attempts: 5,
  retryMs: 1000,
  stallMs: 30_000,
  pauseMs: 60_000,
  chunkBytes: 32 * 1024 ** 2,
};

/** The defaults with what `text`, by default PLYFS_LIMITS, says: `name=number` joined by commas. PlyfsError USAGE for other text. */
export function readLimits(text: string = process.env.PLYFS_LIMITS ?? ''): Limits {
  const limits: Record<string, number> = { ...defaultLimits };
  for (const word of text.split(',')) {
    if (word === '') continue;
    const [name = '', value = ''] = word.split('=', 2);
    if (!Object.hasOwn(defaultLimits, name) || !/^[1-9]\d{0,14}$/.test(value)) {
      const names = Object.keys(defaultLimits).join(', ');
      throw new PlyfsError('usage', `PLYFS_LIMITS: "${word}" is not one of ${names} with = and a number`);
    }
    limits[name] = Number(value);
  }
  return limits as unknown as Limits; // made from all of its members
}

/** The refusal of what passes a limit: says which, and how to allow it. */
export function overLimit(sentence: string, limit: keyof Limits): PlyfsError {
  return new PlyfsError('OVER_LIMIT', `${sentence} (limit ${limit}; PLYFS_LIMITS=${limit}=N allows more)`);
}

/** Refuses a document of `bytes` that is over `limitBytes`, before it is read. PlyfsError `document`. */
export function checkDocumentSize(what: string, bytes: number, limitBytes: number): void {
  if (bytes <= limitBytes) return;
  throw new PlyfsError('document', `${what} is ${bytes} bytes long; the limit is ${limitBytes} bytes (PLYFS_LIMITS raises it)`);
}
