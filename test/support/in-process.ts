/** The engine in process: the operations of a case on an OverlayFs, without a mount. What the kernel's VFS does before it asks a file
 *  system (finding paths, EEXIST, EISDIR, name lengths) is done here. Root alone asks. */

import { Attributes } from '../../src/base/attributes.js';
import { type ErrnoName, errno } from '../../src/base/errno.js';
import { FsError } from '../../src/base/errors.js';
import { isDirectory, isRegular, isSymlink, kindName, S_IFMT, typeOfMode } from '../../src/base/mode.js';
import type { Name } from '../../src/base/name.js';
import { Counters } from '../../src/observe/counters.js';
import type { OverlayConfig } from '../../src/overlay/config.js';
import { openOverlay } from '../../src/overlay/open.js';
import { copyData, copyFileRange, fdatasync, fsync } from '../../src/sys/file.js';
import { type Caller, Deferred, type FileSystem, type NodeId, rootNode } from '../../src/vfs/filesystem.js';
import { leave } from '../../src/vfs/walk.js';
import { accessAclName, aclFromText, defaultAclName, textFromAcl } from './acl.js';
import type { StackPaths } from './implementers.js';
import { dataOf, showData, wordsOf } from './operations.js';
import { digestOf, escapeText, type TreeKind, type TreeLine, unescapeText } from './tree.js';

interface Handle {
  node: NodeId;
  isReadable: boolean;
  isWritable: boolean;
  isAppending: boolean;
}

function refuse(name: ErrnoName): never {
  throw new FsError(errno[name]);
}

/** A Name is any latin1 text. */
function nameOf(text: string): Name {
  return unescapeText(text) as Name;
}

const never = 'omit';

/** The engine on a stage's directories, with the options of a plain mount but for `other`. Changes the process's umask. */
export function openEngine(
  { lower, upper, work }: Omit<StackPaths, 'target'>,
  other: Partial<OverlayConfig> = {},
): InProcessView {
  const writable = upper === undefined || work === undefined ? {} : { upper, work };
  const rest = {
    isVolatile: false,
    staticNlink: false,
    xino: 'auto',
    whNames: 'refuse',
    redirectDir: true,
    posixAcl: true,
    accessTimes: { files: 'relative', directories: 'relative' },
  } as const;
  return new InProcessView(openOverlay({ layers: lower, ...writable, ...rest, ...other }, new Counters()));
}

export class InProcessView {
  private readonly caller: Caller = { uid: 0, gid: 0, pid: 1, umask: 0o022 };
  private readonly attributes = new Attributes();
  private readonly handles = new Map<string, Handle>();

  constructor(readonly fs: FileSystem) {}

  /** The line's result as text, or the name of its errno. */
  run(line: string): string {
    const words = wordsOf(line);
    const [name = '', ...rest] = words[1] === '=' ? [words[2] ?? '', words[0] ?? '', ...words.slice(3)] : words;
    const row = this.table[name];
    if (row === undefined) throw new Error(`not in process: ${line}`);
    try {
      return row(...rest) ?? 'ok';
    } catch (error) {
      if (!(error instanceof FsError)) throw error;
      const name = Object.entries(errno).find(([, number]) => number === error.errno)?.[0];
      return name ?? `E${error.errno}`;
    }
  }

  /** Whether every operation of these can run here. */
  static knows(operation: string): boolean {
    return Object.hasOwn(new InProcessView(undefined as unknown as FileSystem).table, operation); // the table alone is looked at
  }

  close(): void {
    for (const { node } of this.handles.values()) {
      this.fs.release(node);
      leave(this.fs, node);
    }
    this.handles.clear();
    this.fs.destroy();
  }

  // ---- paths ---------------------------------------------------------------------------------------------------------------------

