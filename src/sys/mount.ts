/** Mounting, unmounting, and what is mounted where. */

import { readFileSync, writeFileSync } from 'node:fs';
import { deviceMajor, deviceMinor, makeDevice } from '../base/attributes.js';
import { errno } from '../base/errno.js';
import { FsError } from '../base/errors.js';
import { O_PATH } from './constants.js';
import * as libc from './libc.js';
import { closeFd, openPath } from './open.js';

/** mount(2). `flags`: MS_*; `data`: the file system's own options, '' for none. */
export function mount(source: string, target: string, type: string, flags: number, data: string): void {
  const dataBytes = data === '' ? null : cString(data);
  if (libc.mount(cString(source), cString(target), cString(type), flags, dataBytes) < 0) libc.fail('mount');
}

/** umount2(2). `flags`: MNT_DETACH, MNT_FORCE, UMOUNT_NOFOLLOW. EBUSY while it is in use, EINVAL where nothing is mounted. */
export function umount(target: string, flags: number): void {
  if (libc.umount2(cString(target), flags) < 0) libc.fail('umount2');
}

function cString(text: string): Buffer {
  if (text.includes('\0')) throw new FsError(errno.EINVAL, 'NUL in a string');
  return Buffer.from(`${text}\0`, 'utf8');
}

/** A line of /proc/self/mountinfo (proc_pid_mountinfo(5)). Options are lists joined by commas. */
export interface MountEntry {
  id: number;
  parentId: number;
  /** As makeDevice makes it: what st_dev is inside the mount. */
  device: number;
  /** The part of the file system that is mounted: a path in it. */
  root: string;
  target: string;
  /** With the subtype: `fuse.plyfs`. */
  type: string;
  source: string;
  options: string;
  superOptions: string;
}

/** Every mount that this process sees, in the order of mounting: of several on one target the last is on top. */
export function mountTable(): MountEntry[] {
  return parseMountinfo(readFileSync('/proc/self/mountinfo', 'latin1'));
}

/** `text` holds a byte per character. */
export function parseMountinfo(text: string): MountEntry[] {
  const entries: MountEntry[] = [];
  for (const line of text.split('\n')) {
    const words = line.split(' ');
    // Between the sixth word and the dash stand any number of optional fields.
    const dash = words.indexOf('-', 6);
    if (dash < 0) continue;
    const word = (index: number) => unescapeWord(words[index] ?? '');
    const [major, minor] = word(2).split(':');
    entries.push({
      id: Number(word(0)),
      parentId: Number(word(1)),
      device: makeDevice(Number(major), Number(minor)),
      root: word(3),
      target: word(4),
      options: word(5),
      type: word(dash + 1),
      source: word(dash + 2),
      superOptions: word(dash + 3),
    });
  }
  return entries;
}

/** Whether `path` lies on an idmapped mount (mount_setattr(2), MOUNT_ATTR_IDMAP): what stat(2) says there of owners is mapped already. */
export function isIdmapped(path: string): boolean {
  const fd = openPath(path, O_PATH);
  try {
    const id = /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1];
    return mountTable().some((entry) => entry.id === Number(id) && entry.options.split(',').includes('idmapped'));
  } finally {
    closeFd(fd);
  }
}

/** Blanks, tabs, newlines, backslashes and `#` are written as three octal digits. The rest is bytes of UTF-8. */
function unescapeWord(word: string): string {
  const bytes = word.replace(/\\([0-3][0-7]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/** Lets a FUSE mount have dirty pages as any file system has (by default 1 % of what is allowed, strictly). Returns a sentence for each
 *  setting that could not be made, as without root or in a container with a read-only /sys. */
export function bdiTune(device: number): string[] {
  const failures: string[] = [];
  const directory = `/sys/class/bdi/${deviceMajor(device)}:${deviceMinor(device)}`;
  for (const [file, value] of [
    ['strict_limit', '0'],
    ['max_ratio', '100'],
  ] as const) {
    try {
      writeFileSync(`${directory}/${file}`, value, { flag: 'r+' });
    } catch (error) {
      // Node's fs throws nothing but Error here.
      failures.push(`${directory}/${file}: ${(error as Error).message}`);
    }
  }
  return failures;
}
