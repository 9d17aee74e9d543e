/** The tree language: one object per line (kind, path, what differs from the defaults). `plyfs dump` prints it, tests build fixtures of it
 *  and compare in it, so that a dump in a bug report becomes a test. Nothing here touches a disk.
 *
 *    dir d 0700 uid=5 gid=6            file d/a = content          file big size=1048576 sha=0123456789abcdef
 *    link d/b -> d/a                   symlink l -> target         chr n 0600 1:3        fifo f           sock s
 *    whiteout gone                     opaque d                    redirect d -> /old/place
 *
 *  Further words: mtime=SEC.NSEC, nlink=N, xattr:user.k=value, acl=u::rw-,... and default-acl=... Bytes that are not printable ASCII,
 *  blanks, backslashes and `;` are spelled \xNN. Defaults: 0755 for dir, 0777 for symlink, else 0644; uid 0, gid 0; nlink as many as the
 *  names in the tree. */

import { createHash } from 'node:crypto';
import { accessAclName, defaultAclName, textFromAcl } from '../../base/acl.js';

export type TreeKind = 'dir' | 'file' | 'symlink' | 'chr' | 'blk' | 'fifo' | 'sock' | 'link' | 'whiteout' | 'opaque' | 'redirect';

/** One object. Absent members are not stated. */
export interface TreeLine {
  kind: TreeKind;
  /** latin1 bytes, '' for the root. */
  path: string;
  mode?: number;
  uid?: number;
  gid?: number;
  nlink?: number;
  mtime?: string;
  /** Of a file: what it holds from `at` on (0 if absent), and how long it is altogether. */
  content?: Buffer;
  at?: number;
  size?: number;
  /** Stands for content too long to print. */
  digest?: string;
  /** Of symlinks, links and redirects; latin1 bytes. */
  target?: string;
  rdev?: string;
  xattrs: Map<string, Buffer>;
}

/** Bytes for a line: \xNN for all that is not plain. */
export function escapeText(bytes: string, alsoBlanks = true): string {
  return bytes.replace(
    alsoBlanks ? /[^!-~]|[\\;]/g : /[^ -~]|[\\;]|^ | $/g,
    (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

const blockBytes = 4096;

/** A digest of file content that costs nothing for zeros, be they holes or not: the blocks that are not zero, with their numbers. */
export class ContentDigest {
  private readonly hash = createHash('sha256');

  /** Bytes at `offset`, a multiple of 4096. Calls come in ascending order; what no call covers is zero. */
  update(bytes: Buffer, offset: number): this {
    for (let at = 0; at < bytes.length; at += blockBytes) {
      const block = bytes.subarray(at, at + blockBytes);
      if (block.equals(zeroBlock.subarray(0, block.length))) continue;
      this.hash
        .update(`${(offset + at) / blockBytes}:`)
        .update(block)
        .update(zeroBlock.subarray(block.length));
    }
    return this;
  }

  /** The first 16 hexadecimal digits. */
  text(): string {
    return this.hash.digest('hex').slice(0, 16);
  }
}

const zeroBlock = Buffer.alloc(blockBytes);

export function digestOf(bytes: Buffer): string {
  return new ContentDigest().update(bytes, 0).text();
}

/** Content longer than this is printed as size and digest. */
export const printedContentMax = 100;

export function defaultMode(kind: TreeKind): number {
  return kind === 'dir' ? 0o755 : kind === 'symlink' ? 0o777 : 0o644;
}

/** The bytes of a file line as a whole, holes as zeros. */
export function wholeContent(line: TreeLine): Buffer {
  const content = line.content ?? Buffer.alloc(0);
  const at = line.at ?? 0;
  const whole = Buffer.alloc(line.size ?? at + content.length);
  content.copy(whole, at);
  return whole;
}

/** The canonical spelling of one line: defaults left out, words in one order. `names` is how many names its inode has in the tree. */
export function formatLine(line: TreeLine, names = 1): string {
  const words: string[] = [line.kind, line.path === '' ? '.' : escapeText(line.path)];
  const isMarker = line.kind === 'whiteout' || line.kind === 'opaque' || line.kind === 'redirect' || line.kind === 'link';
  if (!isMarker) {
    const mode = line.mode ?? defaultMode(line.kind);
    if (mode !== defaultMode(line.kind)) words.push(`0${mode.toString(8)}`);
    if ((line.uid ?? 0) !== 0) words.push(`uid=${line.uid}`);
    if ((line.gid ?? 0) !== 0) words.push(`gid=${line.gid}`);
    if (line.kind !== 'dir' && (line.nlink ?? names) !== names) words.push(`nlink=${line.nlink}`);
    if (line.rdev !== undefined) words.push(line.rdev);
    if (line.mtime !== undefined) words.push(`mtime=${line.mtime}`);
    for (const [key, value] of [...line.xattrs].sort(([a], [b]) => (a < b ? -1 : 1))) words.push(formatXattr(key, value));
  }
  if (line.target !== undefined) words.push('->', escapeText(line.target));
  if (line.kind === 'file') words.push(...formatContent(line));
  return words.join(' ');
}

function formatXattr(key: string, value: Buffer): string {
  if (key === accessAclName) return `acl=${textFromAcl(value)}`;
  if (key === defaultAclName) return `default-acl=${textFromAcl(value)}`;
  return `xattr:${key}=${escapeText(value.toString('latin1'))}`;
}

function formatContent(line: TreeLine): string[] {
  if (line.digest !== undefined) return [`size=${line.size}`, `sha=${line.digest}`];
  const whole = wholeContent(line);
  if (whole.length > printedContentMax) return [`size=${whole.length}`, `sha=${digestOf(whole)}`];
  return whole.length === 0 ? [] : ['=', escapeText(whole.toString('latin1'), false)];
}

/** The canonical text of a tree: one line per object, sorted by path (bytes), the root's line only if it differs from the default. */
export function formatTree(lines: readonly TreeLine[]): string {
  const groups = new Map<string, number>();
  for (const line of lines) if (line.kind === 'link') groups.set(line.target ?? '', (groups.get(line.target ?? '') ?? 1) + 1);
  return lines
    .map((line) => ({ line, text: formatLine(line, groups.get(line.path) ?? 1) }))
    .filter(({ text }) => text !== 'dir .')
    .sort((a, b) => (a.line.path < b.line.path ? -1 : a.line.path > b.line.path ? 1 : a.text < b.text ? -1 : 1))
    .map(({ text }) => text)
    .join('\n');
}
