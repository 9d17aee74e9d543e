/** SETATTR's flags and fields as an AttributeChange. */

import type { AttributeChange, Caller } from '../../vfs/filesystem.js';
import * as c from '../protocol/constants.js';
import type { Value } from '../protocol/struct.js';
import type { setattrIn } from '../protocol/structs.js';

/** A time without ATIME_NOW or MTIME_NOW is the given one, to the nanosecond and before 1970 as well.
 *
 *  Nothing to change at all is what the kernel sends before a write, fallocate or copy of somebody that must drop setuid and setgid
 *  (file_remove_privs with HANDLE_KILLPRIV_V2), and before one of root's to a file with capabilities, which the kernel removes itself. Its
 *  own mode of the file is what we answer, and it does not ask again. */
export function changeOf(input: Value<typeof setattrIn>, caller: Caller): AttributeChange {
  const { valid } = input;
  const change: AttributeChange = {};
  if (valid & c.FATTR_MODE) change.mode = input.mode;
  if (valid & c.FATTR_UID) change.uid = input.uid;
  if (valid & c.FATTR_GID) change.gid = input.gid;
  if (valid & c.FATTR_SIZE) change.size = input.size;
  if (valid & c.FATTR_ATIME_NOW) change.atime = 'now';
  else if (valid & c.FATTR_ATIME) change.atime = { sec: input.atime, nsec: input.atimensec };
  if (valid & c.FATTR_MTIME_NOW) change.mtime = 'now';
  else if (valid & c.FATTR_MTIME) change.mtime = { sec: input.mtime, nsec: input.mtimensec };
  if (valid & c.FATTR_CTIME) change.ctime = { sec: input.ctime, nsec: input.ctimensec };
  const isNothing = (valid & ~(c.FATTR_FH | c.FATTR_LOCKOWNER)) === 0;
  if (valid & c.FATTR_KILL_SUIDGID || (isNothing && caller.uid !== 0)) change.killPrivileges = true;
  return change;
}
