/** The fuse-native driver on a mirror of a directory, served by a process of its own: what the case list does not reach. */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { umount } from '../../src/sys/mount.js';
import { fuseNative, mountsBelow } from '../support/implementers.js';
import { MirrorMount, mirrorServer } from '../support/mirror-mount.js';
import type { MirrorServerData } from '../support/mirror-server.js';

const skip = fuseNative.unavailable() ?? false;

interface Served {
  m: MirrorMount;
  server: ChildProcess;
  /** What the server wrote to stderr so far. */
  said: () => string;
}

/** Runs `use` on a mount; afterwards the server must end by itself, with status 0, when the file system is unmounted. */
async function onMount(use: (served: Served) => void | Promise<void>): Promise<void> {
  const m = new MirrorMount();
  const data: MirrorServerData = { root: m.root, driver: 'fuse-native', options: { ...m.options, timeoutSec: 1e9 } };
  const server = spawn(process.execPath, ['--enable-source-maps', fileURLToPath(mirrorServer), JSON.stringify(data)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  server.stderr.on('data', (chunk) => {
    text += chunk;
  });
  const exited = once(server, 'exit');
  try {
    const [first] = await Promise.race([once(server.stdout, 'data'), exited]);
    assert.equal(String(first), 'ready\n', text);
    await use({ m, server, said: () => text });
    if (mountsBelow(m.target).length > 0) m.sh('umount $M');
    assert.deepEqual(await exited, [0, null], text);
  } finally {
    if (server.exitCode === null) server.kill('SIGKILL');
    for (const target of mountsBelow(m.target)) umount(target, 2);
    await m.unmount();
  }
}

test('an umount from outside ends the server, a lazy one when the last file is closed', { skip }, () =>
  onMount(({ m }) => {
    m.sh('echo kept > $M/f; exec 3< $M/f; umount -l $M; test "$(cat <&3)" = kept');
    assert.deepEqual(mountsBelow(m.target), []);
  }),
);

test('an unknown exception is EIO for the caller and a line in the log, and the mount goes on', { skip }, () =>
  onMount(async ({ m, server, said }) => {
    m.sh('! stat $M/throws-x 2> $M/err; grep -q "Input/output error" $M/err; echo 1 > $M/f');
    while (!said().includes('\n')) await once(server.stderr!, 'data'); // a pipe, see onMount
    assert.match(said(), /getattr "\/throws-x": Error: a bug in the file system/);
  }),
);

test('a write that waits for a copy is retried when the copy has ended, and others are served meanwhile', { skip }, () =>
  onMount(({ m }) => {
    m.sh('truncate -s 1000000 $M/slow-file; echo text > $M/slow-file; test "$(cat $M/slow-file)" = text');
    m.sh('for i in 1 2 3 4; do (echo $i > $M/slow-$i; sync $M/slow-$i) & done; wait; test $(cat $M/slow-* | wc -l) = 5');
  }),
);

test('an open file that is unlinked leaves no name behind, and its directory can be renamed and removed', { skip }, () =>
  onMount(({ m }) => {
    m.python(`
os.chdir(M)
os.mkdir('d')
f = os.open('d/f', os.O_RDWR | os.O_CREAT)
g = os.open('d/f', os.O_RDONLY)
os.write(f, b'data')
os.unlink('d/f')
assert os.listdir('d') == [], os.listdir('d')
assert os.fstat(f).st_nlink == 0
os.rename('d', 'e')
os.close(g)
assert os.pread(f, 9, 0) == b'data'
os.fchmod(f, 0o600); os.ftruncate(f, 2); os.utime(f, (1, 2)); os.setxattr(f, 'user.k', b'v')
s = os.fstat(f)
assert (s.st_mode & 0o777, s.st_size, s.st_mtime) == (0o600, 2, 2), s
os.rmdir('e')
os.close(f)`);
    assert.deepEqual(readdirSync(m.root), []);
  }),
);

test('a file that replaces an open one takes its name, and the open one keeps its bytes', { skip }, () =>
  onMount(({ m }) => {
    m.sh('cd $M; echo old > a; echo new > b; exec 3< a; mv b a; test "$(cat a) $(cat <&3) $(ls -A)" = "new old a"');
  }),
);

test("a user's own file may be called as libfuse calls its hidden ones", { skip }, () =>
  onMount(({ m }) => {
    m.sh(
      'cd $M; echo 1 > a; mv a .fuse_hidden0000000100000001; test "$(cat .fuse_hidden*)" = 1; test "$(ls -A)" = "$(echo .fuse*)"',
    );
  }),
);

test('both times are set, to the millisecond, and names are bytes', { skip }, () =>
  onMount(({ m }) => {
    m.python(`
f = os.path.join(M, b'\\xff\\xfe')
os.close(os.open(f, os.O_WRONLY | os.O_CREAT))
os.utime(f, ns=(-1500000000, 7000000000123000000))
s = os.stat(f)
assert (s.st_atime_ns, s.st_mtime_ns) == (-1500000000, 7000000000123000000), s
os.symlink(b'\\xe4', os.path.join(M, b'l'))
assert os.readlink(os.path.join(M, b'l')) == b'\\xe4'
assert sorted(os.listdir(M)) == [b'l', b'\\xff\\xfe']`);
    assert.deepEqual(
      readdirSync(Buffer.from(m.root), 'buffer').map((name) => name.toString('latin1')),
      ['l', '\xff\xfe'],
    );
  }),
);

test('xattrs: too little room is ERANGE, no value is a value, a missing one ENODATA', { skip }, () =>
  onMount(({ m }) => {
    m.python(`
import ctypes, errno
c = ctypes.CDLL(None, use_errno=True)
f = os.path.join(M, b'f')
os.close(os.open(f, os.O_WRONLY | os.O_CREAT))
os.setxattr(f, 'user.empty', b'')
os.setxattr(f, 'user.long', b'x' * 3000)
assert os.getxattr(f, 'user.empty') == b''
assert os.getxattr(f, 'user.long') == b'x' * 3000
room = ctypes.create_string_buffer(10)
assert c.getxattr(f, b'user.long', room, 10) == -1 and ctypes.get_errno() == errno.ERANGE
assert c.listxattr(f, room, 10) == -1 and ctypes.get_errno() == errno.ERANGE
assert c.listxattr(f, None, 0) == len(b'user.empty') + len(b'user.long') + 2
assert c.getxattr(f, b'user.none', room, 10) == -1 and ctypes.get_errno() == errno.ENODATA`);
  }),
);

test('many threads at once read and write what they should', { skip }, () =>
  onMount(({ m }) => {
    m.sh(`for i in 1 2 3 4 5 6 7 8; do
      (mkdir $M/d$i; seq $i 20000 > $M/d$i/f; cp $M/d$i/f $M/d$i/g; seq $i 20000 | cmp - $M/d$i/g || touch $M/bad) & done; wait; test ! -e $M/bad`);
    assert.equal(readdirSync(join(m.root, 'd8')).length, 2);
  }),
);
