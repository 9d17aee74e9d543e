/** sys/: xattr, handle. */

import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { errno } from '../../../src/base/errno.js';
import { type Name, nameFromText } from '../../../src/base/name.js';
import { AT_FDCWD, O_DIRECTORY, O_PATH, O_RDONLY, XATTR_CREATE, XATTR_REPLACE } from '../../../src/sys/constants.js';
import { fileHandle, fsUuid } from '../../../src/sys/handle.js';
import { linkAt, renameAt } from '../../../src/sys/namespace.js';
import { closeFd, openAt, openPath } from '../../../src/sys/open.js';
import { getxattrAt, listxattrAt, removexattrAt, setxattrAt } from '../../../src/sys/xattr.js';
import { needsRoot, refuses, withScratch } from '../../support/scratch.js';

const name = nameFromText;
const self = '' as Name;

/** A whole life of an attribute. */
function exercise(dirFd: number, entry: Name, key: Name): void {
  const value = Buffer.from([0, 255, 10, 0]);
  assert.deepEqual(listxattrAt(dirFd, entry), []);
  assert.equal(getxattrAt(dirFd, entry, key), undefined);
  assert.equal(removexattrAt(dirFd, entry, key), false);
  refuses(errno.ENODATA, () => setxattrAt(dirFd, entry, key, value, XATTR_REPLACE));
  setxattrAt(dirFd, entry, key, value, XATTR_CREATE);
  refuses(errno.EEXIST, () => setxattrAt(dirFd, entry, key, value, XATTR_CREATE));
  assert.deepEqual(getxattrAt(dirFd, entry, key), value);
  assert.deepEqual(listxattrAt(dirFd, entry), [key]);
  setxattrAt(dirFd, entry, key, Buffer.alloc(0));
  assert.deepEqual(getxattrAt(dirFd, entry, key), Buffer.alloc(0));
  assert.equal(removexattrAt(dirFd, entry, key), true);
}

test(
  'files and directories have attributes, by name, by path, by descriptor and by O_PATH descriptor',
  withScratch((dir, path) => {
    writeFileSync(`${path}/file`, '');
    mkdirSync(`${path}/sub`);
    for (const entry of [name('file'), name('sub'), name('./sub'), self]) exercise(dir, entry, name('user.key'));
    exercise(AT_FDCWD, name(`${path}/file`), name('user.key'));
    for (const flags of [O_RDONLY, O_PATH]) {
      for (const entry of ['file', 'sub']) {
        const fd = openAt(dir, name(entry), flags);
        exercise(fd, self, Buffer.from('user.\xff', 'latin1').toString('latin1') as Name);
        if (entry === 'sub') exercise(fd, name('../file'), name('user.key'));
        closeFd(fd);
      }
    }
  }),
);

test('a symlink has attributes of its own', { skip: needsRoot }, () => {
  withScratch((dir, path) => {
    writeFileSync(`${path}/file`, '');
    symlinkSync('file', `${path}/link`);
    symlinkSync('none', `${path}/dangling`);
    for (const entry of ['link', 'dangling']) {
      exercise(dir, name(entry), name('trusted.key'));
      const fd = openAt(dir, name(entry), O_PATH);
      exercise(fd, self, name('trusted.key'));
      closeFd(fd);
    }
    setxattrAt(dir, name('link'), name('trusted.key'), Buffer.from('x'));
    assert.deepEqual(listxattrAt(dir, name('file')), []);
  })();
});

test(
  'values and lists may be long',
  withScratch((dir, path) => {
    writeFileSync(`${path}/file`, '');
    const keys = Array.from({ length: 12 }, (_, i) => name(`user.${'k'.repeat(150)}${i}`));
    for (const key of keys) setxattrAt(dir, name('file'), key, Buffer.from('v'));
    assert.deepEqual(listxattrAt(dir, name('file')).sort(), keys.sort());
    const fd = openAt(dir, name('file'), O_PATH);
    assert.deepEqual(listxattrAt(fd, self).sort(), keys);
    const value = Buffer.alloc(1500, 7);
    setxattrAt(fd, self, name('user.long'), value);
    assert.deepEqual(getxattrAt(fd, self, name('user.long')), value);
    assert.deepEqual(getxattrAt(dir, name('file'), name('user.long')), value);
    closeFd(fd);
  }),
);

test(
  'what has no attributes has none, what is not there is refused',
  withScratch((dir) => {
    const proc = openPath('/proc/self', O_DIRECTORY);
    assert.equal(getxattrAt(proc, name('comm'), name('user.key')), undefined);
    assert.deepEqual(listxattrAt(proc, name('comm')), []);
    refuses(errno.EOPNOTSUPP, () => setxattrAt(proc, name('comm'), name('user.key'), Buffer.from('x')));
    closeFd(proc);
    refuses(errno.ENOENT, () => getxattrAt(dir, name('none'), name('user.key')));
    refuses(errno.ENOENT, () => listxattrAt(dir, name('none')));
    refuses(errno.ENOENT, () => setxattrAt(dir, name('none'), name('user.key'), Buffer.from('x')));
    refuses(errno.ENOENT, () => removexattrAt(dir, name('none'), name('user.key')));
  }),
);

test(
  'the handle of a file stays the same under another name',
  withScratch((dir, path) => {
    writeFileSync(`${path}/a`, '');
    writeFileSync(`${path}/b`, '');
    const before = fileHandle(dir, name('a'));
    assert.notDeepEqual(before, fileHandle(dir, name('b')));
    linkAt(dir, name('a'), dir, name('c'));
    renameAt(dir, name('a'), dir, name('d'));
    assert.deepEqual(fileHandle(dir, name('c')), before);
    const fd = openAt(dir, name('d'), O_PATH);
    assert.deepEqual(fileHandle(fd, self), before);
    closeFd(fd);
    refuses(errno.ENOENT, () => fileHandle(dir, name('none')));
  }),
);

test('a file system without a UUID tells none', () => {
  const proc = openPath('/proc', O_DIRECTORY);
  assert.equal(fsUuid(proc), undefined);
  closeFd(proc);
  refuses(errno.EBADF, () => fsUuid(100000));
});