  /** Does `use` with the directory and the last name of a path. */
  private at<T>(path: string, use: (parent: NodeId, name: Name) => T): T {
    const parts = path.split('/').map(nameOf);
    const name = parts.pop()!;
    const parent = this.resolve(rootNode, parts, true, 0);
    try {
      if (!isDirectory(this.stat(parent).mode)) refuse('ENOTDIR');
      if (name.length > 255) refuse('ENAMETOOLONG');
      return use(parent, name);
    } finally {
      leave(this.fs, parent);
    }
  }

  /** Does `use` with the object at a path. */
  private on<T>(path: string, use: (node: NodeId) => T, follows = false): T {
    const parts = path === '.' ? [] : path.split('/').map(nameOf);
    const node = this.resolve(rootNode, parts, follows, 0);
    try {
      return use(node);
    } finally {
      leave(this.fs, node);
    }
  }

  /** The node, with a reference. Symlinks on the way are followed, the last one if `follows`; absolute ones lead out of the view. */
  private resolve(start: NodeId, parts: readonly Name[], follows: boolean, depth: number): NodeId {
    let node = start;
    if (node !== rootNode) this.fs.reference(node);
    for (const [i, part] of parts.entries()) {
      const parent = node;
      try {
        if (!isDirectory(this.stat(parent).mode)) refuse('ENOTDIR');
        if (part === '.') continue;
        if (part.length > 255) refuse('ENAMETOOLONG');
        node = this.fs.lookup(parent, part) ?? refuse('ENOENT');
        if ((i < parts.length - 1 || follows) && isSymlink(this.stat(node).mode)) node = this.followed(parent, node, depth);
      } finally {
        if (node !== parent) leave(this.fs, parent);
      }
    }
    return node;
  }

  private followed(parent: NodeId, link: NodeId, depth: number): NodeId {
    const target = this.fs.readlink(link);
    leave(this.fs, link);
    if (target.startsWith('/') || target.includes('..')) refuse('ENOENT');
    if (depth > 40) refuse('ELOOP');
    return this.resolve(parent, target.split('/') as Name[], true, depth + 1); // parts of a Name are Names
  }

  private stat(node: NodeId, withBirthTime = false): Attributes {
    this.fs.getattr(node, this.attributes, withBirthTime);
    return this.attributes;
  }

  /** Runs what may have to wait for bytes, doing the job here. */
  private wait<T>(work: () => T): T {
    for (;;) {
      try {
        return work();
      } catch (error) {
        if (!(error instanceof Deferred)) throw error;
        const { failure, result } = doJob(error);
        error.finish(failure, result);
        if (failure !== 0) throw new FsError(failure);
        if (error.resume === 'retry') continue;
        return result as T; // an operation that is answered by its job returns the job's number
      }
    }
  }

  // ---- open files ----------------------------------------------------------------------------------------------------------------

  private open(path: string, words: readonly string[]): Handle {
    const has = (word: string) => words.includes(word);
    const isWritable = has('w') || has('rw');
    const mode = Number.parseInt(words.find((word) => /^0\d+$/.test(word)) ?? '0644', 8);
    if (has('tmpfile'))
      return this.hold(
        this.on(path, (parent) => this.fs.tmpfile(parent, mode & ~this.caller.umask, this.caller)),
        words,
      );
    if (has('creat')) {
      const isMade = this.at(path, (parent, name) => {
        const there = this.fs.lookup(parent, name);
        if (there !== undefined) leave(this.fs, there);
        if (there !== undefined) return false;
        leave(
          this.fs,
          this.wait(() => this.fs.mknod(parent, name, 0o100000 | mode, 0, this.caller)),
        );
        return true;
      });
      if (!isMade && has('excl')) refuse('EEXIST');
    }
    return this.on(
      path,
      (node) => {
        const { mode } = this.stat(node);
        if (isSymlink(mode)) refuse('ELOOP');
        if (isDirectory(mode) && (isWritable || has('creat'))) refuse('EISDIR');
        if (has('dir') && !isDirectory(mode)) refuse('ENOTDIR');
        if (typeOfMode(mode) === 12) refuse('ENXIO');
        if (isWritable && this.fs.isReadOnly) refuse('EROFS');
        if (has('trunc') && isRegular(mode)) this.wait(() => this.fs.setattr(node, { size: 0 }, this.caller));
        return this.hold(this.fs.reference(node), words);
      },
      !has('nofollow') && !has('excl'),
    );
  }

