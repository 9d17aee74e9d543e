/** POSIX ACLs: the names of their xattrs, and their bytes (linux/posix_acl_xattr.h) as text, `u::rwx,u:1000:r--,g::r-x,m::rwx,o::---`. */

import type { Name } from './name.js';

export const accessAclName = 'system.posix_acl_access' as Name; // ASCII
export const defaultAclName = 'system.posix_acl_default' as Name;

/** Tags in the order the kernel keeps them: user, named user, group, named group, mask, other. */
export const aclTags: readonly { tag: number; letter: string; isNamed: boolean }[] = [
  { tag: 0x01, letter: 'u', isNamed: false },
  { tag: 0x02, letter: 'u', isNamed: true },
  { tag: 0x04, letter: 'g', isNamed: false },
  { tag: 0x08, letter: 'g', isNamed: true },
  { tag: 0x10, letter: 'm', isNamed: false },
  { tag: 0x20, letter: 'o', isNamed: false },
];

export function textFromAcl(bytes: Buffer): string {
  const parts: string[] = [];
  for (let at = 4; at + 8 <= bytes.length; at += 8) {
    const row = aclTags.find(({ tag }) => tag === bytes.readUInt16LE(at));
    const bits = bytes.readUInt16LE(at + 2);
    const name = row?.isNamed === true ? bytes.readUInt32LE(at + 4) : '';
    parts.push(`${row?.letter ?? '?'}:${name}:${bits & 4 ? 'r' : '-'}${bits & 2 ? 'w' : '-'}${bits & 1 ? 'x' : '-'}`);
  }
  return parts.join(',');
}
