/** Reads a real directory back into the tree language: kind, mode, owner, links, content, times, xattrs, device numbers, and what is
 *  inconsistent in it. As a program: `node dist/test/support/dump.js [--layer] DIRECTORY`. Only child processes may point it at a mount. */

import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';
import { errno, errnoName } from '../../src/base/errno.js';
import { FsError } from '../../src/base/errors.js';
import { kindName, typeOfMode } from '../../src/base/mode.js';
import * as libc from './libc.js';
import { ContentDigest, escapeText, formatTree, type TreeKind, type TreeLine } from './tree.js';

export interface Dump {
  lines: TreeLine[];
  /** What no file system may show: d_ino that is not st_ino, a wrong d_type, a name twice, errors. Empty is good. */
  problems: string[];
}

export interface DumpOptions {
  /** Reads a layer as it lies on the disk: markers become `whiteout`, `opaque` and `redirect` lines in whatever spelling. */
  isLayer?: boolean;
}

/** Everything below `root`, and `root` itself as path ''. */
export function dumpTree(root: string, options: DumpOptions = {}): Dump {
  const walk = new Walk(options.isLayer === true);
  walk.directory(libc.open(root, readDirectory), '');
  return { lines: walk.lines, problems: walk.problems };
}

const longContent = 4096;

/** Looking must not change what is looked at. */
const readDirectory = libc.openFlags.O_RDONLY | libc.openFlags.O_DIRECTORY | libc.openFlags.O_NOATIME;
const readFile = libc.openFlags.O_RDONLY | libc.openFlags.O_NOFOLLOW | libc.openFlags.O_NOATIME;

class Walk {
  readonly lines: TreeLine[] = [];
  readonly problems: string[] = [];
  private readonly firstNames = new Map<bigint, string>();

  constructor(private readonly isLayer: boolean) {}

  /** Takes over `fd`. Children are reached through /proc/self/fd, so depth is no limit. */
  directory(fd: number, path: string): void {
    const here = `/proc/self/fd/${fd}`;
    const line = this.object(`${here}/.`, path, libc.fstat(fd));
    this.lines.push(line);
    if (this.isLayer) this.directoryMarkers(line);
    const seen = new Set<string>();
    for (const entry of this.entries(fd, path)) {
      if (seen.has(entry.name)) this.problems.push(`${escapeText(path)}: ${escapeText(entry.name)} listed twice`);
      seen.add(entry.name);
      if (entry.name !== '.' && entry.name !== '..') this.child(here, path, entry);
    }
    libc.close(fd);
  }

