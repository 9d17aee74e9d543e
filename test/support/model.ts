/** A flat model of a file system: what a view must look like after the operations of operations.ts, computed in memory and on its own.
 *  It knows names, kinds, modes, owners, contents, xattrs, links and open files, as root sees them; no times. Symlinks all lead nowhere. */

import type { ErrnoName } from '../../src/base/errno.js';
import { dataOf, showData, wordsOf } from './operations.js';
import {
  defaultMode,
  escapeText,
  formatTree,
  parseTree,
  type TreeKind,
  type TreeLine,
  unescapeText,
  wholeContent,
} from './tree.js';

interface Inode {
  kind: TreeKind;
  mode: number;
  uid: number;
  gid: number;
  content: Buffer;
  target: string;
  xattrs: Map<string, Buffer>;
  /** Of a directory. */
  names: Map<string, Inode>;
}

class Refusal extends Error {
  constructor(readonly errno: ErrnoName) {
    super(errno);
  }
}

function refuse(errno: ErrnoName): never {
  throw new Refusal(errno);
}

function makeInode(kind: TreeKind, mode = defaultMode(kind)): Inode {
  return { kind, mode, uid: 0, gid: 0, content: Buffer.alloc(0), target: '', xattrs: new Map(), names: new Map() };
}

export class Model {
  private root = makeInode('dir');
  private readonly handles = new Map<string, { inode: Inode; isWritable: boolean }>();

  /** The union of `layers` (trees with markers, top first) by the rules of the OCI image specification and overlayfs. */
  constructor(layers: readonly string[]) {
    for (const layer of [...layers].reverse()) this.putLayer(parseTree(layer));
  }

  private putLayer(lines: readonly TreeLine[]): void {
    for (const { kind, path } of lines) {
      if (kind === 'whiteout') this.remove(path);
      if (kind === 'opaque') this.tryFind(path)?.names.clear();
    }
    const made = new Map<string, Inode>();
    for (const line of lines) {
      if (line.kind === 'whiteout' || line.kind === 'opaque') continue;
      const parent = this.makeParents(line.path);
      const name = line.path.slice(line.path.lastIndexOf('/') + 1);
      const there = parent.names.get(name);
      const inode = line.kind === 'link' ? made.get(line.target ?? '') : this.inodeOf(line);
      if (inode === undefined) throw new Error(`no ${line.target} to link to`);
      if (inode.kind === 'dir' && there?.kind === 'dir') inode.names = there.names;
      parent.names.set(name, inode);
      made.set(line.path, inode);
    }
  }

  private inodeOf(line: TreeLine): Inode {
    const inode = makeInode(line.kind, line.mode);
    inode.uid = line.uid ?? 0;
    inode.gid = line.gid ?? 0;
    inode.content = wholeContent(line);
    inode.target = line.target ?? '';
    inode.xattrs = new Map(line.xattrs);
    return inode;
  }

  private makeParents(path: string): Inode {
    let inode = this.root;
    for (const part of path.split('/').slice(0, -1)) {
      const next = inode.names.get(part);
      const child = next?.kind === 'dir' ? next : makeInode('dir');
      inode.names.set(part, child);
      inode = child;
    }
    return inode;
  }

  private remove(path: string): void {
    const at = path.lastIndexOf('/');
    this.tryFind(at < 0 ? '' : path.slice(0, at))?.names.delete(path.slice(at + 1));
  }

  private tryFind(path: string): Inode | undefined {
    return path === ''
      ? this.root
      : path.split('/').reduce<Inode | undefined>((inode, part) => inode?.names.get(part), this.root);
  }

  /** The directory that `path` names an entry of. */
  private parent(path: string): { names: Map<string, Inode>; name: string; chain: Inode[] } {
    const parts = unescapeText(path).split('/');
    const chain = [this.root];
    for (const part of parts.slice(0, -1)) {
      const next = chain.at(-1)?.names.get(part) ?? refuse('ENOENT');
      if (next.kind === 'symlink') refuse('ENOENT');
      if (next.kind !== 'dir') refuse('ENOTDIR');
      chain.push(next);
    }
    return { names: chain.at(-1)!.names, name: parts.at(-1)!, chain };
  }

