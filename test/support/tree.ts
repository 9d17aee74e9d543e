/** The tree language: one object per line (kind, path, what differs from the defaults). The same text builds fixtures, states what is
 *  expected, and is what a dump prints. Lines end at a newline or `;`. Nothing here touches a disk.
 *
 *    dir d 0700 uid=5 gid=6            file d/a = content          file big size=1048576 at=4096 = tail   (the rest is a hole)
 *    file p pattern=7:100000           symlink l -> target         chr n 0600 1:3        fifo f           sock s
 *    link d/b -> d/a                   whiteout gone               opaque d              redirect d -> /old/place
 *
 *  Further words: mtime=SEC.NSEC, nlink=N, xattr:user.k=value, acl=u::rw-,... and default-acl=... Bytes that are not printable ASCII,
 *  blanks, backslashes and `;` are spelled \xNN. Defaults: 0755 for dir, 0777 for symlink, else 0644; uid 0, gid 0; nlink as
 *  many as the names in the tree. Times are compared only where the expectation states them. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { accessAclName, aclFromText, defaultAclName, textFromAcl } from './acl.js';

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

const kinds = new Set<string>(['dir', 'file', 'symlink', 'chr', 'blk', 'fifo', 'sock', 'link', 'whiteout', 'opaque', 'redirect']);

/** Bytes for a line: \xNN for all that is not plain. */
export function escapeText(bytes: string, alsoBlanks = true): string {
  return bytes.replace(
    alsoBlanks ? /[^!-~]|[\\;]/g : /[^ -~]|[\\;]|^ | $/g,
    (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

export function unescapeText(text: string): string {
  return text.replace(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** `length` bytes that depend on `seed` and on where they stand, so that a shifted or repeated block shows. */
export function patternBytes(seed: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = (seed * 2654435761 + 12345) >>> 0;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
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
const printedContentMax = 100;

export function parseTree(text: string): TreeLine[] {
  return text
    .split(/[\n;]/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map(parseLine);
}

function parseLine(text: string): TreeLine {
  const [head, content] = splitOnce(text, ' = ');
  const [words, target] = splitOnce(head, ' -> ');
  const [kind = '', path = '', ...rest] = words.split(/ +/);
  if (!kinds.has(kind) || path === '') throw new Error(`not a line of a tree: ${text}`);
  // The set holds exactly the members of TreeKind.
  const line: TreeLine = { kind: kind as TreeKind, path: path === '.' ? '' : unescapeText(path), xattrs: new Map() };
  if (content !== undefined) line.content = Buffer.from(unescapeText(content), 'latin1');
  if (target !== undefined) line.target = unescapeText(target);
  for (const word of rest) parseWord(line, word, text);
  return line;
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)];
}

function parseWord(line: TreeLine, word: string, text: string): void {
  if (/^0[0-7]+$/.test(word)) line.mode = Number.parseInt(word, 8);
  else if (/^\d+:\d+$/.test(word)) line.rdev = word;
  else {
    const at = word.indexOf('=');
    const key = word.slice(0, at);
    const value = word.slice(at + 1);
    if (key.startsWith('xattr:')) line.xattrs.set(key.slice(6), Buffer.from(unescapeText(value), 'latin1'));
    else if (key === 'acl') line.xattrs.set(accessAclName, aclFromText(value));
    else if (key === 'default-acl') line.xattrs.set(defaultAclName, aclFromText(value));
    else if (key === 'uid' || key === 'gid' || key === 'nlink' || key === 'size' || key === 'at') line[key] = Number(value);
    else if (key === 'mtime') line.mtime = fullTime(value);
    else if (key === 'sha') line.digest = value;
    else if (key === 'pattern') {
      const [seed, length] = value.split(':').map(Number);
      line.content = patternBytes(seed ?? 0, length ?? 0);
    } else throw new Error(`unknown word ${word} in: ${text}`);
  }
}

/** '5' and '5.5' with nine digits of nanoseconds. */
function fullTime(text: string): string {
  const [seconds = '0', fraction = ''] = text.split('.');
  return `${seconds}.${fraction.padEnd(9, '0')}`;
}

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

/** Fails unless `actual` (a dump) is the tree `expected` describes: bytes, owners, modes, xattrs, links, and what times it states. */
export function assertTree(actual: readonly TreeLine[], expected: string, what: string): void {
  const wanted = parseTree(expected);
  const timed = new Set(wanted.filter((line) => line.mtime !== undefined).map((line) => line.path));
  const shown = actual.map((line) => {
    const copy = { ...line };
    if (!timed.has(line.path)) delete copy.mtime;
    return copy;
  });
  const is = formatTree(shown).split('\n');
  const should = formatTree(withParents(wanted)).split('\n');
  if (is.join('\n') === should.join('\n')) return;
  const lines = [
    ...should.filter((line) => !is.includes(line)).map((line) => `- ${line}`),
    ...is.filter((line) => !should.includes(line)).map((line) => `+ ${line}`),
  ];
  assert.fail(`${what} (- missing, + too much)\n${lines.sort((a, b) => (a.slice(2) < b.slice(2) ? -1 : 1)).join('\n')}`);
}

/** A tree that names `d/a` only has a plain `d` too. */
function withParents(lines: readonly TreeLine[]): TreeLine[] {
  const known = new Set(lines.filter((line) => line.kind !== 'opaque' && line.kind !== 'redirect').map((line) => line.path));
  const added: TreeLine[] = [];
  for (const { path } of lines) {
    for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) {
      const parent = path.slice(0, at);
      if (!known.has(parent)) added.push({ kind: 'dir', path: parent, xattrs: new Map() });
      known.add(parent);
    }
  }
  for (const { kind, path } of lines) {
    if ((kind === 'opaque' || kind === 'redirect') && path !== '' && !known.has(path)) {
      known.add(path);
      added.push({ kind: 'dir', path, xattrs: new Map() });
    }
  }
  return [...lines, ...added];
}
