/** The tree language in tests: it builds fixtures and states what is expected. src/image/tree/tree-language.ts writes it, this reads it.
 *  Lines end at a newline or `;`. Nothing here touches a disk.
 *
 *    dir d 0700 uid=5 gid=6            file d/a = content          file big size=1048576 at=4096 = tail   (the rest is a hole)
 *    file p pattern=7:100000           symlink l -> target         chr n 0600 1:3        fifo f           sock s
 *    link d/b -> d/a                   whiteout gone               opaque d              redirect d -> /old/place
 *
 *  Further words: mtime=SEC.NSEC, nlink=N, xattr:user.k=value, acl=u::rw-,... and default-acl=... Bytes that are not printable ASCII,
 *  blanks, backslashes and `;` are spelled \xNN. Defaults: 0755 for dir, 0777 for symlink, else 0644; uid 0, gid 0; nlink as
 *  many as the names in the tree. Times are compared only where the expectation states them. */

import assert from 'node:assert/strict';
import { formatTree, type TreeKind, type TreeLine } from '../../src/image/tree/tree-language.js';
import { accessAclName, aclFromText, defaultAclName } from './acl.js';

export {
  ContentDigest,
  defaultMode,
  digestOf,
  escapeText,
  formatLine,
  formatTree,
  type TreeKind,
  type TreeLine,
  wholeContent,
} from '../../src/image/tree/tree-language.js';

const kinds = new Set<string>(['dir', 'file', 'symlink', 'chr', 'blk', 'fifo', 'sock', 'link', 'whiteout', 'opaque', 'redirect']);

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
