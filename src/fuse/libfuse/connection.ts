/** What an operation works with: the file system, who is taken for the caller, open files, and ways from a path to its node. */

import { Attributes } from '../../base/attributes.js';
import { errno } from '../../base/errno.js';
import { FsError } from '../../base/errors.js';
import type { Name } from '../../base/name.js';
import type { Counters } from '../../observe/counters.js';
import type { Caller, FileSystem, NodeId } from '../../vfs/filesystem.js';
import { findNode, leave, namesOf } from '../../vfs/walk.js';
import { NativeRecord } from './native-record.js';
import { NativeOpenFiles } from './open-files.js';

export class NativeConnection {
  readonly attributes = new Attributes();
  readonly openFiles: NativeOpenFiles;
  /** libfuse knows the caller, the addon does not tell: new files are the daemon's. The kernel has applied the umask already. */
  readonly caller: Caller = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0, pid: 0, umask: 0 };
  /** Of the call at hand. */
  record = new NativeRecord(Buffer.alloc(0));

  constructor(
    readonly fs: FileSystem,
    readonly counters: Counters,
    readonly isVolatile: boolean,
  ) {
    this.openFiles = new NativeOpenFiles(fs);
  }

  /** What `use` makes of the node at `path`. ENOENT where there is none. */
  at<T>(path: Name, use: (node: NodeId) => T): T {
    const node = this.find(path);
    if (node === undefined) throw new FsError(errno.ENOENT);
    try {
      return use(node);
    } finally {
      leave(this.fs, node);
    }
  }

  /** What `use` makes of the directory of `path` and the name in it. */
  within<T>(path: Name, use: (parent: NodeId, name: Name) => T): T {
    const names = namesOf(path);
    const name = names.pop();
    const parent = name === undefined ? undefined : findNode(this.fs, names);
    if (name === undefined || parent === undefined) throw new FsError(errno.ENOENT);
    try {
      return use(parent, name);
    } finally {
      leave(this.fs, parent);
    }
  }

  /** What `use` makes of the open file `fd`; of the one at `path` where libfuse has no number. */
  open<T>(path: Name, fd: number, use: (node: NodeId) => T): T {
    const node = this.openFiles.find(fd);
    return node === undefined ? this.at(path, use) : use(node);
  }

  private find(path: Name): NodeId | undefined {
    const names = namesOf(path);
    const hidden = this.openFiles.findHidden(names.at(-1) ?? ('' as Name)); // no file has this name
    if (hidden === undefined) return findNode(this.fs, names);
    this.fs.reference(hidden);
    return hidden;
  }
}