  private entries(fd: number, path: string): libc.Dirent[] {
    const all: libc.Dirent[] = [];
    try {
      for (let some = libc.getdents(fd); some.length > 0; some = libc.getdents(fd)) all.push(...some);
    } catch (error) {
      this.refused(path, error);
    }
    return all.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  private child(here: string, parent: string, entry: libc.Dirent): void {
    const path = parent === '' ? entry.name : `${parent}/${entry.name}`;
    try {
      const stat = libc.lstat(`${here}/${entry.name}`);
      if (!this.isLayer) this.checkEntry(path, entry, stat);
      if (kindName(typeOfMode(stat.mode)) === 'dir') {
        this.directory(libc.open(`${here}/${entry.name}`, readDirectory), path);
      } else this.nonDirectory(`${here}/${entry.name}`, path, stat);
    } catch (error) {
      this.refused(path, error);
    }
  }

  private refused(path: string, error: unknown): void {
    if (!(error instanceof FsError)) throw error;
    this.problems.push(`${escapeText(path)}: ${error.detail} gave ${errnoName(error.errno)}`);
  }

  private checkEntry(path: string, entry: libc.Dirent, stat: libc.Stat): void {
    if (entry.ino !== stat.ino) this.problems.push(`${escapeText(path)}: d_ino ${entry.ino} but st_ino ${stat.ino}`);
    const type = typeOfMode(stat.mode);
    if (entry.type !== 0 && entry.type !== type) this.problems.push(`${escapeText(path)}: d_type ${entry.type} but kind ${type}`);
  }

  private nonDirectory(at: string, path: string, stat: libc.Stat): void {
    const marker = this.isLayer ? this.whiteout(at, path, stat) : undefined;
    if (marker === 'hidden') return;
    const first = this.firstNames.get(stat.ino);
    if (marker !== undefined) this.lines.push({ kind: 'whiteout', path: marker.path, xattrs: new Map() });
    else if (first !== undefined) this.lines.push({ kind: 'link', path, target: first, xattrs: new Map() });
    else {
      this.firstNames.set(stat.ino, path);
      this.lines.push(this.object(at, path, stat));
    }
  }

  private object(at: string, path: string, stat: libc.Stat): TreeLine {
    // The names of base/mode.ts are the kinds of the tree language.
    const kind = kindName(typeOfMode(stat.mode)) as TreeKind;
    const line: TreeLine = {
      kind,
      path,
      mode: stat.mode & 0o7777,
      uid: stat.uid,
      gid: stat.gid,
      mtime: stat.mtime,
      xattrs: this.xattrs(at),
    };
    if (kind !== 'dir') line.nlink = stat.nlink;
    if (kind === 'symlink') line.target = libc.readlink(at);
    if (kind === 'chr' || kind === 'blk') line.rdev = `${stat.rdevMajor}:${stat.rdevMinor}`;
    if (kind === 'file') this.content(at, path, stat, line);
    if (this.isLayer && kind !== 'dir') this.hideBookkeeping(line);
    return line;
  }

  private content(at: string, path: string, stat: libc.Stat, line: TreeLine): void {
    const fd = libc.open(at, readFile);
    line.size = stat.size;
    if (stat.size <= longContent) {
      line.content = libc.readAll(fd);
      if (line.content.length !== stat.size)
        this.problems.push(`${escapeText(path)}: st_size ${stat.size} but ${line.content.length} bytes read`);
    } else line.digest = digestFile(fd);
    libc.close(fd);
  }

  private xattrs(at: string): Map<string, Buffer> {
    const all = new Map<string, Buffer>();
    for (const name of libc.listxattr(at)) all.set(name, libc.getxattr(at, name));
    return all;
  }

  private directoryMarkers(line: TreeLine): void {
    for (const space of ['trusted', 'user']) {
      if (line.xattrs.get(`${space}.overlay.opaque`)?.toString() === 'y') this.marker('opaque', line.path);
      const target = line.xattrs.get(`${space}.overlay.redirect`)?.toString('latin1');
      if (target !== undefined) this.marker('redirect', line.path, target);
    }
    if (line.xattrs.has('user.fuseoverlayfs.opaque')) this.marker('opaque', line.path);
    this.hideBookkeeping(line);
  }

  private hideBookkeeping(line: TreeLine): void {
    for (const name of line.xattrs.keys()) {
      if (name.endsWith('.overlay.metacopy'))
        this.problems.push(`${escapeText(line.path)}: metacopy in a layer that should have none`);
      if (isBookkeeping(name)) line.xattrs.delete(name);
    }
  }

  private marker(kind: 'opaque' | 'redirect', path: string, target?: string): void {
    if (this.lines.some((line) => line.kind === kind && line.path === path)) return;
    this.lines.push({ kind, path, xattrs: new Map(), ...(target === undefined ? {} : { target }) });
  }

  /** The name that an object of a layer whites out, 'hidden' for other marker files, undefined for an ordinary object. */
  private whiteout(at: string, path: string, stat: libc.Stat): { path: string } | 'hidden' | undefined {
    const parent = dirname(path) === '.' ? '' : `${dirname(path)}/`;
    const name = path.slice(parent.length);
    if (kindName(typeOfMode(stat.mode)) === 'chr' && stat.rdevMajor === 0 && stat.rdevMinor === 0) return { path };
    if (name === '.wh..wh..opq') {
      this.marker('opaque', parent.slice(0, -1));
      return 'hidden';
    }
    if (name.startsWith('.wh.')) return { path: parent + name.slice(4) };
    const names = kindName(typeOfMode(stat.mode)) === 'file' ? libc.listxattr(at) : [];
    return names.includes('trusted.overlay.whiteout') || names.includes('user.overlay.whiteout') ? { path } : undefined;
  }
}

/** Reads the data parts of an open file alone. */
function digestFile(fd: number): string {
  const digest = new ContentDigest();
  const buffer = Buffer.allocUnsafe(1 << 20);
  for (let at = nextData(fd, 0); at !== undefined; ) {
    at -= at % 4096;
    const count = libc.preadInto(fd, buffer, at);
    if (count === 0) break;
    digest.update(buffer.subarray(0, count), at);
    // A short read in the middle of a file would shift the blocks.
    at = nextData(fd, count === buffer.length ? at + count : Math.ceil((at + count) / 4096) * 4096);
  }
  return digest.text();
}

/** Where data begins at or after `offset`; undefined at the end. */
function nextData(fd: number, offset: number): number | undefined {
  try {
    return libc.lseek(fd, offset, 3);
  } catch (error) {
    if (error instanceof FsError && error.errno === errno.ENXIO) return undefined;
    throw error;
  }
}

/** Overlay's own attributes, but not those of a nested overlay (overlay.overlay.*). */
function isBookkeeping(name: string): boolean {
  return /^(trusted|user)\.(overlay\.(?!overlay\.)|fuseoverlayfs\.)/.test(name) || name === 'user.containers.override_stat';
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [root = '.'] = process.argv.slice(2).filter((word) => word !== '--layer');
  const dump = dumpTree(root, { isLayer: process.argv.includes('--layer') });
  console.log(formatTree(dump.lines));
  for (const problem of dump.problems) console.error(problem);
  process.exitCode = dump.problems.length === 0 ? 0 : 1;
}
