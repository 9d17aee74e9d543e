/** Identities that outlive a mount: file handles and the UUID of a file system. */

import { errno } from '../base/errno.js';
import { FsError } from '../base/errors.js';
import type { Name } from '../base/name.js';
import { AT_EMPTY_PATH, O_CLOEXEC, O_PATH } from './constants.js';
import * as libc from './libc.js';
import { nameBytes } from './path.js';

export interface FileHandle {
  type: number;
  bytes: Buffer;
}

/** MAX_HANDLE_SZ of the kernel. */
const handleMax = 128;
/** struct file_handle: u32 handle_bytes, s32 handle_type, the bytes. */
const handle = Buffer.alloc(8 + handleMax);
const mountId = Buffer.alloc(4);

/** The handle of an object (a symlink is not followed; '' is the descriptor itself), the same until it is deleted and never another
 *  object's. undefined where the file system has none (EOPNOTSUPP), as over some network and overlay file systems. */
export function fileHandle(dirFd: number, name: Name): FileHandle | undefined {
  handle.writeUInt32LE(handleMax, 0);
  if (libc.nameToHandleAt(dirFd, nameBytes(name), handle, mountId, AT_EMPTY_PATH) < 0) {
    const number = libc.errno();
    if (number === errno.EOPNOTSUPP) return undefined;
    throw new FsError(number, 'name_to_handle_at');
  }
  return { type: handle.readInt32LE(4), bytes: Buffer.from(handle.subarray(8, 8 + handle.readUInt32LE(0))) };
}

/** The number of the btrfs subvolume that an object lies in (struct btrfs_fid: objectid, root_objectid...), the same for ever; undefined for
 *  handles of others. */
export function subvolumeOf({ type, bytes }: FileHandle): number | undefined {
  const isOfBtrfs = type >= 0x4d && type <= 0x4f && bytes.length >= 20;
  return isOfBtrfs ? bytes.readUInt32LE(8) : undefined;
}

/** The object that a handle names, as an O_PATH descriptor; `fd` is any descriptor of its file system. undefined where there is none any
 *  more (ESTALE), or where finding out is not allowed (EPERM: it takes CAP_DAC_READ_SEARCH). */
export function openHandle(fd: number, { type, bytes }: FileHandle): number | undefined {
  if (bytes.length > handleMax) return undefined;
  handle.writeUInt32LE(bytes.length, 0);
  handle.writeInt32LE(type, 4);
  bytes.copy(handle, 8);
  const opened = libc.openByHandleAt(fd, handle, O_PATH | O_CLOEXEC);
  if (opened >= 0) return opened;
  const number = libc.errno();
  if (gone.includes(number)) return undefined;
  throw new FsError(number, 'open_by_handle_at');
}

/** EINVAL, EOPNOTSUPP: the handle is of another file system. */
const gone: readonly number[] = [errno.ESTALE, errno.ENOENT, errno.EPERM, errno.EACCES, errno.EINVAL, errno.EOPNOTSUPP];

const FS_IOC_GETFSUUID = 0x80111500;
/** struct fsuuid2: u8 length, u8 uuid[16]. */
const fsuuid = Buffer.alloc(17);

/** The UUID of the file system that `fd` (a file or directory opened for reading) lies on; undefined where the file system or the
 *  kernel (before 6.9) does not tell (ENOTTY), and where it was made without one, which reads as zeros. */
export function fsUuid(fd: number): Buffer | undefined {
  if (libc.ioctl(fd, FS_IOC_GETFSUUID, fsuuid) < 0) {
    const number = libc.errno();
    // EOPNOTSUPP: a file system with ioctls of its own that hands on no others.
    if (number === errno.ENOTTY || number === errno.EOPNOTSUPP) return undefined;
    throw new FsError(number, 'ioctl FS_IOC_GETFSUUID');
  }
  const uuid = Buffer.from(fsuuid.subarray(1, 1 + fsuuid.readUInt8(0)));
  return uuid.some((byte) => byte !== 0) ? uuid : undefined;
}
