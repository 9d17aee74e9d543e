/** sys/: open, stat, dir, namespace, file. */

import assert from 'node:assert/strict';
import { lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { Attributes, makeDevice } from '../../../src/base/attributes.js';
import { errno } from '../../../src/base/errno.js';
import { dirType, S_IFCHR, S_IFIFO, S_IFMT } from '../../../src/base/mode.js';
import { type Name, nameFromText } from '../../../src/base/name.js';
import * as c from '../../../src/sys/constants.js';
import { readDirectory } from '../../../src/sys/dir.js';
import * as file from '../../../src/sys/file.js';
import * as namespace from '../../../src/sys/namespace.js';
import { closeFd, openAt, openBeneath, openPath, openTree, reopen, tryOpenAt } from '../../../src/sys/open.js';
import { chmodAt, chownAt, foldInode, statAt, statFs, statPath, UTIME_OMIT, utimensAt } from '../../../src/sys/stat.js';
import { needsNewCalls, needsRoot, refuses, withScratch } from '../../support/scratch.js';

const name = nameFromText;
const self = '' as Name;
const create = c.O_CREAT | c.O_EXCL | c.O_RDWR;

function entries(fd: number): Map<string, [type: number, ino: number]> {
  const found = new Map<string, [number, number]>();
  readDirectory(fd, (entry, type, ino) => found.set(entry, [type, ino]));
  return found;
}

function statOf(dirFd: number, entry: Name): Attributes {
  const out = new Attributes();
  assert.ok(statAt(dirFd, entry, out));
  return out;
}

function sizeOfLink(path: string): number {
  const out = new Attributes();
  assert.ok(statPath(path, out, false));
  return out.size;
}

test(
  'names keep every byte, up to 255 of them',
  withScratch((dir) => {
    const odd = Buffer.from([0xff, 0x80, 0x0a, 0xc3, 0x28, 0x01]).toString('latin1') as Name;
    const long = 'n'.repeat(255) as Name;
    for (const entry of [odd, long]) closeFd(openAt(dir, entry, create, 0o600));
    assert.deepEqual([...entries(dir).keys()].sort(), [long, odd].sort());
    assert.equal(statOf(dir, odd).size, 0);
    refuses(errno.ENAMETOOLONG, () => openAt(dir, `${long}n` as Name, create));
    refuses(errno.ENAMETOOLONG, () => openAt(dir, 'x'.repeat(5000) as Name, create));
    refuses(errno.EINVAL, () => openAt(dir, 'a\0b' as Name, create));
    assert.throws(() => openAt(dir, 'ü€' as Name, create), /a name holds bytes/);
  }),
);

test(
  'directories deeper than PATH_MAX are reached step by step',
  withScratch((dir) => {
    const step = 'd'.repeat(200) as Name;
    const opened: number[] = [];
    let at = dir;
    for (let i = 0; i < 30; i++) {
      namespace.mkdirAt(at, step, 0o755);
      at = openAt(at, step, c.O_DIRECTORY);
      opened.push(at);
    }
    closeFd(openAt(at, name('leaf'), create, 0o600));
    assert.deepEqual([...entries(at).keys()], ['leaf']);
    namespace.unlinkAt(at, name('leaf'));
    for (let i = opened.length - 1; i >= 0; i--) {
      closeFd(opened[i]!);
      namespace.rmdirAt(i === 0 ? dir : opened[i - 1]!, step);
    }
  }),
);

test(
  'openAt follows no symlink, and O_PATH opens the symlink itself',
  withScratch((dir, path) => {
    writeFileSync(`${path}/file`, 'data');
    symlinkSync('file', `${path}/link`);
    refuses(errno.ELOOP, () => openAt(dir, name('link'), c.O_RDONLY));
    const link = openAt(dir, name('link'), c.O_PATH);
    assert.equal(namespace.readlinkAt(link, self), 'file');
    assert.equal(statOf(link, self).mode & S_IFMT, 0o120000);
    closeFd(link);
    assert.equal(tryOpenAt(dir, name('none'), c.O_RDONLY), undefined);
    refuses(errno.ENOTDIR, () => tryOpenAt(dir, name('file/x'), c.O_RDONLY));
    refuses(errno.ENOENT, () => openAt(dir, name('none'), c.O_RDONLY));
    refuses(errno.ENOENT, () => openPath(`${path}/none`, c.O_RDONLY));
    refuses(errno.EBADF, () => closeFd(100000));
    const followed = openPath(`${path}/link`, c.O_RDONLY);
    assert.equal(statOf(followed, self).size, 4);
    closeFd(followed);
  }),
);

test(
  'openBeneath leaves its directory neither by .. nor by a symlink nor by an absolute path',
  { skip: needsNewCalls },
  withScratch((dir, path) => {
    mkdirSync(`${path}/in`);
    mkdirSync(`${path}/in/deep`);
    writeFileSync(`${path}/secret`, '');
    symlinkSync('..', `${path}/in/up`);
    symlinkSync('deep', `${path}/in/aside`);
    const inside = openAt(dir, name('in'), c.O_PATH);
    refuses(errno.EXDEV, () => openBeneath(inside, name('../secret'), c.O_RDONLY));
    refuses(errno.ELOOP, () => openBeneath(inside, name('up/secret'), c.O_RDONLY));
    refuses(errno.ELOOP, () => openBeneath(inside, name('aside'), c.O_RDONLY));
    refuses(errno.EXDEV, () => openBeneath(inside, name('/etc'), c.O_RDONLY));
    refuses(errno.ENOENT, () => openBeneath(inside, name('deep/none'), c.O_RDONLY));
    closeFd(openBeneath(inside, name('deep/new'), create, 0o600));
    assert.ok(lstatSync(`${path}/in/deep/new`).isFile());
    closeFd(inside);
  }),
);

test(
  'an O_PATH descriptor and an unlinked file can be opened again',
  withScratch((dir, path) => {
    writeFileSync(`${path}/file`, 'data');
    const fd = openAt(dir, name('file'), c.O_PATH);
    namespace.unlinkAt(dir, name('file'));
    const again = reopen(fd, c.O_RDWR);
    const bytes = Buffer.alloc(8);
    assert.equal(file.pread(again, bytes, 2, 6, 0), 4);
    assert.equal(bytes.toString('latin1'), '\0\0data\0\0');
    const third = openAt(fd, self, c.O_RDONLY);
    for (const open of [fd, again, third]) closeFd(open);
  }),
);

test('open_tree gives a mount of its own', { skip: needsRoot || needsNewCalls }, () => {
  withScratch((_, path) => {
    writeFileSync(`${path}/file`, '');
    const tree = openTree(path);
    assert.ok(tree !== undefined);
    const root = openAt(tree, name('.'), c.O_DIRECTORY);
    assert.deepEqual([...entries(root).keys()], ['file']);
    closeFd(root);
    closeFd(tree);
    refuses(errno.ENOENT, () => openTree(`${path}/none`));
  })();
});

test(
  'statAt tells what lstat tells',
  withScratch((dir, path) => {
    writeFileSync(`${path}/file`, 'x'.repeat(5000), { mode: 0o640 });
    symlinkSync('file', `${path}/link`);
    utimensAt(dir, name('file'), -5, 999999999, 2 ** 33, 1);
    for (const entry of ['file', 'link', '.']) {
      const out = statOf(dir, name(entry));
      const node = lstatSync(`${path}/${entry}`, { bigint: true });
      assert.deepEqual([out.ino, out.mode, out.nlink, out.uid, out.gid, out.size, out.blocks, out.blksize, out.dev].map(BigInt), [
        node.ino,
        node.mode,
        node.nlink,
        node.uid,
        node.gid,
        node.size,
        node.blocks,
        node.blksize,
        node.dev,
      ]);
      assert.equal(BigInt(out.mtimeSec) * 1000000000n + BigInt(out.mtimeNsec), node.mtimeNs);
      assert.equal(BigInt(out.atimeSec) * 1000000000n + BigInt(out.atimeNsec), node.atimeNs);
      assert.equal(BigInt(out.ctimeSec) * 1000000000n + BigInt(out.ctimeNsec), node.ctimeNs);
      assert.equal(BigInt(out.btimeSec) * 1000000000n + BigInt(out.btimeNsec), node.birthtimeNs);
    }
    const out = new Attributes();
    assert.equal(statAt(dir, name('none'), out), false);
    refuses(errno.ENOTDIR, () => statAt(dir, name('file/x'), out));
    refuses(errno.EBADF, () => statAt(100000, self, out));
    assert.ok(statPath(`${path}/link`, out));
    assert.equal(out.size, 5000);
    assert.equal(sizeOfLink(`${path}/link`), 4);
    assert.equal(statPath(`${path}/none`, out), false);
  }),
);

test('an inode number from 2^53 on becomes the exclusive or of its halves', () => {
  assert.equal(foldInode(0xffffffff, 0xfffff), 2 ** 52 - 1);
  assert.equal(foldInode(0xff000001, 0x80200000), 0x802_ff000001);
});

test(
  'mode and times change by name and by descriptor, O_PATH too, and never through a symlink',
  withScratch((dir, path) => {
    writeFileSync(`${path}/file`, '', { mode: 0o600 });
    symlinkSync('file', `${path}/link`);
    const fd = openAt(dir, name('file'), c.O_PATH);
    const link = openAt(dir, name('link'), c.O_PATH);
    chmodAt(dir, name('file'), 0o4711);
    assert.equal(statOf(dir, name('file')).mode & 0o7777, 0o4711);
    chmodAt(fd, self, 0o644);
    assert.equal(statOf(dir, name('file')).mode & 0o7777, 0o644);
    refuses(errno.EOPNOTSUPP, () => chmodAt(dir, name('link'), 0o600));
    refuses(errno.ENOENT, () => chmodAt(dir, name('none'), 0o600));
    utimensAt(fd, self, 11, 12, 13, 14);
    utimensAt(dir, name('file'), 0, UTIME_OMIT, 15, 16);
    utimensAt(link, self, 1, 2, 3, 4);
    const target = statOf(fd, self);
    assert.deepEqual([target.atimeSec, target.atimeNsec, target.mtimeSec, target.mtimeNsec], [11, 12, 15, 16]);
    assert.deepEqual([statOf(link, self).mtimeSec, statOf(link, self).mtimeNsec], [3, 4]);
    refuses(errno.ENOENT, () => utimensAt(dir, name('none'), 1, 2, 3, 4));
    closeFd(fd);
    closeFd(link);
  }),
);

test('an owner changes by name and by descriptor, -1 keeps it', { skip: needsRoot }, () => {
  withScratch((dir, path) => {
    writeFileSync(`${path}/file`, '');
    symlinkSync('file', `${path}/link`);
    chownAt(dir, name('link'), 4000000000, 7);
    const fd = openAt(dir, name('file'), c.O_PATH);
    chownAt(fd, self, -1, 8);
    closeFd(fd);
    const owners = ['link', 'file'].map((entry) => [statOf(dir, name(entry)).uid, statOf(dir, name(entry)).gid]);
    assert.deepEqual(owners, [
      [4000000000, 7],
      [0, 8],
    ]);
    refuses(errno.ENOENT, () => chownAt(dir, name('none'), 0, 0));
  })();
});

test(
  'statFs tells the size of the file system',
  withScratch((dir) => {
    const status = statFs(dir);
    assert.ok(status.blocks >= status.bfree && status.bfree >= status.bavail && status.bsize > 0 && status.frsize > 0);
    assert.equal(status.namelen, 255);
    refuses(errno.EBADF, () => statFs(100000));
  }),
);

test(
  'readDirectory tells kinds and inode numbers, starts over each time, and may be nested',
  withScratch((dir, path) => {
    mkdirSync(`${path}/sub`);
    for (let i = 0; i < 3000; i++) writeFileSync(`${path}/sub/${'long'.repeat(10)}${i}`, '');
    symlinkSync('x', `${path}/link`);
    namespace.mknodAt(dir, name('pipe'), S_IFIFO | 0o600, 0);
    const sub = openAt(dir, name('sub'), c.O_DIRECTORY);
    let inner = 0;
    const kinds = new Map<string, number>();
    readDirectory(dir, (entry, type, ino) => {
      kinds.set(entry, type);
      assert.equal(ino, lstatSync(`${path}/${entry}`).ino);
      readDirectory(sub, () => inner++);
    });
    const expected = { sub: dirType.dir, link: dirType.lnk, pipe: dirType.fifo };
    assert.deepEqual(Object.fromEntries([...kinds].sort()), Object.fromEntries(Object.entries(expected).sort()));
    assert.equal(inner, 9000);
    assert.deepEqual([...entries(sub).keys()].sort(), readdirSync(`${path}/sub`).sort());
    closeFd(sub);
    const asPath = openAt(dir, name('sub'), c.O_PATH);
    refuses(errno.EBADF, () => readDirectory(asPath, () => {}));
    closeFd(asPath);
  }),
);

test(
  'names are made, linked, exchanged and removed',
  withScratch((dir, path) => {
    writeFileSync(`${path}/a`, 'A');
    symlinkSync('target', `${path}/l`);
    namespace.renameAt(dir, name('a'), dir, name('l'), c.RENAME_EXCHANGE);
    assert.equal(namespace.readlinkAt(dir, name('a')), 'target');
    assert.equal(readFileSync(`${path}/l`, 'utf8'), 'A');
    refuses(errno.EEXIST, () => namespace.renameAt(dir, name('a'), dir, name('l'), c.RENAME_NOREPLACE));
    namespace.linkAt(dir, name('a'), dir, name('b'));
    assert.equal(statOf(dir, name('b')).ino, statOf(dir, name('a')).ino);
    const link = openAt(dir, name('a'), c.O_PATH);
    namespace.linkAt(link, self, dir, name('c'));
    closeFd(link);
    assert.equal(namespace.readlinkAt(dir, name('c')), 'target');
    refuses(errno.EEXIST, () => namespace.linkAt(dir, name('a'), dir, name('b')));
    refuses(errno.EEXIST, () => namespace.symlinkAt(name('x'), dir, name('a')));
    refuses(errno.EEXIST, () => namespace.mkdirAt(dir, name('a'), 0o755));
    refuses(errno.ENOENT, () => namespace.unlinkAt(dir, name('none')));
    refuses(errno.ENOTDIR, () => namespace.rmdirAt(dir, name('a')));
    refuses(errno.EINVAL, () => namespace.readlinkAt(dir, name('l')));
    namespace.unlinkAt(dir, name('a'));
    namespace.mkdirAt(dir, name('d'), 0o750);
    refuses(errno.EISDIR, () => namespace.unlinkAt(dir, name('d')));
    namespace.rmdirAt(dir, name('d'));
    assert.deepEqual(readdirSync(path).sort(), ['b', 'c', 'l']);
  }),
);

test(
  'a file without a name can be given one',
  withScratch((dir, path) => {
    const fd = openAt(dir, name('.'), c.O_TMPFILE | c.O_RDWR, 0o644);
    file.pwrite(fd, Buffer.from('late'), 0, 4, 0);
    namespace.linkAt(fd, self, dir, name('late'));
    closeFd(fd);
    assert.equal(readFileSync(`${path}/late`, 'utf8'), 'late');
  }),
);

test('device nodes carry their number', { skip: needsRoot }, () => {
  withScratch((dir) => {
    namespace.mknodAt(dir, name('whiteout'), S_IFCHR, makeDevice(0, 0));
    namespace.mknodAt(dir, name('big'), S_IFCHR | 0o600, makeDevice(4095, 1048575));
    assert.equal(statOf(dir, name('whiteout')).rdev, 0);
    assert.equal(statOf(dir, name('big')).rdev, makeDevice(4095, 1048575));
    refuses(errno.EEXIST, () => namespace.mknodAt(dir, name('big'), S_IFCHR, 0));
  })();
});

test(
  'reads and writes go to their offsets, holes are found and punched',
  withScratch((dir) => {
    const fd = openAt(dir, name('f'), create, 0o600);
    const bytes = Buffer.from('0123456789');
    assert.equal(file.pwrite(fd, bytes, 3, 4, 5 * 2 ** 30), 4);
    const back = Buffer.alloc(10, 0x2d);
    assert.equal(file.pread(fd, back, 1, 9, 5 * 2 ** 30), 4);
    assert.equal(back.toString(), '-3456-----');
    assert.throws(() => file.pread(fd, back, 5, 6, 0), /6 bytes at 5 of 10/);
    assert.equal(statOf(fd, self).size, 5 * 2 ** 30 + 4);
    assert.equal(file.lseek(fd, 0, c.SEEK_DATA), 5 * 2 ** 30);
    file.fallocate(fd, c.FALLOC_FL_PUNCH_HOLE | c.FALLOC_FL_KEEP_SIZE, 5 * 2 ** 30, 4);
    file.ftruncate(fd, 2 ** 20);
    refuses(errno.ENXIO, () => file.lseek(fd, 0, c.SEEK_DATA));
    refuses(errno.EINVAL, () => file.ftruncate(fd, -1));
    refuses(errno.EINVAL, () => file.fallocate(fd, 0, 0, 0));
    refuses(errno.EBADF, () => file.pread(100000, back, 0, 1, 0));
    refuses(errno.EBADF, () => file.pwrite(dir, back, 0, 1, 0));
    file.fdatasync(fd);
    file.fsync(fd);
    file.syncfs(fd);
    for (const sync of [file.fdatasync, file.fsync, file.syncfs]) refuses(errno.EBADF, () => sync(100000));
    closeFd(fd);
  }),
);

test(
  'copyData keeps holes and stops where the source ends',
  withScratch((dir) => {
    const source = openAt(dir, name('source'), create, 0o600);
    const mebi = 2 ** 20;
    for (const at of [1, 5]) file.pwrite(source, Buffer.alloc(mebi, at), 0, mebi, at * mebi);
    file.ftruncate(source, 9 * mebi);
    const target = openAt(dir, name('target'), create, 0o600);
    assert.equal(file.copyData(source, 0, target, 20 * mebi), 9 * mebi);
    const [from, to] = [statOf(source, self), statOf(target, self)];
    assert.equal(to.size, from.size);
    assert.ok(to.blocks <= from.blocks && to.blocks >= (2 * mebi) / 512, `${to.blocks} blocks of ${from.blocks}`);
    const [one, other] = [Buffer.alloc(9 * mebi), Buffer.alloc(9 * mebi)];
    file.pread(source, one, 0, one.length, 0);
    file.pread(target, other, 0, other.length, 0);
    assert.ok(one.equals(other));
    const part = openAt(dir, name('part'), create, 0o600);
    assert.equal(file.copyData(source, 5 * mebi + 1, part, mebi), mebi);
    assert.equal(file.pread(part, one, 0, 2 * mebi, 0), mebi);
    assert.ok(one.subarray(0, mebi - 1).every((byte) => byte === 5) && one[mebi - 1] === 0);
    assert.equal(file.copyData(source, 8 * mebi, part, 7 * mebi), mebi);
    for (const fd of [source, target, part]) closeFd(fd);
  }),
);

test(
  'copyData goes by hand where the kernel will not copy',
  withScratch((dir) => {
    // /proc has another file system and its files no size: copy_file_range refuses or says 0.
    const source = openPath('/proc/self/maps', c.O_RDONLY);
    const target = openAt(dir, name('t'), create, 0o600);
    assert.equal(file.copyData(source, 1, target, 100), 100);
    const [one, other] = [Buffer.alloc(100), Buffer.alloc(100)];
    file.pread(source, one, 0, 100, 1);
    file.pread(target, other, 0, 100, 0);
    assert.deepEqual(other, one);
    refuses(errno.EBADF, () => file.copyData(source, 1, 100000, 100));
    closeFd(source);
    closeFd(target);
  }),
);

test(
  'copyFileRange takes any offsets, clone says whether it can',
  { skip: needsNewCalls },
  withScratch((dir) => {
    const source = openAt(dir, name('s'), create, 0o600);
    const target = openAt(dir, name('t'), create, 0o600);
    file.pwrite(source, Buffer.from('abcdef'), 0, 6, 5 * 2 ** 30);
    assert.equal(file.copyFileRange(source, 5 * 2 ** 30 + 2, target, 1, 100), 4);
    const bytes = Buffer.alloc(5);
    file.pread(target, bytes, 0, 5, 0);
    assert.equal(bytes.toString('latin1'), '\0cdef');
    refuses(errno.EBADF, () => file.copyFileRange(100000, 0, target, 0, 1));
    if (file.clone(source, target)) assert.equal(statOf(target, self).size, 5 * 2 ** 30 + 6);
    refuses(errno.EBADF, () => file.clone(source, 100000));
    closeFd(source);
    closeFd(target);
  }),
);
