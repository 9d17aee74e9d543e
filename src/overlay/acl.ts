/** POSIX ACLs in their xattr form (Linux include/uapi/linux/posix_acl_xattr.h): version 2, then entries of tag, permissions and id. */

/** Of the two xattrs that hold ACLs. */
export const aclPrefix = 'system.posix_acl_';

const version = 2;
const entrySize = 8;
const tag = { userObject: 0x01, namedUser: 0x02, groupObject: 0x04, namedGroup: 0x08, mask: 0x10, other: 0x20 } as const;

/** The ACL with the ids of its named users and groups changed. Bytes that are no ACL stay as they are, for the disk to refuse. */
export function mapAcl(acl: Buffer, uidOf: (id: number) => number, gidOf: (id: number) => number): Buffer {
  const mapped = Buffer.from(acl);
  for (let at = 4; at + entrySize <= mapped.length; at += entrySize) {
    const kind = mapped.readUInt16LE(at);
    if (kind === tag.namedUser) mapped.writeUInt32LE(uidOf(mapped.readUInt32LE(at + 4)), at + 4);
    else if (kind === tag.namedGroup) mapped.writeUInt32LE(gidOf(mapped.readUInt32LE(at + 4)), at + 4);
  }
  return mapped;
}

/** What a new object gets from its directory's default ACL: its mode and, if the ACL says more than the mode, its access ACL.
 *  Kernel: posix_acl_create_masq. undefined for bytes that are no ACL. */
export function inheritAcl(defaultAcl: Buffer, mode: number): { mode: number; access: Buffer | undefined } | undefined {
  if (defaultAcl.length < 4 || (defaultAcl.length - 4) % entrySize !== 0 || defaultAcl.readUInt32LE(0) !== version)
    return undefined;
  const access = Buffer.from(defaultAcl);
  const masked = (at: number, shift: number): void => {
    const permissions = access.readUInt16LE(at + 2) & ((mode >> shift) & 7);
    access.writeUInt16LE(permissions, at + 2);
    result = (result & ~(7 << shift)) | (permissions << shift);
  };
  let result = mode;
  let groupAt = 0;
  let maskAt = 0;
  for (let at = 4; at < access.length; at += entrySize) {
    const kind = access.readUInt16LE(at);
    if (kind === tag.userObject) masked(at, 6);
    else if (kind === tag.other) masked(at, 0);
    else if (kind === tag.groupObject) groupAt = at;
    else if (kind === tag.mask) maskAt = at;
  }
  if (maskAt !== 0) masked(maskAt, 3);
  else if (groupAt !== 0) masked(groupAt, 3);
  return { mode: result, access: access.length > 4 + 3 * entrySize ? access : undefined };
}
