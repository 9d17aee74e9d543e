/** IOCTL: inode flags. Only those that the kernel itself sends on behalf of chattr(1) and lsattr(1) come here with their meaning known
 *  (fs/fuse/ioctl.c, fuse_fileattr_get and _set); it has checked owner and CAP_LINUX_IMMUTABLE before. */

import { errno } from '../../base/errno.js';
import { FsError } from '../../base/errors.js';
import { withXflags, xflagsOf } from '../../base/inode-flags.js';
import type { Value } from '../protocol/struct.js';
import { type ioctlIn, ioctlOut } from '../protocol/structs.js';
import type { Connection } from './connection.js';
import { bodyAt, bodyWord } from './reply.js';
import type { Request } from './request.js';

const FS_IOC_GETFLAGS = 0x80086601;
const FS_IOC_SETFLAGS = 0x40086602;
const FS_IOC_FSGETXATTR = 0x801c581f;
const FS_IOC_FSSETXATTR = 0x401c5820;
/** struct fsxattr: u32 xflags, extsize, nextents, projid, cowextsize, 8 bytes of padding. */
const fsxattrBytes = 28;
/** What the kernel makes of ENOSYS, here too for each call anew. */
const unknown = 'the caller gets ENOTTY';

export function ioctl(s: Connection, rq: Request, input: Value<typeof ioctlIn>): number {
  switch (input.cmd) {
    case FS_IOC_GETFLAGS:
      return answer(s, input.out_size, s.fs.inodeFlags(rq.node));
    case FS_IOC_FSGETXATTR:
      return answer(s, fsxattrBytes, xflagsOf(s.fs.inodeFlags(rq.node)));
    case FS_IOC_SETFLAGS:
      s.fs.setInodeFlags(rq.node, rq.words[rq.data(input.in_size) >> 2]!); // the kernel sends the whole argument
      return answer(s, 0, 0);
    case FS_IOC_FSSETXATTR: {
      const xflags = rq.words[rq.data(input.in_size) >> 2]!; // as above
      s.fs.setInodeFlags(rq.node, withXflags(s.fs.inodeFlags(rq.node), xflags));
      return answer(s, 0, 0);
    }
    default:
      throw new FsError(errno.ENOSYS, unknown);
  }
}

/** `length` bytes of which the first four say `word`. */
function answer(s: Connection, length: number, word: number): number {
  ioctlOut.write(s.reply.words, bodyWord, ioctlOut.value);
  if (length > 0) {
    const at = bodyAt + ioctlOut.size;
    s.reply.bytes.fill(0, at, at + length);
    s.reply.bytes.writeUInt32LE(word >>> 0, at);
  }
  return ioctlOut.size + length;
}