  /** Takes over a reference. */
  private hold(node: NodeId, words: readonly string[]): Handle {
    this.wait(() => this.fs.open(node, words.includes('rw') ? 2 : words.includes('w') ? 1 : 0));
    return {
      node,
      isReadable: !words.includes('w'),
      isWritable: words.includes('w') || words.includes('rw'),
      isAppending: words.includes('append'),
    };
  }

  private drop({ node }: Handle): void {
    this.fs.release(node);
    leave(this.fs, node);
  }

  private withOpen<T>(path: string, words: readonly string[], use: (handle: Handle) => T): T {
    const handle = this.open(path, words);
    try {
      return use(handle);
    } finally {
      this.drop(handle);
    }
  }

  private handle(name: string): Handle {
    const handle = this.handles.get(name);
    if (handle === undefined) throw new Error(`nothing is open as ${name}`);
    return handle;
  }

  private read({ node, isReadable }: Handle, offset: number, length: number): Buffer {
    if (!isReadable) refuse('EBADF');
    if (isDirectory(this.stat(node).mode)) refuse('EISDIR');
    const buffer = Buffer.alloc(length);
    return buffer.subarray(0, this.fs.read(node, offset, buffer, 0, length));
  }

  private readAll(node: NodeId): Buffer {
    const { size } = this.stat(node);
    const buffer = Buffer.alloc(size);
    return buffer.subarray(0, this.fs.read(node, 0, buffer, 0, size));
  }

  private write({ node, isWritable, isAppending }: Handle, offset: number | undefined, data: Buffer): number {
    if (!isWritable) refuse('EBADF');
    if (data.length === 0) return 0;
    const at = isAppending || offset === undefined ? this.stat(node).size : offset;
    return this.wait(() => this.fs.write(node, at, data, 0, data.length, false));
  }

  private writable(name: string): Handle {
    const handle = this.handle(name);
    return handle.isWritable ? handle : refuse('EBADF');
  }

  // ---- directories ---------------------------------------------------------------------------------------------------------------

  private list(node: NodeId): { name: Name; ino: number; type: number }[] {
    if (!isDirectory(this.stat(node).mode)) refuse('ENOTDIR');
    const all: { name: Name; ino: number; type: number }[] = [];
    // In small steps, as a driver whose buffer is full: the offset of the last entry taken is where it goes on.
    for (let offset = 0, taken = 1; taken > 0; ) {
      taken = 0;
      this.fs.readdir(node, offset, (name, _node, ino, type, next) => {
        if (taken === 7) return false;
        taken++;
        offset = next;
        if (name !== '.' && name !== '..') all.push({ name, ino, type });
        return true;
      });
    }
    return all;
  }

  private removeTree(parent: NodeId, name: Name): void {
    const node = this.fs.lookup(parent, name) ?? refuse('ENOENT');
    try {
      for (const child of this.list(node)) {
        if (child.type === 4) this.removeTree(node, child.name);
        else this.wait(() => this.fs.unlink(node, child.name));
      }
    } finally {
      leave(this.fs, node);
    }
    this.wait(() => this.fs.rmdir(parent, name));
  }

  private make(path: string, make: (parent: NodeId, name: Name) => NodeId): void {
    this.at(path, (parent, name) => {
      const there = this.fs.lookup(parent, name);
      if (there !== undefined) leave(this.fs, there);
      if (there !== undefined) refuse('EEXIST');
      if (this.fs.isReadOnly) refuse('EROFS');
      leave(
        this.fs,
        this.wait(() => make(parent, name)),
      );
    });
  }

