/** Containers as users have them: changed through a mount, committed, exported, and read by other tools. */

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { makeArchive } from '../support/archive.js';
import { type CliStage, cannotMount, withStage } from '../support/cli-stage.js';

const dump = fileURLToPath(new URL('../support/dump.js', import.meta.url));

/** Every kind of change but one: a write to one of two names of a lower file, which other overlays make a file of its own. Times are whole seconds, as a layer keeps them. */
const changes = `
mkdir etc/new; echo n > etc/new/f; ln etc/new/f etc/new/g; chown 7:8 etc/new/f
rm etc/gone; rm -r usr/share; mkdir usr/share; echo s > usr/share/s; mv usr/lib usr/lib2; mv etc/name etc/renamed
chmod 600 etc/passwd; setfattr -n user.k -v v etc/passwd; setfattr -n trusted.t -v t etc/new
cp bin/tool bin/copy; setcap cap_net_raw+ep bin/tool
mkfifo etc/p; mknod etc/null c 1 3; ln -s ../nowhere etc/l; truncate -s 3M big; printf end >> big; chmod 1777 etc/new
find . -newermt 2001-01-01 -exec touch -h -d @1000000000 {} +`;

/** Carries out the lines of `list` in `copy`, with what `mnt` shows. */
const applied = `while read -r kind path; do
  [ "$kind" = D ] || [ ! -d "mnt$path" ] || [ -L "mnt$path" ] && rm -rf "copy$path"
  [ "$kind" = D ] && continue
  if [ -d "mnt$path" ] && [ ! -L "mnt$path" ]; then
    mkdir -p "copy$path"; chown --reference "mnt$path" "copy$path"; chmod --reference "mnt$path" "copy$path"
    getfattr -h --absolute-names -d -m '^(user[.][^p]|trusted)' "mnt$path" | sed 's,^# file: mnt,# file: copy,' | setfattr -h --restore=-
  else
    cp -a "mnt$path" "copy$path"
  fi
done < list`;

function makeApp(stage: CliStage): void {
  makeArchive(stage.path, 'app', [
    {
      createdBy: 'ADD base',
      script: `mkdir -p bin etc usr/share/doc usr/lib/x; echo tool > bin/tool; echo l > bin/linked; ln bin/linked bin/linked2
        echo p > etc/passwd; echo g > etc/gone; echo n > etc/name; echo d > usr/share/doc/d; echo so > usr/lib/x/so; ln -s lib usr/l
        find . -exec touch -h -d @900000000 {} +`,
    },
    {
      createdBy: 'RUN more',
      script: 'mkdir -p usr/lib/x etc; echo so2 > usr/lib/x/so2; touch etc/.wh.none; find . -exec touch -h -d @900000001 {} +',
    },
  ]);
  stage.ok('load', '-q', '-i', stage.at('app.tar'));
}

/** A script in the stage that must succeed; what it prints. $PLYFS is the program, $DUMP prints a tree. */
function ok(stage: CliStage, script: string): string {
  const ended = stage.sh(`set -e; PLYFS_ROOT=$PWD/store; export PLYFS_ROOT; DUMP="${process.execPath} ${dump}"\n${script}`);
  assert.equal(ended.status, 0, `${script}\n${ended.stdout}${ended.stderr}`);
  return ended.stdout;
}

/** Tests here use a store of their own, also through `stage.ok`. */
function withApp(use: (stage: CliStage) => void | Promise<void>): () => Promise<void> {
  return withStage(async (stage) => {
    process.env.PLYFS_ROOT = stage.at('store');
    try {
      makeApp(stage);
      await use(stage);
    } finally {
      delete process.env.PLYFS_ROOT;
    }
  });
}

function lacks(...programs: string[]): string | false {
  if (cannotMount !== false) return cannotMount;
  const missing = programs.find(
    (program) => !['/usr/bin', '/usr/sbin', '/sbin', '/bin'].some((path) => existsSync(`${path}/${program}`)),
  );
  return missing === undefined ? false : `needs ${missing}`;
}

