/** Callers that are killed, or only signalled, while a long copy-up goes on; and a daemon that is allowed few descriptors. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { cannotMount, withStage } from '../support/cli-stage.js';

const noPython = spawnSync('python3', ['-V'], { stdio: 'ignore' }).error === undefined ? false : 'needs python3';

/** Starts `$command` on a file whose copy takes a while, and goes on once the copy has begun. */
const begin = (
  command: string,
): string => `head -c 600000000 /dev/zero > base/big; $PLYFS -o lowerdir=base,upperdir=up,workdir=wk mnt
  ${command} & client=$!; while ! ls wk/work/#* >/dev/null 2>&1; do kill -0 $client || exit 1; done`;

for (const [what, signal] of Object.entries({ 'kill -9': 'KILL', 'Ctrl-C': 'INT', SIGQUIT: 'QUIT' })) {
  test(`${what} ends a chmod that waits for a copy-up: it dies, and nothing has changed`, { skip: cannotMount || noPython }, () =>
    withStage((stage) => {
      // A shell lets what it starts in the background ignore INT and QUIT.
      const chmod = `python3 -c 'import os, signal; [signal.signal(s, signal.SIG_DFL) for s in (2, 3)]; os.chmod("mnt/big", 0o700)'`;
      const ended =
        stage.sh(`${begin(chmod)}; kill -${signal} $client; wait $client; echo $?; stat -c %a mnt/big; ls wk/work/#* 2>/dev/null | wc -l
        while ls wk/work/#* >/dev/null 2>&1; do :; done; ls up; chmod 711 mnt/big; stat -c %a up/big; cmp mnt/big base/big; $PLYFS umount mnt`);
      const [status, mode, , ...rest] = ended.stdout.trim().split('\n');
      assert.equal(Number(status) > 128, true, ended.stdout + ended.stderr);
      assert.deepEqual([mode, ...rest], ['644', '711'], 'unchanged; then a second one changes it');
    })(),
  );
}

test(
  'signals that the caller handles do not disturb what waits for a copy-up, as on a disk',
  { skip: cannotMount || noPython },
  () =>
    withStage((stage) => {
      const chmod = `import ctypes, signal
signal.signal(signal.SIGALRM, lambda *_: None); signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
libc = ctypes.CDLL(None, use_errno=True); print(libc.chmod(b"mnt/big", 0o700), ctypes.get_errno())`;
      const ended = stage.sh(`${begin(`python3 -c '${chmod}'`)}; wait $client; stat -c %a mnt/big; $PLYFS umount mnt`);
      assert.equal(ended.stdout, '0 0\n700\n', ended.stderr);
    })(),
);

const clients = `
import os
held = [os.open("mnt/d%d/f" % i, os.O_RDWR) for i in range(150)]
for fd in held: os.write(fd, b"x")
print(sum(os.fstat(fd).st_size for fd in held))`;

for (const io of ['cached', 'writeback', 'passthrough']) {
  test(
    `with 128 descriptors a daemon serves 150 open files and can be unmounted, io=${io}`,
    { skip: cannotMount || noPython },
    () =>
      withStage((stage) => {
        const ended = stage.sh(`for i in $(seq 0 149); do mkdir base/d$i; echo $i > base/d$i/f; done
        (ulimit -Sn 100; ulimit -Hn 128; exec $PLYFS -o lowerdir=base,upperdir=up,workdir=wk,io=${io} mnt)
        cat mnt/*/f | wc -l; python3 -c '${clients}'; rm -r mnt/d1; ls mnt | wc -l; $PLYFS stats mnt >/dev/null && $PLYFS umount mnt && echo gone`);
        assert.deepEqual([ended.stdout, ended.stderr], ['150\n490\n151\ngone\n', '']);
      })(),
  );
}

test(
  'more layers than descriptors are refused in a sentence that names the limit, and nothing stays',
  { skip: cannotMount },
  () =>
    withStage((stage) => {
      const ended = stage.sh(`layers=base; for i in $(seq 120); do mkdir base/l$i; layers=$layers:base/l$i; done
      ulimit -Sn 128; ulimit -Hn 128; $PLYFS -o lowerdir=$layers mnt`);
      assert.equal(ended.status, 1);
      assert.match(
        ended.stderr,
        /^plyfs: this mount needs \d+ open files and more, and 128 are allowed: raise the limit \(ulimit -n[^\n]*\n$/,
      );
    })(),
);
