/** What docker's users type, without a mount. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Digest } from '../../../src/base/digest.js';
import { Store } from '../../../src/store/store.js';
import { storeImage } from '../../support/stored-image.js';

const scratch = mkdtempSync(join(tmpdir(), 'plyfs-docker-words-'));
const program = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url));
const store = new Store(join(scratch, 'store'));
let id: Digest;
after(() => rmSync(scratch, { recursive: true, force: true }));

before(async () => {
  const config = { Env: ['PATH=/bin', 'A=1'], Entrypoint: ['/entry'], Cmd: ['run'], Labels: { a: 'x' } };
  id = await storeImage(store, 'app:1', ['dir etc; file etc/big = B', 'dir etc; file etc/more = M'], { config });
  writeFileSync(join(scratch, 'app.tar'), 'no tar');
});

function plyfs(line: string): { status: number | null; stdout: string; stderr: string } {
  const env = { ...process.env, PLYFS_ROOT: store.root, HERE: 'here' };
  return spawnSync('sh', ['-c', `plyfs() { '${process.execPath}' '${program}' "$@"; }; ${line}`], {
    encoding: 'utf8',
    timeout: 60_000,
    cwd: scratch,
    env,
  });
}

test('what is not there is no failure to rm -f and rmi -f, which say so', () => {
  for (const [line, stderr] of [
    ['plyfs rm -f nosuch', /^plyfs: no such container: nosuch/],
    ['plyfs rmi -f nosuch:1', /^plyfs: no such image: nosuch:1/],
  ] as const) {
    const forced = plyfs(line);
    assert.deepEqual([forced.status, forced.stdout], [0, ''], line);
    assert.match(forced.stderr, stderr);
    assert.equal(plyfs(line.replace(' -f', '')).status, 1);
  }
  assert.equal(plyfs('plyfs create --name gone app:1 && plyfs rm -f -v nosuch gone').stdout.split('\n').at(-2), 'gone');
  assert.match(plyfs('plyfs tag app:1 app:2 && plyfs rmi --no-prune app:2').stdout, /^Untagged: app:2\n$/);
});

test('create takes a command and what it runs with: inspect, ps and commit know it', () => {
  const made = plyfs(
    'plyfs create --name web -it -e A=2 -e HERE -e NONE -l b=y -w /srv -u 7 -h host app:1 /bin/sh -c "echo hi" -x',
  );
  assert.equal(made.status, 0, made.stderr);
  const shown = (format: string, name = 'web') => plyfs(`plyfs inspect -f '${format}' ${name}`).stdout;
  assert.equal(
    shown('{{.Path}} {{.Args}} {{.Config.Cmd}} {{.Config.Entrypoint}}'),
    '/entry [/bin/sh -c echo hi -x] [/bin/sh -c echo hi -x] [/entry]\n',
  );
  const settings =
    '{{.Config.Env}} {{.Config.Labels}} {{.Config.WorkingDir}} {{.Config.User}} {{.Config.Tty}} {{.Config.OpenStdin}} {{.Config.Hostname}}';
  assert.equal(shown(settings), '[PATH=/bin A=2 HERE=here] map[a:x b:y] /srv 7 true true host\n');
  assert.equal(
    plyfs("plyfs ps -a --no-trunc --format '{{.Command}} {{.Labels}}' -f name=web").stdout,
    '"/entry /bin/sh -c echo hi -x" a=x,b=y\n',
  );
  assert.equal(plyfs('plyfs commit -q web web:2').status, 0);
  assert.equal(shown(settings, 'web:2'), '[PATH=/bin A=2 HERE=here] map[a:x b:y] /srv 7 false false \n');
  assert.equal(plyfs("plyfs history --no-trunc --format '{{.CreatedBy}}' web:2 | head -n 1").stdout, '/bin/sh -c echo hi -x\n');
  plyfs('plyfs create --name other --entrypoint /other app:1');
  assert.equal(shown('{{.Config.Entrypoint}} {{.Config.Cmd}}', 'other'), '[/other] []\n');
});

const refused: [line: string, stderr: RegExp][] = [
  ['plyfs load app.tar', /^plyfs: load takes no app\.tar: name an archive with -i, as in plyfs load -i app\.tar\n/],
  ['plyfs create app.tar', /^plyfs: app\.tar is a file, and no image of the store: plyfs load -i app\.tar makes it one\n/],
  ['plyfs mount app.tar', /^plyfs: the target is missing: plyfs mount app\.tar DIRECTORY; /],
  ['plyfs mount app:1 --upto x /mnt', /^plyfs: --upto is the number of a layer, 1 being the bottom, not x; /],
  ['plyfs waste -n x app:1', /^plyfs: option '-n, --lines <n>' argument 'x' is invalid\. It is a whole number\.\n/],
  ['plyfs find app:1 / -maxdepth x', /argument 'x' is invalid\. It is a whole number\.\n/],
  ['plyfs ls --upto x app:1', /^plyfs: .*x/],
  ['plyfs squash --from x app:1', /^plyfs: app:1 has layers 1 to 2, not x\n/],
  ['plyfs create -e =1 app:1', /^plyfs: --env =1: write NAME=value\n/],
  ['plyfs umount other', /^plyfs: container other is not mounted: plyfs mounts shows what is\n/],
  ['plyfs stats other', /^plyfs: container other is not mounted/],
];

test('what is missing or wrong is said in one sentence', () => {
  for (const [line, stderr] of refused) {
    const found = plyfs(line);
    assert.ok(found.status === 1 || found.status === 2, line);
    assert.match(found.stderr, stderr, line);
  }
});

test('ls -lh and du -h are for people', () => {
  assert.match(plyfs('plyfs ls -lh app:1 /etc').stdout, /^-rw-r--r-- 1 0 0 1B .* big\n/);
  assert.match(plyfs('plyfs du -hs app:1').stdout, /^2B\t\/\n$/);
  assert.match(plyfs('plyfs ls --help').stdout, /-h, --human-readable/);
});

test('the beginning of a digest, and name@digest, go wherever an ID goes', () => {
  const short = id.slice(0, 19);
  const manifest = plyfs("plyfs inspect -f '{{.Manifest.Digest}}' app:1").stdout.trim();
  const commands = [
    'history NAME',
    'inspect NAME',
    'ls NAME',
    'create NAME',
    'save -o out.tar NAME',
    'cat NAME /etc/big',
    'tag NAME x:1',
    'ps -f ancestor=NAME',
  ];
  plyfs('plyfs save -o both.tar app:1');
  for (const name of [short, `app:1@${manifest}`, manifest.slice(0, 19), `@${manifest}`]) {
    const found = plyfs(
      commands.map((command) => `plyfs ${command.replace('NAME', name)} >/dev/null || echo "${command}"`).join('\n'),
    );
    assert.deepEqual([found.stdout, found.stderr], ['', ''], name);
  }
  const names = [short, `app@${id}`, `@${id}`].map((name) => `plyfs ls 'both.tar#${name}'`).join(' && ');
  assert.equal(plyfs(names).stdout, 'etc\netc\netc\n');
});
