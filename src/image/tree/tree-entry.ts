/** Objects of a tree as entries of a tar, the same for commit and export (T-2, T-3, T-7). */

import { deviceMajor, deviceMinor } from '../../base/attributes.js';
import { dirType } from '../../base/mode.js';
import type { Name } from '../../base/name.js';
import { capabilityKey } from '../../sys/xattr.js';
import type { EntryType, WriteEntry } from '../../tar/entry.js';
import type { TarWriter } from '../../tar/writer.js';
import type { OpenedFile } from './content.js';
import type { NodeNumber, TreeView } from './tree-view.js';

const entryTypes = new Map<number, EntryType>([
  [dirType.reg, 'file'],
  [dirType.dir, 'dir'],
  [dirType.lnk, 'symlink'],
  [dirType.chr, 'chr'],
  [dirType.blk, 'blk'],
  [dirType.fifo, 'fifo'],
]);

/** Labels and access lists that belong to one machine's policy, not to an image (T-2, as umoci). */
const machineXattrs: readonly string[] = ['security.selinux', 'system.nfs4_acl', 'system.nfs4_dacl', 'system.nfs4_sacl'];

/** Writes objects of one tree. Files with several names carry their data under the first that is written (T-5). */
export class TreeEntries {
  /** First written name by inode number. */
  private readonly written = new Map<number, Name>();

  /** Times later than `latestSec` become it (SOURCE_DATE_EPOCH). */
  constructor(
    private readonly tree: TreeView,
    private readonly writer: TarWriter,
    private readonly latestSec: number | undefined,
  ) {}

  /** The entry of a node, its data included. False for a socket, which no tar can hold. FsError from the disk, with nothing written. */
  *write(node: NodeNumber, path: Name): Generator<Buffer, boolean> {
    const type = entryTypes.get(this.tree.type(node));
    if (type === undefined) return false;
    const entry = this.entryOf(node, path === '' ? ('.' as Name) : path, type);
    const first = type === 'dir' ? undefined : this.firstName(node, path);
    if (first !== undefined) {
      yield* this.writer.add({ ...entry, type: 'hardlink', link: first, xattrs: new Map() });
    } else if (type === 'file') {
      const file = this.openFirst(node);
      try {
        yield* this.writer.add(entry, file);
      } finally {
        file.close();
      }
    } else {
      yield* this.writer.add(entry);
    }
    return true;
  }

  /** The name is no target for links where the file has vanished. */
  private openFirst(node: NodeNumber): OpenedFile {
    try {
      return this.tree.open(node);
    } catch (error) {
      this.written.delete(this.tree.attributes(node).ino);
      throw error;
    }
  }

  /** The name under which the object was written before. Inode numbers of a view are unique, whatever layer the name is in (L-8). */
  private firstName(node: NodeNumber, path: Name): Name | undefined {
    const { ino, nlink } = this.tree.attributes(node);
    // Counted exactly where there are several (layers/union/lower-links.ts).
    if (nlink < 2) return undefined;
    const first = this.written.get(ino);
    if (first === undefined) this.written.set(ino, path);
    return first;
  }

  private entryOf(node: NodeNumber, path: Name, type: EntryType): WriteEntry {
    const { mode, uid, gid, mtimeSec, mtimeNsec, rdev } = this.tree.attributes(node);
    const isLate = this.latestSec !== undefined && mtimeSec >= this.latestSec;
    const isDevice = type === 'chr' || type === 'blk';
    return {
      type,
      path,
      mode: mode & 0o7777,
      uid,
      gid,
      mtimeSec: isLate ? this.latestSec! : mtimeSec, // isLate says that it is there
      mtimeNsec: isLate ? 0 : mtimeNsec,
      xattrs: storedXattrs(this.tree, node),
      ...(isDevice ? { deviceMajor: deviceMajor(rdev), deviceMinor: deviceMinor(rdev) } : {}),
      ...(type === 'symlink' ? { link: this.tree.readlink(node) } : {}),
    };
  }
}

/** The xattrs that go into a tar. */
export function storedXattrs(tree: TreeView, node: NodeNumber): Map<Name, Buffer> {
  const shown = tree.shownXattrs(node);
  if (shown.size === 0) return shown;
  const kept = [...shown].filter(([key]) => !machineXattrs.includes(key));
  return new Map(kept.map(([key, value]) => [key, key === capabilityKey ? plainCapability(value) : value]));
}

/** A capability that counts in one user namespace only (VFS_CAP_REVISION_3, its last word the root's id) as one that counts everywhere. */
function plainCapability(value: Buffer): Buffer {
  if (value.length !== 24 || value[3] !== 3) return value;
  const plain = Buffer.from(value.subarray(0, 20));
  plain[3] = 2;
  return plain;
}