test(
  'a view that was changed, committed while mounted, and mounted as an image is the same to the nanosecond',
  { skip: lacks('setcap', 'setfattr') },
  withApp((stage) => {
    ok(stage, '$PLYFS create --name web app; $PLYFS mount web mnt');
    ok(stage, `cd mnt; ${changes}; touch etc/now; echo more >> bin/linked`);
    assert.match(ok(stage, '$PLYFS ps'), /app +\S.* +Mounted on .*mnt +web/);
    assert.equal(
      ok(stage, "$PLYFS inspect -f '{{.Name}} {{.State.Status}} {{.GraphDriver.Data.MergedDir}}' web"),
      `/web mounted ${stage.at('mnt')}\n`,
    );
    const listed = ok(stage, '$PLYFS diff web');
    assert.match(listed, /^A \/usr\/lib2\/x\/so2$/m);
    assert.match(listed, /^D \/usr\/lib\nA \/usr\/lib2$/m);
    assert.equal(listed, ok(stage, '$PLYFS diff --verify web'));
    ok(stage, `mkdir copy; $PLYFS export app | tar -C copy --xattrs -xf -; $PLYFS diff web > list; ${applied}`);
    assert.equal(
      ok(stage, '$PLYFS diff --content --xattrs ./copy/ ./mnt/; $PLYFS diff ./copy/ ./mnt/'),
      '',
      'the changes, made in the base',
    );
    const committed = ok(stage, '$DUMP mnt > view; $PLYFS commit --nanoseconds -m m web app:2 2>&1');
    assert.match(committed, /the mount was held for \d+ ms\nsha256:[0-9a-f]{64}\n$/);
    const byUpper = ok(
      stage,
      '$PLYFS commit --nanoseconds --upper "$($PLYFS inspect -f {{.GraphDriver.Data.UpperDir}} web)" --onto app app:u 2>&1',
    );
    assert.match(byUpper, /^plyfs: the mount was held for/, 'an upper that is mounted');
    ok(stage, '$PLYFS umount mnt; $PLYFS mount app:2 mnt; $DUMP mnt > image; $PLYFS umount mnt');
    ok(stage, 'diff view image; $PLYFS diff --content --xattrs app:2 app:u > none; [ ! -s none ]');
    assert.equal(ok(stage, '$PLYFS diff web app:2'), '');
    // Exported and imported, it is the same again; a tar of it says the same as tar does.
    ok(
      stage,
      '$PLYFS export --nanoseconds web | $PLYFS import - app:3; $PLYFS mount app:3 mnt; $DUMP mnt > flat; $PLYFS umount mnt',
    );
    ok(stage, 'diff view flat');
    ok(stage, '$PLYFS rm web; [ -z "$($PLYFS ps -aq)" ]');
  }),
);

test(
  "what the kernel's overlay has mounted is neither removed nor committed as if it held still",
  { skip: lacks('mount') },
  withApp((stage) => {
    ok(stage, '$PLYFS create --name web app; mkdir lower');
    const upper = ok(stage, '$PLYFS inspect -f {{.GraphDriver.Data.UpperDir}} web').trim();
    ok(stage, `mount -t overlay overlay -o "lowerdir=lower,upperdir=${upper},workdir=${upper.replace(/upper$/, 'work')}" mnt`);
    try {
      for (const command of ['rm web', 'rm -f web', 'commit web app:2', 'mount web other']) {
        const ended = stage.sh(`PLYFS_ROOT=$PWD/store; export PLYFS_ROOT; mkdir -p other; $PLYFS ${command}`);
        assert.equal(ended.status, 1, command);
        assert.match(ended.stderr, /overlay (mount )?on .*\/mnt/, command);
      }
      ok(stage, 'echo x > mnt/x; $PLYFS commit --pause=false -q web app:2; $PLYFS ls app:2 / | grep -qx x');
    } finally {
      ok(stage, 'umount mnt');
    }
    ok(stage, '$PLYFS rm web');
  }),
);

