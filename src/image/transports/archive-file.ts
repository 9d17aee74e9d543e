/** An image archive's outer tar: its members by name, found without reading their bytes (S-6: no order is relied on). */

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { PlyfsError } from '../../base/errors.js';
import { overLimit, readLimits } from '../../base/limits.js';
import { textFromName } from '../../base/name.js';
import type { FileRange } from '../../oci/source.js';
import type { TarEntry } from '../../tar/entry.js';
import { TarParser } from '../../tar/parser.js';
import { type Members, readRange } from './members.js';

/** A tar with this many entries and none of an image archive's documents among them is taken for a root file system. */
const rootfsAfterEntries = 20_000;
const linkDepthLimit = 40;
const windowBytes = 64 * 1024;

type Member = { kind: 'file'; start: number; size: number; isSparse: boolean } | { kind: 'link'; target: string };

/** Documents that make a tar an image archive (S-1 to S-3, O-1). */
const documents = ['manifest.json', 'oci-layout', 'index.json', 'repositories'];

export class ArchiveFile implements Members {
  private readonly members = new Map<string, Member>();
  /** Top-level names of directories that root file systems have and image archives lack. */
  private looksLikeRoot = false;
  private entries = 0;
  /** docker writes 4 or so for each layer. */
  private readonly membersMax = readLimits().members;

  private constructor(
    readonly label: string,
    private readonly path: string,
  ) {}

  /** Reads the headers of the uncompressed tar at `path`. PlyfsError BAD_TAR, OVER_LIMIT for a malformed one; `label` names it. */
  static open(path: string, label = path): ArchiveFile {
    const archive = new ArchiveFile(label, path);
    const fd = openSync(path, 'r');
    try {
      archive.scan(fd);
    } finally {
      closeSync(fd);
    }
    return archive;
  }

  private scan(fd: number): void {
    const { size } = fstatSync(fd);
    const parser = new TarParser((entry) => this.take(entry));
    const window = Buffer.alloc(windowBytes);
    for (let at = 0; at < size && !this.isEnough(); ) {
      const count = readSync(fd, window, 0, windowBytes, at);
      if (count === 0) break;
      parser.push(window.subarray(0, count));
      at += count;
      const skipped = Math.min(parser.skippable, size - at);
      parser.skip(skipped);
      at += skipped;
    }
    if (this.isEnough()) return;
    parser.end();
    if (parser.endedAt !== undefined) this.refuseMore(fd, parser.endedAt, size);
  }

  /** Zeros may follow the end of a tar, another archive (`cat a.tar b.tar`) would be passed over in silence. */
  private refuseMore(fd: number, from: number, size: number): void {
    const window = Buffer.alloc(windowBytes);
    for (let at = from; at < size; ) {
      const count = readSync(fd, window, 0, windowBytes, at);
      if (count === 0) return;
      if (window.subarray(0, count).some((byte) => byte !== 0)) {
        throw new PlyfsError(
          'archive',
          `${this.label} goes on after its end at byte ${from}: load archives that were put together one by one`,
        );
      }
      at += count;
    }
  }

  /** It cannot be an image archive any more. */
  private isEnough(): boolean {
    return this.entries >= rootfsAfterEntries && !documents.some((name) => this.members.has(name));
  }

  private take(entry: TarEntry): void {
    this.entries++;
    const name = memberName(textFromName(entry.path));
    if (name === undefined)
      throw new PlyfsError('archive', `${this.label} has an entry "${textFromName(entry.path)}", which climbs out of it`);
    if (/^(etc|usr|bin|var|proc)(\/|$)/.test(name)) this.looksLikeRoot = true;
    if (this.members.size >= this.membersMax)
      throw overLimit(`${this.label} has more than ${this.membersMax} members`, 'members');
    if (entry.type === 'file') {
      this.members.set(name, { kind: 'file', start: entry.dataAt, size: entry.size, isSparse: entry.extents !== undefined });
    } else if (entry.type === 'symlink' || entry.type === 'hardlink') {
      const target = textFromName(entry.link);
      const from = entry.type === 'symlink' ? name.slice(0, name.lastIndexOf('/') + 1) : '';
      this.members.set(name, { kind: 'link', target: target.startsWith('/') ? target : from + target });
    }
  }

  /** Whether it is a root file system: it has none of the documents of an image archive, or they are files of its own that say something
   *  else and nothing that documents name lies beside them. */
  get isRootfs(): boolean {
    const present = documents.filter((name) => this.members.get(name) !== undefined);
    if (present.length === 0) return true;
    if (present.some((name) => this.isSparse(name) || saysImage(name, this.head(name)))) return false;
    return this.looksLikeRoot || !this.hasImageParts();
  }

  /** Blobs of a layout, or layers of docker's: beside documents that cannot be read it is a broken image archive. */
  private hasImageParts(): boolean {
    for (const name of this.members.keys())
      if (/^blobs\/sha(256|512)\/[0-9a-f]+$|(^|\/)layer\.tar$|^[0-9a-f]{64}\.(json|tar)$/.test(name)) return true;
    return false;
  }

  /** What it says is not seen here; who reads it refuses it by its name. */
  private isSparse(name: string): boolean {
    const member = this.members.get(name);
    return member?.kind === 'file' && member.isSparse;
  }

  /** A document, if it is a file of a document's size. */
  private head(name: string): Buffer | undefined {
    const member = this.members.get(name);
    if (member?.kind !== 'file' || member.isSparse || member.size > readLimits().manifestBytes) return undefined;
    return readRange({ path: this.path, start: member.start, size: member.size });
  }

  private range(name: string, { start, size, isSparse }: Extract<Member, { kind: 'file' }>): FileRange {
    if (isSparse) throw new PlyfsError('archive', `${name} in ${this.label} is a sparse file: it cannot be read in place`);
    return { path: this.path, start, size };
  }

  find(name: string): FileRange | undefined {
    let at: string | undefined = memberName(name);
    for (let depth = 0; depth < linkDepthLimit; depth++) {
      if (at === undefined) throw new PlyfsError('archive', `${name} in ${this.label} links to something outside it`);
      const member = this.members.get(at);
      if (member === undefined) return undefined;
      if (member.kind === 'file') return this.range(name, member);
      at = memberName(member.target);
    }
    throw new PlyfsError('archive', `${name} in ${this.label} is a loop of links`);
  }
}

/** Whether the document `name` with these bytes is one of an image archive: by the fields that it has. */
function saysImage(name: string, bytes: Buffer | undefined): boolean {
  let value: unknown;
  try {
    value = bytes === undefined ? undefined : JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return false;
  }
  const has = (item: unknown, field: string): boolean => typeof item === 'object' && item !== null && Object.hasOwn(item, field);
  switch (name) {
    case 'manifest.json':
      return Array.isArray(value) && (value.length === 0 || value.some((item) => has(item, 'Config') || has(item, 'Layers')));
    case 'oci-layout':
      return has(value, 'imageLayoutVersion');
    case 'index.json':
      return has(value, 'manifests');
    default:
      return false;
  }
}

/** A path without `./`, doubled and leading slashes and with `..` resolved; undefined where it climbs out. */
export function memberName(path: string): string | undefined {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') {
      if (parts.pop() === undefined) return undefined;
    } else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}