  private find(path: string): Inode {
    const { names, name } = this.parent(path);
    return names.get(name) ?? refuse('ENOENT');
  }

  /** As `find`, but follows: every symlink of the model leads nowhere. */
  private follow(path: string): Inode {
    const inode = this.find(path);
    return inode.kind === 'symlink' ? refuse('ENOENT') : inode;
  }

  private openFile(path: string, forWriting: boolean): Inode {
    const inode = this.follow(path);
    if (inode.kind === 'sock') refuse('ENXIO');
    if (forWriting && inode.kind === 'dir') refuse('EISDIR');
    return inode;
  }

  private create(path: string, inode: Inode): void {
    const { names, name } = this.parent(path);
    if (names.has(name)) refuse('EEXIST');
    names.set(name, inode);
  }

  private rename(from: string, to: string, flag: string): void {
    const source = this.parent(from);
    const target = this.parent(to);
    const moved = source.names.get(source.name) ?? refuse('ENOENT');
    const there = target.names.get(target.name);
    if (flag === 'noreplace' && there !== undefined) refuse('EEXIST');
    if (flag === 'exchange' && there === undefined) refuse('ENOENT');
    if (target.chain.includes(moved)) refuse('EINVAL');
    if (there !== undefined && source.chain.includes(there)) refuse(flag === 'exchange' ? 'EINVAL' : 'ENOTEMPTY');
    if (moved === there) return;
    if (there !== undefined && flag !== 'exchange') {
      if (moved.kind === 'dir' && there.kind !== 'dir') refuse('ENOTDIR');
      if (moved.kind !== 'dir' && there.kind === 'dir') refuse('EISDIR');
      if (there.names.size > 0) refuse('ENOTEMPTY');
    }
    source.names.delete(source.name);
    target.names.set(target.name, moved);
    if (flag === 'exchange' && there !== undefined) source.names.set(source.name, there);
  }

  private patch(inode: Inode, data: Buffer, offset: number): void {
    const whole = Buffer.alloc(Math.max(inode.content.length, data.length === 0 ? 0 : offset + data.length));
    inode.content.copy(whole);
    data.copy(whole, offset);
    inode.content = whole;
  }

  private resize(inode: Inode, size: number): void {
    const whole = Buffer.alloc(size);
    inode.content.copy(whole);
    inode.content = whole;
  }

