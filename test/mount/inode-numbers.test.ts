/** Inode numbers, whatever the layers lie on: one for each file and no two files of one, the same over copy-up, drop_caches and remounts, and
 *  in a listing the same as from stat(2). */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { type CliStage, cannotMount, withStage } from '../support/cli-stage.js';

interface Ground {
  name: string;
  /** Programs without which it is left out. */
  needs: string[];
  /** Puts a copy of `src` to `disk/t`. */
  make: string;
  /** Handles of its files tell a file that was renamed from others, over remounts. */
  knowsRenamed: boolean;
  /** Its own numbers are not the same each time: then ours are within a mount. */
  isUnsteady?: boolean;
}

const onImage = (mkfs: string, megabytes: number) =>
  `truncate -s ${megabytes}M img && ${mkfs} img >/dev/null 2>&1 && mount -o loop img disk`;
const copied = 'mkdir disk/t && cp -a src/. disk/t';
const packed = 'mkdir pack && cp -a src pack/t';

const grounds: Ground[] = [
  { name: 'ext4', needs: ['mkfs.ext4'], make: `${onImage('mkfs.ext4 -q', 32)} && ${copied}`, knowsRenamed: true },
  { name: 'xfs', needs: ['mkfs.xfs'], make: `${onImage('mkfs.xfs -q', 320)} && ${copied}`, knowsRenamed: true },
  { name: 'tmpfs', needs: [], make: `mount -t tmpfs x disk && ${copied}`, knowsRenamed: true },
  {
    name: 'btrfs with subvolumes',
    needs: ['mkfs.btrfs', 'btrfs'],
    make: `${onImage('mkfs.btrfs -q -f', 160)} && btrfs subvolume create disk/t >/dev/null && cp -a src/. disk/t &&
      for s in one two one/three; do btrfs subvolume create disk/t/$s >/dev/null && cp -a src/d src/e disk/t/$s; done`,
    knowsRenamed: true,
  },
  {
    name: 'erofs',
    needs: ['mkfs.erofs'],
    make: `${packed} && mkfs.erofs img pack >/dev/null 2>&1 && mount -t erofs -o loop,ro img disk`,
    knowsRenamed: true,
  },
  {
    name: 'squashfs',
    needs: ['mksquashfs'],
    make: `${packed} && mksquashfs pack img -quiet -no-progress >/dev/null && mount -t squashfs -o loop,ro img disk`,
    knowsRenamed: false,
  },
  {
    name: 'squashfuse',
    needs: ['mksquashfs', 'squashfuse'],
    make: `${packed} && mksquashfs pack img -quiet -no-progress >/dev/null && squashfuse img disk`,
    knowsRenamed: false,
    isUnsteady: true,
  },
  {
    name: 'squashfuse_ll',
    needs: ['mksquashfs', 'squashfuse_ll'],
    make: `${packed} && mksquashfs pack img -quiet -no-progress >/dev/null && squashfuse_ll img disk`,
    knowsRenamed: false,
  },
  {
    name: 'fuse2fs',
    needs: ['mkfs.ext4', 'fuse2fs'],
    make: `${packed} && truncate -s 16M img && mkfs.ext4 -q -d pack img && fuse2fs -o ro img disk`,
    knowsRenamed: false,
  },
  {
    name: "the kernel's overlay",
    needs: [],
    make: `${packed} && mkdir pack2 k && mount -t tmpfs x k && mkdir k/up k/wk && cp -a src/d pack2/t &&
      mount -t overlay -o lowerdir=pack2:pack,upperdir=k/up,workdir=k/wk x disk`,
    knowsRenamed: false,
  },
];

/** Path and inode number of every name below mnt, by stat(2) and by listing. */
function census(stage: CliStage): { numbers: Map<string, string>; listed: Map<string, string> } {
  const byStat = stage.sh(`find mnt -mindepth 1 -printf '%i %P\\n'`);
  assert.equal(byStat.stderr, '');
  const byList = stage.sh(
    `find mnt -type d -printf '%P\\n' | while read -r d; do ls -1Ui "mnt/$d" | sed "s,^ *\\([0-9]*\\) ,\\1 $d/,; s, /, ,"; done`,
  );
  return { numbers: numbersOf(byStat.stdout), listed: numbersOf(byList.stdout) };
}