test(
  'a command in another pid namespace sees live mounts, ends them, and takes no record or image away',
  { skip: lacks('unshare') },
  withApp((stage) => {
    ok(stage, '$PLYFS create --name web app; $PLYFS mount web mnt; echo new > mnt/new');
    try {
      const other = (words: string) => ok(stage, `unshare --pid --fork --mount-proc --propagation unchanged $PLYFS ${words}`);
      assert.match(other('ps'), /Mounted on .*mnt/);
      assert.match(other('mounts'), /\/mnt {2}\(direct, writable, pid \d+, in another mount namespace\)\n/);
      assert.match(other('commit web app:2 2>&1'), /the mount was held for/);
      assert.notEqual(stage.sh('PLYFS_ROOT=$PWD/store unshare --pid --fork --mount-proc $PLYFS rmi app').status, 0);
      assert.match(ok(stage, '$PLYFS mounts; $PLYFS stats mnt'), /\(direct, writable, pid \d+\)\n.*LOOKUP/s);
      other('umount mnt');
      assert.equal(ok(stage, '$PLYFS mounts | grep -c "$PWD/mnt" || true'), '0\n');
    } finally {
      stage.sh('umount -l mnt 2> /dev/null');
    }
  }),
);

test(
  'a record whose daemon was killed goes, whoever looks',
  { skip: lacks('unshare') },
  withApp((stage) => {
    ok(
      stage,
      '$PLYFS create --name web app; $PLYFS mount web mnt; kill -9 $($PLYFS ps --json | sed -n \'s/.*"pid": \\([0-9]*\\).*/\\1/p\'); sleep 0.2',
    );
    try {
      assert.match(ok(stage, '$PLYFS mounts'), /mnt .*dead: plyfs umount clears it away/);
      ok(stage, '$PLYFS umount mnt; $PLYFS mount web mnt; $PLYFS umount mnt; $PLYFS rm web');
    } finally {
      stage.sh('umount -l mnt 2> /dev/null');
    }
  }),
);

test(
  'cp goes through symlinks as docker does: those on the way, at its end, dangling ones, and those a tar says nothing of',
  { skip: lacks('tar') },
  withApp((stage) => {
    ok(
      stage,
      'mkdir -p r/usr/bin r/etc; echo a > r/usr/bin/a; ln -s usr/bin r/bin; ln -s /etc/made r/dangling; ln -s usr/bin/a r/file',
    );
    ok(stage, 'ln -s none/x r/lost; $PLYFS import ./r links:1; mkdir src src/bin; echo t > src/bin/tool; echo new > f');
    for (const [name, mount] of [
      ['plain', ''],
      ['mounted', '$PLYFS mount mounted mnt'],
    ]) {
      ok(stage, `$PLYFS create --name ${name} links:1; ${mount}`);
      ok(
        stage,
        `tar -C src -c bin/tool | $PLYFS cp - ${name}:/; $PLYFS cp f ${name}:/dangling; $PLYFS cp -q f ${name}:/file; $PLYFS cp -aL f ${name}:bin/`,
      );
      assert.equal(
        ok(stage, `$PLYFS diff ${name}`),
        'C /etc\nA /etc/made\nC /usr\nC /usr/bin\nC /usr/bin/a\nA /usr/bin/f\nA /usr/bin/tool\n',
      );
      const lost = stage.sh(`export PLYFS_ROOT=$PWD/store; $PLYFS cp f ${name}:/lost`);
      assert.deepEqual([lost.status, lost.stderr], [1, `plyfs: container ${name} has no directory /none\n`]);
    }
    // On this machine too.
    ok(stage, 'ln -s there l; $PLYFS cp plain:/etc/made l; [ -L l ]; cmp f there; ln -s $PWD/nowhere/x l2');
    const nowhere = stage.sh('export PLYFS_ROOT=$PWD/store; $PLYFS cp plain:/etc/made l2');
    assert.deepEqual([nowhere.status, nowhere.stderr], [1, `plyfs: there is no directory ${stage.at('nowhere')}\n`]);
    ok(stage, '$PLYFS umount mnt');
  }),
);