  private remove(path: string, isDir: boolean): void {
    this.at(path, (parent, name) => {
      if (name === '.') refuse('EINVAL');
      const node = this.fs.lookup(parent, name) ?? refuse('ENOENT');
      const isReally = isDirectory(this.stat(node).mode);
      leave(this.fs, node);
      if (this.fs.isReadOnly) refuse('EROFS');
      if (isReally && !isDir) refuse('EISDIR');
      if (!isReally && isDir) refuse('ENOTDIR');
      this.wait(() => (isDir ? this.fs.rmdir(parent, name) : this.fs.unlink(parent, name)));
    });
  }

  /** do_renameat2 and vfs_rename: what they settle before the file system is asked. */
  private rename(from: string, to: string, words: readonly string[]): void {
    const [noReplace, exchange, whiteout] = ['noreplace', 'exchange', 'whiteout'].map((word) => words.includes(word));
    if (exchange === true && (noReplace === true || whiteout === true)) refuse('EINVAL');
    this.at(from, (parent, name) =>
      this.at(to, (newParent, newName) => {
        const source = this.fs.lookup(parent, name) ?? refuse('ENOENT');
        const target = this.fs.lookup(newParent, newName);
        try {
          if (this.fs.isReadOnly) refuse('EROFS');
          if (noReplace === true && target !== undefined) refuse('EEXIST');
          if (exchange === true && target === undefined) refuse('ENOENT');
          if (`${to}/`.startsWith(`${from}/`) && to !== from) refuse('EINVAL');
          if (`${from}/`.startsWith(`${to}/`) && to !== from) refuse(exchange === true ? 'EINVAL' : 'ENOTEMPTY');
          if (source === target) return;
          if (target !== undefined && exchange !== true) {
            const isDir = isDirectory(this.stat(source).mode);
            if (isDirectory(this.stat(target).mode) !== isDir) refuse(isDir ? 'ENOTDIR' : 'EISDIR');
          }
          const flags = (noReplace === true ? 1 : 0) | (exchange === true ? 2 : 0) | (whiteout === true ? 4 : 0);
          this.wait(() => this.fs.rename(parent, name, newParent, newName, flags, this.caller));
        } finally {
          leave(this.fs, source);
          if (target !== undefined) leave(this.fs, target);
        }
      }),
    );
  }

  // ---- the rows, as in operations.ts -----------------------------------------------------------------------------------------------

  private setattr(node: NodeId, change: Parameters<FileSystem['setattr']>[1]): void {
    if (this.fs.isReadOnly) refuse('EROFS');
    this.wait(() => this.fs.setattr(node, change, this.caller));
  }

  private changeXattr(change: () => void): void {
    if (this.fs.isReadOnly) refuse('EROFS');
    this.wait(change);
  }