function numbersOf(text: string): Map<string, string> {
  const lines = text.trim().split('\n').sort();
  return new Map(lines.map((line) => [line.slice(line.indexOf(' ') + 1), line.slice(0, line.indexOf(' '))]));
}

/** Names that share a number without being links of one file (those begin with `link`). */
function shared(numbers: Map<string, string>): string[] {
  const byNumber = new Map<string, string>();
  return [...numbers].flatMap(([path, number]) => {
    const other = byNumber.get(number);
    byNumber.set(number, path);
    return other === undefined || path.includes('/link') ? [] : [`${other} = ${path}`];
  });
}

const missing = ({ needs }: Ground) => needs.find((program) => spawnSync('which', [program]).status !== 0);

for (const ground of grounds) {
  const skip = cannotMount || (missing(ground) !== undefined && `needs ${missing(ground)}`);
  test(
    `numbers of files are distinct and stay, with layers on ${ground.name}`,
    { skip },
    withStage((stage) => {
      const source = `mkdir -p src/d/s src/e src/e/t && mkdir disk && for i in $(seq 40); do echo $i > src/f$i; echo $i > src/d/g$i; echo $i > src/d/s/h$i; done
        echo k > src/e/klink && ln src/e/klink src/e/link && ln -s f1 src/l && mkfifo src/p`;
      const made = stage.sh(`set -e; ${source}; ${ground.make}`);
      assert.deepEqual([made.status, made.stderr], [0, ''], 'the layer');
      const mount = () => stage.ok('mount', '-o', 'lowerdir=disk/t,upperdir=up,workdir=wk', 'mnt');
      try {
        mount();
        const first = check(stage, 'at first');
        const changes = `cd mnt && chmod 600 f1 f2 d/g* && echo more >> f3 && chmod 700 d/s e && chmod 600 d/s/h1 && mv f9 e/f9 && echo x >> e/link
          if [ -d one ]; then chmod 700 one two one/three/e && chmod 600 one/d/g* two/d/g1; fi`;
        assert.equal(stage.sh(changes).stderr, '');
        first.set('e/f9', first.get('f9') ?? '');
        first.delete('f9');
        assert.deepEqual(sorted(check(stage, 'after changes')), sorted(first));
        writeFileSync('/proc/sys/vm/drop_caches', '3');
        assert.deepEqual(sorted(check(stage, 'without caches')), sorted(first));
        stage.ok('umount', 'mnt');
        mount();
        const again = check(stage, 'after a remount');
        if (!ground.knowsRenamed) for (const numbers of [first, again]) numbers.delete('e/f9');
        if (ground.isUnsteady !== true) assert.deepEqual(sorted(again), sorted(first));
      } finally {
        stage.sh('$PLYFS umount mnt; umount disk; [ -d k ] && umount k; true');
      }
    }),
  );
}

const sorted = (numbers: Map<string, string>) => [...numbers].sort();

/** The census, which must be one of distinct numbers. */
function check(stage: CliStage, when: string): Map<string, string> {
  const { numbers, listed } = census(stage);
  assert.deepEqual(sorted(listed), sorted(numbers), `listings and stat ${when}`);
  assert.deepEqual(shared(numbers), [], `shared numbers ${when}`);
  return numbers;
}

test(
  'an upper used again over a lower that was made anew shares no numbers with it, nor one that the kernel wrote',
  { skip: cannotMount },
  withStage((stage) => {
    const layers = 'lowerdir=base,upperdir=up,workdir=wk';
    stage.sh('for i in $(seq 60); do echo $i > base/f$i; done; echo 1 > base/a; ln base/a base/z');
    stage.sh(`mount -t overlay -o ${layers} x mnt && echo 2 >> mnt/a && umount mnt`);
    stage.ok('mount', '-o', layers, 'mnt');
    check(stage, 'where the kernel has copied one of two names');
    assert.equal(stage.sh('chmod 600 mnt/f*; mv mnt/f1 mnt/g1; $PLYFS umount mnt').stderr, '');
    stage.sh(
      'cp -r base again && rm -r base && mkdir base && for i in $(seq 70 200); do echo $i > base/f$i; done; cp -r again/. base; rm -r again',
    );
    stage.ok('mount', '-o', layers, 'mnt');
    const { numbers } = census(stage);
    stage.ok('umount', 'mnt');
    assert.deepEqual(shared(numbers), []);
    assert.ok(existsSync(stage.at('up/g1')));
  }),
);
