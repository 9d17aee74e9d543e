/** The direct driver on a real mount of a MirrorFs. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { directDriver } from '../../src/fuse/direct/driver.js';
import type { DriverOptions, IoMode } from '../../src/fuse/driver.js';
import { MirrorMount, mirrorServer } from '../support/mirror-mount.js';

const skip = whyNot();
const modes: IoMode[] = ['cached', 'writeback', 'passthrough'];

function whyNot(): string | false {
  if (process.getuid?.() !== 0) return 'needs root to mount';
  try {
    accessSync('/dev/fuse', constants.R_OK | constants.W_OK);
    return false;
  } catch (error) {
    return `needs /dev/fuse (${error instanceof Error ? error.message : error})`;
  }
}

/** The requests of `work` once it was done before. Others on the machine may drop caches at any time: the fewest of five attempts tell. */
function undisturbed(m: MirrorMount, work: () => void): ReturnType<MirrorMount['requests']> {
  work();
  const attempts = Array.from({ length: 5 }, () => m.requests(work));
  const total = (counts: object) => Object.values(counts).reduce((sum: number, count: number) => sum + count, 0);
  return attempts.reduce((least, counts) => (total(counts) < total(least) ? counts : least));
}

/** Runs `body` on a fresh mount, which is gone afterwards whatever happens. */
async function onMount(
  changes: Partial<DriverOptions>,
  body: (m: MirrorMount) => void | Promise<void>,
  prepare?: (m: MirrorMount) => void,
) {
  const m = new MirrorMount(changes);
  try {
    prepare?.(m);
    await m.mount();
    await body(m);
  } finally {
    await m.unmount();
  }
}

for (const io of modes) {
  test(`${io}: a tree made through the mount is the tree below`, { skip }, () =>
    onMount({ io }, (m) => {
      m.sh(
        'cd $M; mkdir -p a/b; echo one > a/1; echo two > a/b/2; ln a/1 a/hard; ln -s ../1 a/b/link; mkfifo a/p; mknod a/c c 1 3',
      );
      m.sh(
        'cd $M; chmod 640 a/1; chown 12:34 a/b/2; touch -hd @-5.25 a/b/link; setfattr -n user.k -v v a/1; mv a/b a/bb; rm a/hard',
      );
      m.sh('cd $M; echo more >> a/1; truncate -s 3 a/bb/2; mkdir gone; rmdir gone');
      const below = m.root;
      assert.equal(readFileSync(join(below, 'a/1'), 'utf8'), 'one\nmore\n');
      assert.equal(readFileSync(join(below, 'a/bb/2'), 'utf8'), 'two');
      const script = 'find . -printf "%y %m %U:%G %s %n %T@ %l %p\\n" | sort; getfattr -R -d . 2>/dev/null';
      assert.equal(m.sh(`cd $M; ${script}`), m.sh(`cd ${below}; ${script}`));
      assert.equal(m.sh('stat -c %Y $M/a/bb/link').trim(), '-6');
    }),
  );

  test(`${io}: bytes written in pieces, at holes, by mmap and by copy_file_range come back`, { skip }, () =>
    onMount({ io }, (m) => {
      m.python(`
import mmap
fd = os.open(M + b'/f', os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o444)
for i in range(100): os.pwrite(fd, bytes([i]) * 1000, i * 5000)
os.pwrite(fd, b'x' * 3000000, 10 << 20)
os.posix_fallocate(fd, 0, 14 << 20)
m = mmap.mmap(fd, 0)
m[20000:20004] = b'mmap'
m.flush()
assert os.pread(fd, 6, 19999) == b'\\x00mmap\\x04', os.pread(fd, 6, 19999)
g = os.open(M + b'/g', os.O_RDWR | os.O_CREAT, 0o600)
assert os.copy_file_range(fd, g, 5000, 4998, 10) == 5000
assert os.pread(g, 3, 10) == bytes([0, 0, 1])
os.fsync(fd); os.fdatasync(g)
`);
      m.sh(`cmp $M/f ${m.root}/f; cmp $M/g ${m.root}/g; test $(stat -c %s $M/f) = ${14 << 20}`);
      m.sh('stat -c %a:%s $M/f | grep -q 444:; echo new > $M/g; test "$(cat $M/g)" = new');
    }),
  );

  test(`${io}: holes are found, O_TMPFILE, rename flags and unlinked files work`, { skip }, () =>
    onMount({ io }, (m) => {
      m.python(`
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
def rename2(a, b, flags): return 0 if libc.renameat2(-100, M + a, -100, M + b, flags) == 0 else ctypes.get_errno()
fd = os.open(M + b'/s', os.O_RDWR | os.O_CREAT, 0o600)
os.pwrite(fd, b'a' * 4096, 1 << 20); os.fsync(fd)
assert os.lseek(fd, 0, os.SEEK_DATA) == 1 << 20 and os.lseek(fd, 1 << 20, os.SEEK_HOLE) == (1 << 20) + 4096
try: os.lseek(fd, 9 << 20, os.SEEK_DATA); assert False
except OSError as e: assert e.errno == errno.ENXIO
t = os.open(M, os.O_TMPFILE | os.O_RDWR, 0o640)
os.write(t, b'nameless'); assert libc.linkat(-100, b'/proc/self/fd/%d' % t, -100, M + b'/named', 0x400) == 0; os.close(t)
assert open(M + b'/named').read() == 'nameless'
open(M + b'/x', 'w').write('x'); open(M + b'/y', 'w').write('y')
assert rename2(b'/x', b'/y', 1) == errno.EEXIST
assert rename2(b'/x', b'/y', 2) == 0
assert open(M + b'/x').read() == 'y' and open(M + b'/y').read() == 'x'
os.unlink(M + b'/s'); assert os.fstat(fd).st_nlink == 0 and os.pread(fd, 2, 1 << 20) == b'aa'
odd = M + b'/' + bytes(range(128, 255)) + b'/'; os.mkdir(odd); assert bytes(range(128, 255)) in os.listdir(M)
`);
    }),
  );
}