  private readonly table: Record<string, (...words: string[]) => string | undefined> = {
    unlink: (path = '') => void this.remove(path, false),
    rmdir: (path = '') => void this.remove(path, true),
    rmtree: (path = '') => void this.at(path, (parent, name) => this.removeTree(parent, name)),
    mkdir: (path = '', bits = '0755') =>
      void this.make(path, (p, n) => this.fs.mkdir(p, n, Number.parseInt(bits, 8), this.caller)),
    symlink: (target = '', path = '') => void this.make(path, (p, n) => this.fs.symlink(p, n, nameOf(target), this.caller)),
    mknod: (path = '', kind = '', bits = '0644', device = '0:0') => {
      const [major = 0, minor = 0] = device.split(':').map(Number);
      if (kind === 'chr' && device === '0:0') refuse('EPERM');
      const type = { file: 0o100000, fifo: 0o010000, sock: 0o140000, chr: 0o020000, blk: 0o060000 }[kind] ?? 0;
      const rdev = ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0;
      this.make(path, (p, n) => this.fs.mknod(p, n, type | Number.parseInt(bits, 8), rdev, this.caller));
      return undefined;
    },
    link: (from = '', to = '') =>
      void this.on(from, (node) =>
        this.make(to, (parent, name) => {
          if (isDirectory(this.stat(node).mode)) refuse('EPERM');
          this.fs.link(node, parent, name);
          return node;
        }),
      ),
    linkfd: (handle = '', to = '') =>
      void this.make(to, (parent, name) => {
        this.fs.link(this.handle(handle).node, parent, name);
        return this.handle(handle).node;
      }),
    rename: (from = '', to = '', ...words) => void this.rename(from, to, words),
    ls: (path = '') =>
      this.on(
        path,
        (node) =>
          this.list(node)
            .map(({ name }) => escapeText(name))
            .sort()
            .join(' '),
        true,
      ),
    count: (path = '') => this.on(path, (node) => `${new Set(this.list(node).map(({ name }) => name)).size}`),
    dino: (path = '') => this.at(path, (parent, name) => `${this.list(parent).find((entry) => entry.name === name)?.ino}`),
    many: (prefix = '', count = '0') => {
      for (let i = 0; i < Number(count); i++) this.withOpen(`${prefix}${i}`, ['w', 'creat', 'excl'], () => undefined);
      return undefined;
    },
    create: (path = '', bits = '0644') => void this.withOpen(path, ['w', 'creat', 'excl', bits], () => undefined),
    put: (path = '', data = '') =>
      void this.withOpen(path, ['w', 'creat', 'trunc'], (handle) => this.write(handle, 0, dataOf(data))),
    write: (path = '', data = '', offset = '0') =>
      void this.withOpen(path, ['w'], (handle) => this.write(handle, Number(offset), dataOf(data))),
    append: (path = '', data = '') =>
      void this.withOpen(path, ['w', 'append'], (handle) => this.write(handle, undefined, dataOf(data))),
    read: (path = '') =>
      this.withOpen(path, ['r'], (handle) =>
        isDirectory(this.stat(handle.node).mode) ? refuse('EISDIR') : showData(this.readAll(handle.node)),
      ),
    readlink: (path = '') =>
      this.on(path, (node) => (isSymlink(this.stat(node).mode) ? escapeText(this.fs.readlink(node)) : refuse('EINVAL'))),
    truncate: (path = '', size = '0') =>
      void this.on(
        path,
        (node) => {
          const { mode } = this.stat(node);
          if (!isRegular(mode)) refuse(isDirectory(mode) ? 'EISDIR' : 'EINVAL');
          this.setattr(node, { size: Number(size) });
        },
        true,
      ),
    open: (handle = '', path = '', ...words) => {
      this.handles.set(handle, this.open(path, words));
      return undefined;
    },
    close: (name = '') => {
      this.drop(this.handle(name));
      this.handles.delete(name);
      return undefined;
    },
    pread: (name = '', offset = '0', length = '100') => showData(this.read(this.handle(name), Number(offset), Number(length))),
    pwrite: (name = '', offset = '0', data = '') => `${this.write(this.handle(name), Number(offset), dataOf(data))}`,
    fwrite: (name = '', data = '') => `${this.write(this.handle(name), undefined, dataOf(data))}`,
    ftruncate: (name = '', size = '0') => void this.setattr(this.writable(name).node, { size: Number(size) }),
    fsync: (name = '') => void this.wait(() => this.fs.fsync(this.handle(name).node, false)),
    fdatasync: (name = '') => void this.wait(() => this.fs.fsync(this.handle(name).node, true)),
    fchmod: (name = '', bits = '') => void this.setattr(this.handle(name).node, { mode: Number.parseInt(bits, 8) }),
    fchown: (name = '', owner = '') => void this.setattr(this.handle(name).node, ownerOf(owner)),
    fget: (name = '', field = '') => this.field(this.handle(name).node, field),
    fgetx: (name = '', key = '') => showData(this.fs.getxattr(this.handle(name).node, key as Name) ?? refuse('ENODATA')),
    fsetx: (name = '', key = '', value = '') =>
      void this.changeXattr(() => this.fs.setxattr(this.handle(name).node, key as Name, dataOf(value), 0)),
    seekdata: (name = '', offset = '0') => `${this.fs.seek(this.handle(name).node, Number(offset), 3)}`,
    seekhole: (name = '', offset = '0') => `${this.fs.seek(this.handle(name).node, Number(offset), 4)}`,
    stat: (path = '') => this.on(path, (node) => this.field(node, 'kind')),
    get: (path = '', field = 'kind') => this.on(path, (node) => this.field(node, field)),
    chmod: (path = '', bits = '') => void this.on(path, (node) => this.setattr(node, { mode: Number.parseInt(bits, 8) }), true),
    chown: (path = '', owner = '') =>
      void this.on(path, (node) => {
        const isFile = isRegular(this.stat(node).mode);
        this.setattr(node, { ...ownerOf(owner), ...(isFile ? { killPrivileges: true } : {}) });
      }),
    utimes: (path = '', atime = '', mtime = '') =>
      void this.on(path, (node) =>
        this.setattr(node, {
          ...(atime === never ? {} : { atime: timeOf(atime) }),
          ...(mtime === never ? {} : { mtime: timeOf(mtime) }),
        }),
      ),
    access: () => undefined,
    getx: (path = '', key = '') => this.on(path, (node) => showData(this.fs.getxattr(node, key as Name) ?? refuse('ENODATA'))),
    listx: (path = '') => this.on(path, (node) => this.fs.listxattr(node).sort().join(' ')),
    rmx: (path = '', key = '') => void this.on(path, (node) => this.changeXattr(() => this.fs.removexattr(node, key as Name))),
    getacl: (path = '', which = 'access') =>
      this.on(path, (node) =>
        textFromAcl(this.fs.getxattr(node, (which === 'default' ? defaultAclName : accessAclName) as Name) ?? refuse('ENODATA')),
      ),
    setacl: (path = '', acl = '', which = 'access') =>
      void this.on(path, (node) =>
        this.changeXattr(() =>
          this.fs.setxattr(node, (which === 'default' ? defaultAclName : accessAclName) as Name, aclFromText(acl), 0),
        ),
      ),
    setx: (path = '', key = '', value = '', how = 'any') =>
      void this.on(path, (node) => {
        const { mode } = this.stat(node);
        if (key.length > 255) refuse('ERANGE');
        if (key.startsWith('user.') && !isRegular(mode) && !isDirectory(mode)) refuse('EPERM');
        this.changeXattr(() => this.fs.setxattr(node, key as Name, dataOf(value), { any: 0, create: 1, replace: 2 }[how] ?? 0));
      }),
  };

