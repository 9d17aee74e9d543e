/** POSIX ACLs as text (`u::rwx,u:1000:r--,g::r-x,m::rwx,o::---`) and as the bytes of system.posix_acl_* (linux/posix_acl_xattr.h). */

export const accessAclName = 'system.posix_acl_access';
export const defaultAclName = 'system.posix_acl_default';

const version = 2;
const undefinedId = 0xffffffff;
/** Tags in the order the kernel keeps them: user, named user, group, named group, mask, other. */
const tags: readonly { tag: number; letter: string; isNamed: boolean }[] = [
  { tag: 0x01, letter: 'u', isNamed: false },
  { tag: 0x02, letter: 'u', isNamed: true },
  { tag: 0x04, letter: 'g', isNamed: false },
  { tag: 0x08, letter: 'g', isNamed: true },
  { tag: 0x10, letter: 'm', isNamed: false },
  { tag: 0x20, letter: 'o', isNamed: false },
];

/** Throws Error for text that is no ACL. */
export function aclFromText(text: string): Buffer {
  const entries = text.split(',').map((part) => {
    const [letter, name = '', permissions = ''] = part.split(':');
    const row = tags.find((row) => row.letter === letter && row.isNamed === (name !== ''));
    if (row === undefined || !/^[r-][w-][x-]$/.test(permissions)) throw new Error(`not an ACL entry: ${part}`);
    const bits = (permissions[0] === 'r' ? 4 : 0) | (permissions[1] === 'w' ? 2 : 0) | (permissions[2] === 'x' ? 1 : 0);
    return { tag: row.tag, bits, id: name === '' ? undefinedId : Number(name) };
  });
  entries.sort((a, b) => a.tag - b.tag || a.id - b.id);
  const bytes = Buffer.alloc(4 + entries.length * 8);
  bytes.writeUInt32LE(version, 0);
  entries.forEach(({ tag, bits, id }, i) => {
    bytes.writeUInt16LE(tag, 4 + i * 8);
    bytes.writeUInt16LE(bits, 6 + i * 8);
    bytes.writeUInt32LE(id, 8 + i * 8);
  });
  return bytes;
}

export function textFromAcl(bytes: Buffer): string {
  const parts: string[] = [];
  for (let at = 4; at + 8 <= bytes.length; at += 8) {
    const row = tags.find(({ tag }) => tag === bytes.readUInt16LE(at));
    const bits = bytes.readUInt16LE(at + 2);
    const name = row?.isNamed === true ? bytes.readUInt32LE(at + 4) : '';
    parts.push(`${row?.letter ?? '?'}:${name}:${bits & 4 ? 'r' : '-'}${bits & 2 ? 'w' : '-'}${bits & 1 ? 'x' : '-'}`);
  }
  return parts.join(',');
}