test('a warm tree walk, a warm open+read+close and a repeated miss send no request', { skip }, () =>
  onMount(
    { isReadOnly: true },
    (m) => {
      const walk = () => m.python('for d, _, files in os.walk(M):\n for f in files: os.lstat(os.path.join(d, f))');
      const read = () => m.python("for i in range(20): fd = os.open(M + b'/d/1', 0); os.read(fd, 99); os.close(fd)");
      const miss = () => m.python("for i in range(20): assert not os.path.exists(M + b'/d/none')");
      assert.deepEqual(undisturbed(m, walk), {});
      const find = () => m.sh('find $M -printf "%p %s %m %l\\n" > /dev/null');
      assert.deepEqual(undisturbed(m, find), { STATFS: 1 }, 'find asks for the type of the file system');
      assert.deepEqual(undisturbed(m, read), {});
      assert.deepEqual(undisturbed(m, miss), {});
    },
    (m) => {
      mkdirSync(join(m.root, 'd/e'), { recursive: true });
      for (let i = 0; i < 50; i++) writeFileSync(join(m.root, `d/${i}`), `file ${i}`);
    },
  ),
);

/** Directories d0 to d5 of twenty files each. */
function makeDirectories(m: MirrorMount): void {
  for (let d = 0; d < 6; d++) {
    mkdirSync(join(m.root, `d${d}`));
    for (let i = 0; i < 20; i++) writeFileSync(join(m.root, `d${d}`, `${i}`), '');
  }
}

/** The LOOKUPs of `script` for each of the directories d1 to d5: the fewest tell, for the same reason as above. */
function fewestLookups(m: MirrorMount, script: (directory: string) => string): number {
  const counts = [1, 2, 3, 4, 5].map((d) => m.requests(() => m.sh(script(`$M/d${d}`))).LOOKUP ?? 0);
  return Math.min(...counts);
}

