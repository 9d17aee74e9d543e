/** POSIX ACLs of tests: bytes from the text that src/base/acl.ts writes. */

import { aclTags } from '../../src/base/acl.js';

export { accessAclName, defaultAclName, textFromAcl } from '../../src/base/acl.js';

const version = 2;
const undefinedId = 0xffffffff;

/** Throws Error for text that is no ACL. */
export function aclFromText(text: string): Buffer {
  const entries = text.split(',').map((part) => {
    const [letter, name = '', permissions = ''] = part.split(':');
    const row = aclTags.find((row) => row.letter === letter && row.isNamed === (name !== ''));
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