/** A program that fills the files `first` and `second` of a mount in turn, by descriptors that stay open, until there is a file `stop`. */
const writerInPlace = `const fs = require('fs'); const files = ['first', 'second'].map((name) => fs.openSync('mnt/' + name, 'w+'));
for (let i = 0; !fs.existsSync('stop'); i++) { for (const fd of files) fs.writeSync(fd, Buffer.alloc(SIZE, String(i % 10)), 0, SIZE, 0);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE); } console.log('fine');`;

for (const { name, io, script, read } of [
  {
    name: 'small files replaced by rename',
    io: 'cached',
    script:
      'i=0; while [ ! -e stop ]; do i=$((i+1)); echo $i > mnt/first.new; mv mnt/first.new mnt/first; echo $i > mnt/second.new; mv mnt/second.new mnt/second; done; echo fine',
    read: 'cat',
  },
  {
    name: 'large files written in place',
    io: 'cached',
    script: `exec node -e "${writerInPlace.replaceAll('SIZE', '300000').replace('PAUSE', '1')}"`,
    read: 'uniform',
  },
  {
    name: 'files that io=passthrough writes past the daemon',
    io: 'passthrough',
    script: `exec node -e "${writerInPlace.replaceAll('SIZE', '100000').replace('PAUSE', '200')}"`,
    read: 'uniform',
  },
]) {
  test(
    `a container is committed in one state while somebody writes to it, and no write fails: ${name}`,
    { skip: lacks() },
    withApp(async (stage) => {
      ok(stage, `$PLYFS create --name web app; $PLYFS mount --io ${io} web mnt; touch mnt/first mnt/second`);
      // `first` is never behind `second`, and one ahead at most.
      const writer = spawn('timeout', ['60', 'sh', '-ec', script], { cwd: stage.path, stdio: ['ignore', 'pipe', 'inherit'] });
      let said = '';
      writer.stdout.on('data', (text) => {
        said += text;
      });
      const ended = new Promise((resolve) => writer.on('close', resolve));
      try {
        while (ok(stage, 'cat mnt/second') === '') await new Promise((resolve) => setTimeout(resolve, 20));
        for (let i = 0; i < 4; i++) {
          ok(stage, `$PLYFS commit -q web app:c${i}`);
          const texts = ['first', 'second'].map((file) => ok(stage, `$PLYFS cat app:c${i} /${file}`));
          if (read === 'uniform')
            for (const text of texts) assert.match(text, /^(.)\1*$/, 'a write is in the image whole or not');
          const [first = 0, second = 0] = texts.map((text) => Number(read === 'uniform' ? text[0] : text));
          assert.ok([0, 1, -9].includes(first - second), `${first} and ${second}`);
        }
      } finally {
        execFileSync('touch', [stage.at('stop')]);
        await ended;
        ok(stage, '$PLYFS umount mnt');
      }
      assert.equal(said, 'fine\n');
    }),
  );
}

for (const { name, needs, mount, more = '' } of [
  {
    name: 'kernel overlayfs with index=on, where all names of a file stay one,',
    needs: [],
    mount: 'mount -t overlay overlay -o lowerdir=lower,upperdir=up,workdir=wk,redirect_dir=on,metacopy=off,index=on mnt',
    more: 'echo more >> bin/linked; touch -d @1000000000 bin/linked bin',
  },
  {
    name: 'kernel overlayfs',
    needs: [],
    mount: 'mount -t overlay overlay -o lowerdir=lower,upperdir=up,workdir=wk,redirect_dir=on,metacopy=off,index=off mnt',
  },
  { name: 'fuse-overlayfs', needs: ['fuse-overlayfs'], mount: 'fuse-overlayfs -o lowerdir=lower,upperdir=up,workdir=wk mnt' },
]) {
  test(
    `an upper that ${name} wrote is committed as its view was`,
    { skip: lacks('setcap', 'setfattr', ...needs) },
    withApp((stage) => {
      ok(stage, `mkdir lower; $PLYFS export app | tar -C lower --xattrs --xattrs-include='*' -xf -; ${mount}`);
      try {
        ok(stage, `cd mnt; ${changes}; ${more}`);
        ok(stage, 'cp -a mnt view; $PLYFS diff --content --xattrs ./view/ ./mnt/ > same; cat same; [ ! -s same ]');
      } finally {
        ok(stage, 'umount mnt');
      }
      ok(stage, '$PLYFS commit --upper up --onto app app:2');
      assert.equal(ok(stage, '$PLYFS diff --content --xattrs ./view/ app:2; $PLYFS diff ./view/ app:2'), '');
      assert.equal(ok(stage, '$PLYFS diff --upper up --onto app'), ok(stage, '$PLYFS diff app app:2'));
    }),
  );
}

