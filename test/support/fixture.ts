/** Builds a tree (tree.ts) in a real directory, with its markers in any spelling a layer may use. */

import { accessAclName } from './acl.js';
import * as libc from './libc.js';
import { defaultMode, parseTree, type TreeKind, type TreeLine } from './tree.js';

/** How whiteouts, opaque marks and redirects are spelled: char 0:0 with trusted.overlay.* or user.overlay.* marks; empty files with
 *  an overlay.whiteout attribute (Linux 6.7) under a directory marked opaque=x; `.wh.` files (OCI). */
export type Spelling = 'trusted' | 'user' | 'xattr' | 'wh';

export const spellings: readonly Spelling[] = ['trusted', 'user', 'xattr', 'wh'];

const typeBits: Partial<Record<TreeKind, number>> = {
  file: 0o100000,
  fifo: 0o010000,
  sock: 0o140000,
  chr: 0o020000,
  blk: 0o060000,
};

/** Makes what `text` describes below `directory`, which exists. Directories not named are made with the defaults. */
export function buildTree(directory: string, text: string, spelling: Spelling = 'trusted'): void {
  const lines = parseTree(text);
  for (const line of lines) {
    makeParents(directory, line.path);
    makeObject(directory, line, spelling);
  }
  for (const line of lines) if (line.mtime !== undefined && line.kind !== 'dir') setTimes(directory, line);
  const directories = lines.filter((line) => line.mtime !== undefined && line.kind === 'dir');
  for (const line of directories.sort((a, b) => b.path.length - a.path.length)) setTimes(directory, line);
}

function setTimes(directory: string, line: TreeLine): void {
  libc.utimes(`${directory}/${line.path}`, line.mtime ?? 'omit', line.mtime ?? 'omit');
}

function makeParents(directory: string, path: string): void {
  for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) makeDirectory(`${directory}/${path.slice(0, at)}`);
}

/** Makes the directory unless it is there. Says whether it made it. */
function makeDirectory(path: string): boolean {
  try {
    libc.mkdir(path, 0o755);
    libc.chmod(path, 0o755);
    return true;
  } catch (error) {
    if ((error as { errno?: number }).errno !== 17 /* EEXIST */) throw error;
    return false;
  }
}

function makeObject(directory: string, line: TreeLine, spelling: Spelling): void {
  const path = `${directory}/${line.path}`;
  switch (line.kind) {
    case 'whiteout':
      makeWhiteout(path, spelling);
      return;
    case 'opaque':
      makeDirectory(path);
      if (spelling === 'wh') libc.mknod(`${path}/.wh..wh..opq`, 0o100600);
      else libc.setxattr(path, `${spelling === 'user' ? 'user' : 'trusted'}.overlay.opaque`, Buffer.from('y'));
      return;
    case 'redirect':
      makeDirectory(path);
      libc.setxattr(
        path,
        `${spelling === 'user' ? 'user' : 'trusted'}.overlay.redirect`,
        Buffer.from(line.target ?? '', 'latin1'),
      );
      return;
    case 'link':
      libc.link(`${directory}/${line.target}`, path);
      return;
    case 'symlink':
      libc.symlink(line.target ?? '', path);
      break;
    case 'dir':
      makeDirectory(path);
      break;
    default: {
      const [major = 0, minor = 0] = (line.rdev ?? '0:0').split(':').map(Number);
      libc.mknod(path, (typeBits[line.kind] ?? 0) | 0o600, major, minor);
      if (line.kind === 'file') fillFile(path, line);
    }
  }
  setAttributes(path, line);
}

function makeWhiteout(path: string, spelling: Spelling): void {
  const slash = path.lastIndexOf('/');
  if (spelling === 'wh') libc.mknod(`${path.slice(0, slash)}/.wh.${path.slice(slash + 1)}`, 0o100600);
  else if (spelling === 'xattr') {
    libc.mknod(path, 0o100600);
    libc.setxattr(path, 'trusted.overlay.whiteout', Buffer.from('y'));
    if (!isOpaque(path.slice(0, slash))) libc.setxattr(path.slice(0, slash), 'trusted.overlay.opaque', Buffer.from('x'));
  } else libc.mknod(path, 0o020000);
}

function isOpaque(path: string): boolean {
  return (
    libc.listxattr(path).includes('trusted.overlay.opaque') && libc.getxattr(path, 'trusted.overlay.opaque').toString() === 'y'
  );
}

function fillFile(path: string, line: TreeLine): void {
  const fd = libc.open(path, libc.openFlags.O_WRONLY);
  if (line.content !== undefined && line.content.length > 0) libc.pwrite(fd, line.content, line.at ?? 0);
  if (line.size !== undefined) libc.ftruncate(fd, line.size);
  libc.close(fd);
}

/** Owner before mode (chown drops setuid), the access ACL last (it is the mode's group bits). */
function setAttributes(path: string, line: TreeLine): void {
  if (line.uid !== undefined || line.gid !== undefined) libc.lchown(path, line.uid ?? 0, line.gid ?? 0);
  if (line.kind !== 'symlink') libc.chmod(path, line.mode ?? defaultMode(line.kind));
  for (const [key, value] of line.xattrs) if (key !== accessAclName) libc.setxattr(path, key, value);
  const acl = line.xattrs.get(accessAclName);
  if (acl !== undefined) libc.setxattr(path, accessAclName, acl);
}