  private readonly table: Record<string, (...words: string[]) => string | undefined> = {
    put: (path = '', data = '') => {
      const { names, name } = this.parent(path);
      if (!names.has(name)) names.set(name, makeInode('file'));
      const inode = this.openFile(path, true);
      inode.content = dataOf(data);
      return undefined;
    },
    write: (path = '', data = '', offset = '0') => void this.patch(this.openFile(path, true), dataOf(data), Number(offset)),
    append: (path = '', data = '') => {
      const inode = this.openFile(path, true);
      this.patch(inode, dataOf(data), inode.content.length);
      return undefined;
    },
    truncate: (path = '', size = '0') => {
      const inode = this.follow(path);
      if (inode.kind !== 'file') refuse(inode.kind === 'dir' ? 'EISDIR' : 'EINVAL');
      this.resize(inode, Number(size));
      return undefined;
    },
    read: (path = '') => {
      const inode = this.openFile(path, false);
      return inode.kind === 'dir' ? refuse('EISDIR') : showData(inode.content);
    },
    readlink: (path = '') => {
      const inode = this.find(path);
      return inode.kind === 'symlink' ? escapeText(inode.target) : refuse('EINVAL');
    },
    ls: (path = '') => {
      const inode = path === '.' ? this.root : this.follow(path);
      return inode.kind === 'dir'
        ? [...inode.names.keys()]
            .map((name) => escapeText(name))
            .sort()
            .join(' ')
        : refuse('ENOTDIR');
    },
    mkdir: (path = '') => void this.create(path, makeInode('dir')),
    symlink: (target = '', path = '') => void this.create(path, { ...makeInode('symlink'), target: unescapeText(target) }),
    mknod: (path = '') => void this.create(path, makeInode('sock')),
    link: (from = '', to = '') => {
      const inode = this.find(from);
      const { names, name } = this.parent(to);
      if (names.has(name)) refuse('EEXIST');
      if (inode.kind === 'dir') refuse('EPERM');
      names.set(name, inode);
      return undefined;
    },
    unlink: (path = '') => {
      if (this.find(path).kind === 'dir') refuse('EISDIR');
      this.remove(unescapeText(path));
      return undefined;
    },
    rmdir: (path = '') => {
      const inode = this.find(path);
      if (inode.kind !== 'dir') refuse('ENOTDIR');
      if (inode.names.size > 0) refuse('ENOTEMPTY');
      this.remove(unescapeText(path));
      return undefined;
    },
    rmtree: (path = '') => {
      if (this.find(path).kind !== 'dir') refuse('ENOTDIR');
      this.remove(unescapeText(path));
      return undefined;
    },
    rename: (from = '', to = '', flag = '') => void this.rename(from, to, flag),
    chmod: (path = '', bits = '') => {
      this.follow(path).mode = Number.parseInt(bits, 8);
      return undefined;
    },
    chown: (path = '', owner = '') => {
      const inode = this.find(path);
      [inode.uid = 0, inode.gid = 0] = owner.split(':').map(Number);
      return undefined;
    },
    setx: (path = '', name = '', value = '') => void this.find(path).xattrs.set(name, dataOf(value)),
    getx: (path = '', name = '') => showData(this.find(path).xattrs.get(name) ?? refuse('ENODATA')),
    rmx: (path = '', name = '') => (this.find(path).xattrs.delete(name) ? undefined : refuse('ENODATA')),
    stat: (path = '') => this.find(path).kind,
    open: (handle = '', path = '', how = '') => {
      const isWritable = how === 'rw';
      this.handles.set(handle, { inode: this.openFile(path, isWritable), isWritable });
      return undefined;
    },
    close: (handle = '') => void this.handles.delete(handle),
    pread: (handle = '', offset = '0', length = '100') => {
      const { inode } = this.handles.get(handle)!;
      if (inode.kind === 'dir') refuse('EISDIR');
      return showData(inode.content.subarray(Number(offset), Number(offset) + Number(length)));
    },
    pwrite: (handle = '', offset = '0', data = '') => {
      const { inode, isWritable } = this.handles.get(handle)!;
      if (!isWritable) refuse('EBADF');
      this.patch(inode, dataOf(data), Number(offset));
      return `${dataOf(data).length}`;
    },
  };

  /** What the line must return: as operations.ts writes it, or the name of an errno. */
  run(line: string): string {
    const words = wordsOf(line);
    const [name = '', ...rest] = words[1] === '=' ? [words[2] ?? '', words[0] ?? '', ...words.slice(3)] : words;
    try {
      const row = this.table[name];
      if (row === undefined) throw new Error(`not in the model: ${line}`);
      return row(...rest) ?? 'ok';
    } catch (error) {
      if (error instanceof Refusal) return error.errno;
      throw error;
    }
  }

  closeAll(): void {
    this.handles.clear();
  }

  /** Every name, spelled as operations spell it. */
  paths(): string[] {
    const all: string[] = [];
    const walk = (inode: Inode, path: string) => {
      for (const [name, child] of inode.names) {
        const here = path + escapeText(name);
        all.push(here);
        walk(child, `${here}/`);
      }
    };
    walk(this.root, '');
    return all;
  }

  /** The canonical text of the whole view, times left out. */
  dump(): string {
    const lines: TreeLine[] = [];
    const first = new Map<Inode, string>();
    const walk = (inode: Inode, path: string) => {
      const link = first.get(inode);
      if (link !== undefined) lines.push({ kind: 'link', path, target: link, xattrs: new Map() });
      else lines.push(this.lineOf(inode, path));
      first.set(inode, link ?? path);
      for (const name of [...inode.names.keys()].sort()) walk(inode.names.get(name)!, path === '' ? name : `${path}/${name}`);
    };
    walk(this.root, '');
    return formatTree(lines);
  }

  private lineOf({ kind, mode, uid, gid, content, target, xattrs }: Inode, path: string): TreeLine {
    return {
      kind,
      path,
      mode,
      uid,
      gid,
      xattrs,
      ...(kind === 'file' ? { content } : {}),
      ...(kind === 'symlink' ? { target } : {}),
    };
  }
}