test(
  'an image that was committed is the same tree to umoci and podman, capabilities and xattrs included',
  { skip: lacks('umoci', 'podman', 'setcap', 'setfattr') },
  withApp((stage) => {
    ok(
      stage,
      `$PLYFS create --name web app; $PLYFS mount web mnt; cd mnt; ${changes}; cd ..; $PLYFS commit -q web app:2; $PLYFS umount mnt`,
    );
    ok(stage, '$PLYFS save -o two.tar app:2; mkdir layout; tar -C layout -xf two.tar; umoci unpack --image layout:2 bundle');
    assert.equal(
      ok(stage, '$PLYFS diff --content --xattrs app:2 ./bundle/rootfs/; $PLYFS diff app:2 ./bundle/rootfs/'),
      '',
      'umoci',
    );
    const podman = 'podman --root $PWD/pr --runroot $PWD/prr --storage-driver overlay';
    ok(stage, `${podman} load -q -i two.tar > /dev/null`);
    try {
      const script = `at=$(${podman} image mount app:2); $PLYFS diff --content --xattrs app:2 $at/; $PLYFS diff app:2 $at/`;
      // containers/storage gives the root directory of every image a mode of its own.
      assert.equal(ok(stage, script).replaceAll('C /\n', ''), '', 'podman');
    } finally {
      ok(
        stage,
        `${podman} image unmount -a > /dev/null; ${podman} rmi -af > /dev/null; umount -l pr/overlay 2> /dev/null || true`,
      );
    }
  }),
);

test(
  'the same changes by podman and by plyfs give the same tree',
  { skip: lacks('podman', 'setcap', 'setfattr') },
  withApp((stage) => {
    ok(
      stage,
      `$PLYFS create --name web app; $PLYFS mount web mnt; cd mnt; ${changes}; cd ..; $PLYFS commit -q web app:2; $PLYFS umount mnt`,
    );
    const podman = 'podman --root $PWD/pr --runroot $PWD/prr --storage-driver overlay';
    ok(stage, `${podman} load -q -i app.tar > /dev/null; ${podman} create --name web app sh > /dev/null`);
    try {
      ok(stage, `at=$(${podman} mount web); cd $at; ${changes}; cd "$OLDPWD"; ${podman} umount web > /dev/null`);
      ok(stage, `${podman} commit -q web app:podman > /dev/null; ${podman} save -q -o podman.tar app:podman`);
    } finally {
      ok(stage, `${podman} rm -af > /dev/null; ${podman} rmi -af > /dev/null; umount -l pr/overlay 2> /dev/null || true`);
    }
    assert.equal(ok(stage, '$PLYFS diff --content app:2 ./podman.tar'), '');
  }),
);