test('a plain find looks no file up', { skip }, () =>
  onMount(
    { isReadOnly: true },
    (m) =>
      assert.equal(
        fewestLookups(m, (d) => `find ${d} -type f`),
        1,
        'the directory',
      ),
    makeDirectories,
  ),
);

test('after one directory was listed and looked at, the next bring their attributes along', { skip }, () => {
  const look = (directory: string) => `cd ${directory}; stat * > /dev/null`;
  return onMount(
    { isReadOnly: true },
    (m) => {
      m.sh(look('$M/d0'));
      assert.equal(fewestLookups(m, look), 1, 'the directory');
    },
    makeDirectories,
  );
});

test('a small file made in a known directory takes five requests', { skip }, () =>
  onMount({ io: 'cached' }, (m) => {
    let last = 0;
    const make = () => m.python(`fd = os.open(M + b'/d/${++last}', 65, 0o644); os.write(fd, b'2'); os.close(fd)`);
    m.python("os.mkdir(M + b'/d')");
    assert.deepEqual(undisturbed(m, make), { LOOKUP: 1, MKNOD: 1, WRITE: 1, GETATTR: 1, GETXATTR: 1 });
  }),
);

test('in passthrough the bytes bypass the daemon, and a later stat tells the new size', { skip }, () =>
  onMount({ io: 'passthrough' }, (m) => {
    const counts = m.requests(() => {
      m.python("f = open(M + b'/f', 'wb', 0)\nfor i in range(50): f.write(b'0123456789')");
      assert.equal(m.sh('stat -c %s $M/f').trim(), '500');
    });
    assert.equal(counts.WRITE, undefined);
    assert.equal(counts.RELEASE, 1);
    assert.deepEqual(m.requests(() => m.sh('cmp $M/f $M/f')).READ, undefined);
    assert.equal(statSync(join(m.root, 'f')).size, 500);
  }),
);

test('an exception in the file system is EIO to its caller, and the mount lives on', { skip }, () =>
  onMount({}, (m) => {
    assert.throws(() => m.sh('cat $M/throws-here'), /Input\/output error/);
    assert.equal(m.counters.get('exceptions'), 1);
    m.sh('echo alive > $M/f; test "$(cat $M/f)" = alive');
  }),
);

test('a write that waits for a copy is retried when the copy has ended, and others are served meanwhile', { skip }, () =>
  onMount({}, (m) => {
    m.sh('truncate -s 1000000 $M/slow-file; echo text > $M/slow-file; test "$(cat $M/slow-file)" = text');
    assert.ok(m.counters.get('parked') >= 1);
    m.sh('for i in 1 2 3 4; do (echo $i > $M/slow-$i; sync $M/slow-$i) & done; wait; test $(cat $M/slow-* | wc -l) = 5');
  }),
);

test('a killed server leaves a stale mount, which the next attach replaces', { skip }, async () => {
  const m = new MirrorMount();
  try {
    const data = JSON.stringify({ root: m.root, options: { ...m.options, timeoutSec: 1e9 } });
    const server = spawn(process.execPath, [fileURLToPath(mirrorServer), data], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(server.stdout, 'data');
    m.sh('echo 1 > $M/f');
    server.kill('SIGKILL');
    await once(server, 'exit');
    assert.throws(() => m.sh('cat $M/f'), /not connected/);
    await m.mount();
    assert.equal(m.sh('cat $M/f'), '1\n');
    assert.equal(readFileSync('/proc/self/mountinfo', 'utf8').split(` ${m.target} `).length, 2, 'one mount on the target');
  } finally {
    await m.unmount();
  }
});

test('a target that cannot be mounted on is refused with a sentence that names it', { skip }, () => {
  const m = new MirrorMount();
  writeFileSync(join(m.base, 'file'), '');
  const attach = (target: string) => () => directDriver.attach({ ...m.options, target });
  assert.throws(attach(join(m.base, 'none')), { code: 'target-missing', message: /none: it does not exist/ });
  assert.throws(attach(join(m.base, 'file')), { code: 'target-no-directory', message: /file: it is not a directory/ });
  return m.unmount();
});