  private field(node: NodeId, field: string): string {
    const a = this.stat(node, true);
    const time = (sec: number, nsec: number) => `${sec}.${String(nsec).padStart(9, '0')}`.replace(/\.?0+$/, '');
    const fields: Record<string, () => string> = {
      kind: () => kindName(typeOfMode(a.mode)),
      mode: () => `0${(a.mode & 0o7777).toString(8).padStart(3, '0')}`,
      owner: () => `${a.uid}:${a.gid}`,
      nlink: () => `${a.nlink}`,
      size: () => `${a.size}`,
      blocks: () => `${a.blocks}`,
      ino: () => `${a.ino}`,
      dev: () => 'one',
      rdev: () => `${(a.rdev >>> 8) & 0xfff}:${((a.rdev & 0xff) | ((a.rdev >>> 12) & 0xfff00)) >>> 0}`,
      atime: () => time(a.atimeSec, a.atimeNsec),
      mtime: () => time(a.mtimeSec, a.mtimeNsec),
      ctime: () => time(a.ctimeSec, a.ctimeNsec),
      btime: () => time(a.btimeSec, a.btimeNsec),
    };
    const show = fields[field];
    if (show === undefined) throw new Error(`unknown field ${field}`);
    return show();
  }

  // ---- the whole view --------------------------------------------------------------------------------------------------------------