test(
  'cp follows docker in both directions, mounted or not, and the upper is the same either way',
  { skip: lacks('setfattr') },
  withApp((stage) => {
    ok(
      stage,
      `$PLYFS create --name off app; $PLYFS create --name on app; $PLYFS mount on mnt
      mkdir -p src/sub; echo a > src/a; echo s > src/sub/s; ln -s /etc src/link; truncate -s 2M src/hole; printf end >> src/hole; mkfifo src/p
      chown -R 5:6 src; chmod 4755 src/a; setfattr -n user.k -v v src/a; find src -exec touch -h -d @1000000000 {} +`,
    );
    for (const name of ['off', 'on']) {
      ok(
        stage,
        `$PLYFS cp -a src ${name}:/new; $PLYFS cp src ${name}:/etc; $PLYFS cp src/. ${name}:/usr/share; $PLYFS cp -a src/a ${name}:/etc/passwd
        $PLYFS cp src/a ${name}:usr/l/x/so; $PLYFS cp src/sub ${name}:/`,
      );
      assert.equal(ok(stage, `$PLYFS cp ${name}:/etc/passwd out-${name}; cat out-${name}; stat -c %a out-${name}`), 'a\n4755\n');
      ok(stage, `mkdir dir-${name}; $PLYFS cp -a ${name}:/new dir-${name}; $PLYFS cp -a ${name}:/new/. dir-${name}/new2`);
      const same = ok(stage, `$PLYFS diff --content --xattrs ./src/ ./dir-${name}/new/; $PLYFS diff ./src/ ./dir-${name}/new2/`);
      assert.equal(same, '');
      ok(
        stage,
        `$PLYFS cp ${name}:/new - | tar -x --xattrs -C dir-${name} --one-top-level=tar; tar -C src -cz . | $PLYFS cp - ${name}:/usr`,
      );
      assert.equal(ok(stage, `$PLYFS diff --content ./src/ ./dir-${name}/tar/new/`), '');
      assert.equal(ok(stage, `$PLYFS cp ${name}:/usr/a - | tar -tv`).split(/ +/)[1], '5/6', 'owners of the tar');
      const bad = stage.sh(
        `export PLYFS_ROOT=$PWD/store; $PLYFS cp - ${name}:/nowhere < /dev/null; $PLYFS cp - ${name}:/usr < /dev/null; echo x | $PLYFS cp - ${name}:/usr`,
      );
      assert.match(
        bad.stderr,
        /has no directory \/nowhere for the tar\n.*standard input is empty: it is no tar\n.*standard input: tar at byte 0/,
      );
      const refused = stage.sh(
        `export PLYFS_ROOT=$PWD/store; $PLYFS cp src ${name}:/etc/passwd; $PLYFS cp src/a ${name}:/nowhere/; $PLYFS cp ${name}:/none .`,
      );
      assert.match(
        refused.stderr,
        /is a file: the directory src cannot replace it\n.*no directory \/nowhere\/?\n.*has no \/none\n/,
      );
    }
    const [on, off] = ['on', 'off'].map((name) => ok(stage, `$PLYFS diff ${name}`));
    assert.match(on ?? '', /^C \/usr\/lib\/x\/so$/m);
    assert.match(on ?? '', /^A \/usr\/share\/sub\/s$/m);
    assert.equal(off, on);
    ok(stage, '$PLYFS umount mnt');
    assert.equal(ok(stage, '$PLYFS diff --content --xattrs on off; $PLYFS diff --verify off'), off);
  }),
);