  /** As dump.ts, over the FileSystem. Throws Error on a d_ino or d_type that is not the object's. */
  dump(): TreeLine[] {
    const lines: TreeLine[] = [];
    const first = new Map<number, string>();
    const visit = (node: NodeId, path: string) => {
      const { mode, ino } = this.stat(node);
      const link = isDirectory(mode) ? undefined : first.get(ino);
      if (link !== undefined) lines.push({ kind: 'link', path, target: link, xattrs: new Map() });
      else lines.push(this.lineOf(node, path));
      first.set(ino, link ?? path);
      if (!isDirectory(mode)) return;
      for (const entry of this.list(node).sort((a, b) => (a.name < b.name ? -1 : 1))) {
        const child = this.fs.lookup(node, entry.name);
        if (child === undefined) throw new Error(`${path}/${entry.name} is listed but cannot be looked up`);
        const found = this.stat(child);
        if (found.ino !== entry.ino) throw new Error(`${path}/${entry.name}: d_ino ${entry.ino} but st_ino ${found.ino}`);
        if (typeOfMode(found.mode) !== entry.type) throw new Error(`${path}/${entry.name}: d_type ${entry.type}`);
        visit(child, path === '' ? entry.name : `${path}/${entry.name}`);
        leave(this.fs, child);
      }
    };
    visit(rootNode, '');
    return lines;
  }

  private lineOf(node: NodeId, path: string): TreeLine {
    const { mode, uid, gid, nlink, size, mtimeSec, mtimeNsec } = this.stat(node);
    // The names of base/mode.ts are the kinds of the tree language.
    const kind = kindName(typeOfMode(mode)) as TreeKind;
    const line: TreeLine = {
      kind,
      path,
      mode: mode & 0o7777 & ~S_IFMT,
      uid,
      gid,
      mtime: `${mtimeSec}.${String(mtimeNsec).padStart(9, '0')}`,
      xattrs: new Map(),
    };
    for (const key of this.fs.listxattr(node)) line.xattrs.set(key, this.fs.getxattr(node, key) ?? Buffer.from('vanished'));
    if (kind !== 'dir') line.nlink = nlink;
    if (kind === 'symlink') line.target = this.fs.readlink(node);
    if (kind === 'chr' || kind === 'blk') line.rdev = this.field(node, 'rdev');
    if (kind === 'file') {
      line.size = size;
      if (size <= 4096) line.content = this.readAll(node);
      else line.digest = digestOf(this.readAll(node));
    }
    return line;
  }
}

/** Does here what a driver has an I/O thread do. */
export function doJob({ job }: Deferred): { failure: number; result: number } {
  try {
    if (job.kind === 'copy') return { failure: 0, result: copyData(job.source, job.sourceStart, job.target, job.length) };
    if (job.kind === 'copy-range')
      return { failure: 0, result: copyFileRange(job.source, job.sourceOffset, job.target, job.targetOffset, job.length) };
    if (job.dataOnly) fdatasync(job.fd);
    else fsync(job.fd);
    return { failure: 0, result: 0 };
  } catch (error) {
    if (!(error instanceof FsError)) throw error;
    return { failure: error.errno, result: 0 };
  }
}

function ownerOf(word: string): { uid?: number; gid?: number } {
  const [uid = '', gid = ''] = word.split(':');
  return { ...(uid === '' ? {} : { uid: Number(uid) }), ...(gid === '' ? {} : { gid: Number(gid) }) };
}

/** 'now', or seconds and a fraction; the nanoseconds count upwards before 1970 as well. */
function timeOf(word: string): 'now' | { sec: number; nsec: number } {
  if (word === 'now') return 'now';
  const [sec = '0', fraction = ''] = word.split('.');
  return { sec: Number(sec), nsec: Number(fraction.padEnd(9, '0')) };
}