test(
  'squashed and rebased images are the same tree to umoci and podman, and skopeo reads them',
  { skip: lacks('umoci', 'podman', 'skopeo', 'setcap', 'setfattr') },
  withApp((stage) => {
    ok(
      stage,
      `$PLYFS create --name web app; $PLYFS mount web mnt; cd mnt; ${changes}; cd ..; $PLYFS commit -q web app:2; $PLYFS umount mnt`,
    );
    ok(
      stage,
      '$PLYFS squash -q --onto app app:2 s:onto > id; $PLYFS squash app:2 s:all 2>&1 | grep "^plyfs: 3 layers of .* became one of"',
    );
    makeArchive(stage.path, 'newer', [
      {
        createdBy: 'ADD newer',
        script: 'mkdir -p etc bin usr; echo newer > etc/issue; echo p2 > etc/passwd; touch -d @1 etc bin etc/*',
      },
    ]);
    const said = ok(stage, '$PLYFS load -q -i newer.tar; $PLYFS rebase app:2 --from app --onto newer s:moved 2>&1 > moved');
    assert.match(said, /^plyfs: \/etc\/passwd is in the moved layers, and the new base changed it: the image keeps its own$/m);
    assert.match(said, /^plyfs: 1 layer above app moved, \d+ conflicts\n$/m);
    const json = ok(stage, '$PLYFS rebase --json --dry-run app:2 --from app --onto newer');
    assert.ok(json.includes('"kind": "both-changed",\n      "path": "/etc/passwd"') && json.includes('"id": null'), json);
    ok(stage, '$PLYFS save -o three.tar s:onto s:all s:moved; mkdir layout; tar -C layout -xf three.tar');
    const podman = 'podman --root $PWD/pr --runroot $PWD/prr --storage-driver overlay';
    ok(stage, `${podman} load -q -i three.tar > /dev/null`);
    try {
      for (const [name, layers] of Object.entries({ onto: 3, all: 1, moved: 2 })) {
        ok(stage, `umoci unpack --image layout:${name} bundle-${name} 2> unpack-log || { cat unpack-log; false; }`);
        const script = `at=$(${podman} image mount s:${name}); for there in ./bundle-${name}/rootfs/ $at/; do $PLYFS diff --content --xattrs s:${name} $there; $PLYFS diff s:${name} $there; done`;
        assert.equal(ok(stage, script).replaceAll('C /\n', ''), '', name);
        const inspected = ok(stage, `skopeo inspect oci:layout:${name}`);
        assert.equal((JSON.parse(inspected) as { Layers: string[] }).Layers.length, layers, name); // skopeo's own form
        if (name !== 'moved')
          assert.equal(ok(stage, `$PLYFS diff --content --xattrs app:2 s:${name}; $PLYFS diff app:2 s:${name}`), '');
      }
    } finally {
      ok(
        stage,
        `${podman} image unmount -a > /dev/null; ${podman} rmi -af > /dev/null; umount -l pr/overlay 2> /dev/null || true`,
      );
    }
  }),
);

test(
  'names that wh_names=allow let in make a commit fail with their list, mounted or not',
  { skip: lacks() },
  withApp((stage) => {
    ok(
      stage,
      '$PLYFS create --name web app; $PLYFS mount -o wh_names=allow web mnt; touch mnt/etc/.wh.passwd mnt/.wh.x; cat mnt/etc/passwd',
    );
    const sentence =
      /container web holds files whose names begin with \.wh\., .* rename or remove \/\.wh\.x, \/etc\/\.wh\.passwd\n$/;
    for (const end of ['$PLYFS umount mnt', ':']) {
      assert.match(ok(stage, `$PLYFS commit web app:2 2>&1 && false || ${end}`), sentence);
      assert.match(ok(stage, '$PLYFS diff web'), /^A \/etc\/\.wh\.passwd$/m);
    }
    assert.equal(ok(stage, '$PLYFS images -q | wc -l; ls store/tmp').trim(), '1');
  }),
);

test(
  'with io=writeback, diff, export and cp see what was written to a file that is still open',
  { skip: lacks('tar') },
  withApp((stage) => {
    const seen = ok(
      stage,
      `c=$($PLYFS create app); $PLYFS mount --rw --io writeback "$c" mnt
       exec 5> mnt/etc/open; head -c 5000 /dev/zero >&5
       $PLYFS diff --json "$c" | grep -A9 etc/open | grep '"sizeAfter"'
       head -c 5000 /dev/zero >&5
       $PLYFS export "$c" | tar tv | grep -c '10000 .* etc/open$'
       head -c 5000 /dev/zero >&5
       $PLYFS cp "$c:/etc/open" - | tar tv | grep -c 15000
       exec 5>&-; $PLYFS umount mnt`,
    );
    assert.match(seen, /5000.*\n1\n1\n/s);
  }),
);
