/** Every command, the new ones too, with targets that are missing, unreadable, on a full disk, and with Ctrl-C: sentences, never an errno, a
 *  stack, or a file of ours. */

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { needsRoot } from '../../support/scratch.js';

const program = fileURLToPath(new URL('../../../../bin/plyfs', import.meta.url));
const home = mkdtempSync(join(process.env.PLYFS_TEST_DIR ?? tmpdir(), 'plyfs-every-'));

/** Words of each command: IMAGE, CONTAINER, and PATH for what it reads or writes outside the store. */
const lines: Readonly<Record<string, readonly string[]>> = {
  mount: ['--layer PATH PATH', '-o lowerdir=PATH,upperdir=PATH,workdir=PATH PATH', 'IMAGE PATH'],
  umount: ['PATH'],
  mounts: [''],
  stats: ['PATH'],
  load: ['-i PATH'],
  save: ['-o PATH IMAGE', '--compress gzip -o PATH IMAGE', '--format oci-dir -o PATH IMAGE'],
  login: ['-u a -p b 127.0.0.1:9'],
  logout: ['127.0.0.1:9'],
  search: ['127.0.0.1:9/a'],
  tags: ['127.0.0.1:9/a'],
  manifest: ['inspect IMAGE', 'inspect oci:PATH', 'inspect docker://127.0.0.1:9/a'],
  pull: ['127.0.0.1:9/a'],
  push: ['127.0.0.1:9/a'],
  images: ['', '-a'],
  history: ['IMAGE', 'PATH'],
  inspect: ['IMAGE', 'PATH'],
  layers: ['IMAGE', 'PATH'],
  ls: ['IMAGE', 'IMAGE PATH', 'PATH'],
  cat: ['IMAGE PATH', 'PATH /f'],
  find: ['IMAGE PATH', 'PATH', 'IMAGE / -name [z-a]'],
  stat: ['IMAGE PATH', 'PATH /f'],
  du: ['IMAGE PATH', 'PATH'],
  blame: ['IMAGE PATH', 'PATH /f'],
  waste: ['IMAGE', 'PATH'],
  create: ['IMAGE', 'PATH'],
  ps: ['-a', '-s'],
  diff: ['CONTAINER', 'PATH IMAGE', '--upper PATH --onto IMAGE'],
  commit: ['CONTAINER n:1', '--upper PATH --onto IMAGE n:1'],
  squash: ['IMAGE n:1'],
  rebase: ['IMAGE --onto IMAGE n:1', 'IMAGE --onto IMAGE --from 1 n:1'],
  export: ['-o PATH IMAGE', '-o PATH CONTAINER', 'PATH'],
  import: ['PATH n:1'],
  cp: ['CONTAINER:/f PATH', 'PATH CONTAINER:/', 'CONTAINER:/PATH .', 'source CONTAINER:/copy'],
  rename: ['CONTAINER other'],
  rm: ['other', 'CONTAINER'],
  tag: ['IMAGE n:2'],
  rmi: ['n:2', 'IMAGE'],
  prune: ['-f', '-af'],
  check: ['', '--repair'],
  dump: ['IMAGE', 'PATH'],
  completion: ['bash', 'PATH'],
  man: ['load', 'PATH'],
  bench: ['--replay PATH PATH', 'PATH --workloads none'],
  copy: ['PATH PATH2', 'dir:PATH oci:PATH'],
};

/** What no user should read. */
const raw = [
  /\bE(?:[A-Z]{3,}[A-Z0-9]*)\b/,
  /\berrno\b/i,
  /^ +at .*:\d+/m,
  /\b\w*Error\b/,
  /fault of plyfs/,
  /tmp\/\d+-[0-9a-f]+|\.plyfs-|\.part-/,
  /dist\//,
  /\bundefined\b|\[object/,
];

interface Ended {
  status: number | null;
  text: string;
}

function plyfs(words: readonly string[], root: string, { user = 0, stopMs = 60_000 } = {}): Promise<Ended> {
  const environment: NodeJS.ProcessEnv = {
    ...process.env,
    PLYFS_ROOT: root,
    XDG_RUNTIME_DIR: join(home, 'run'),
    HOME: join(home, 'home'),
  };
  environment.PLYFS_BENCH_CACHE = join(home, 'cache');
  const ids = { uid: user, gid: user };
  const child = spawn(program, words, { cwd: home, env: environment, stdio: ['ignore', 'pipe', 'pipe'], ...ids });
  const timer = setTimeout(() => child.kill('SIGINT'), stopMs);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (part: string) => (text += part));
  return new Promise((resolve) => {
    child.on('close', (status) => {
      clearTimeout(timer);
      resolve({ status, text });
    });
  });
}

function wordsOf(command: string, line: string, image: string, container: string, path: string): string[] {
  const words = line.split(' ').filter((word) => word !== '');
  return [command, ...words].map((word) =>
    word.replaceAll('IMAGE', image).replaceAll('CONTAINER', container).replaceAll('PATH', path),
  );
}

async function all(image: string, container: string, path: string, root: string, how: { user?: number; stopMs?: number } = {}) {
  const faults: string[] = [];
  // A mount that has begun stays, as it should.
  const names = commandNames().filter((name) => how.stopMs === undefined || name !== 'mount');
  const jobs = names.flatMap((command) => (lines[command] ?? []).map((line) => wordsOf(command, line, image, container, path)));
  for (const words of jobs) {
    const { status, text } = await plyfs(words, root, how);
    const found = raw.map((pattern) => pattern.exec(text)?.[0]).filter((part) => part !== undefined);
    // The manual and completions are all there is to say.
    const isText = (words[0] === 'man' || words[0] === 'completion') && status === 0;
    if (found.length > 0 && !isText) faults.push(`${words.join(' ')}: ${found.join(', ')} in ${text.slice(0, 600)}`);
    if (status !== null && status !== 0 && text === '' && how.stopMs === undefined)
      faults.push(`${words.join(' ')}: ${status} and not a word`);
  }
  assert.deepEqual(faults, []);
}

/** Those of the help, and the hidden one. */
function commandNames(): string[] {
  const { stdout } = spawnSync(program, ['--help'], { encoding: 'utf8', env: { ...process.env, COLUMNS: '200' } });
  const [, list = ''] = /Commands:\n([\s\S]*?)\n\n/.exec(stdout) ?? [];
  return [...list.matchAll(/^ {2}(\w+) /gm)].map(([, name]) => name ?? '').concat('dump');
}

before(async () => {
  for (const name of ['run', 'home', 'source', 'closed', 'full', 'cache']) mkdirSync(join(home, name));
  writeFileSync(join(home, 'source/f'), 'f\n');
  writeFileSync(join(home, 'source/g'), Buffer.alloc(300_000, 'g'));
  chmodSync(home, 0o755);
  for (const root of ['store', 'other', 'closed/store', 'interrupted']) await fill(join(home, root));
  mkdirSync(join(home, 'users'));
  chownSync(join(home, 'users'), 65534, 65534);
  await fill(join(home, 'users/store'), 65534);
  chmodSync(join(home, 'closed'), 0o700);
});
after(() => {
  spawnSync('umount', [join(home, 'full')]);
  rmSync(home, { recursive: true, force: true });
});

async function fill(root: string, user = 0): Promise<void> {
  for (const words of ['import source a:1', 'create --name web a:1', 'cp source web:/copied'])
    assert.equal((await plyfs(words.split(' '), root, { user })).status, 0, words);
}

test('every command has words in the table of this test', () => {
  assert.deepEqual(
    commandNames().filter((name) => lines[name] === undefined),
    [],
  );
});

const skip = needsRoot;
test('what is missing', { skip }, () => all('nosuch:1', 'nosuch', '/nosuch/x', join(home, 'none')));
test('targets that are missing', { skip }, () => all('a:1', 'web', '/nosuch/x', join(home, 'other')));
test('a part of the path is a file', { skip }, () => all('a:1', 'web', 'source/f/x', join(home, 'store')));
test('a store that may not be read', { skip }, () => all('a:1', 'web', 'source/f', join(home, 'closed/store'), { user: 65534 }));
test('targets that may not be read or written', { skip }, () =>
  all('a:1', 'web', 'closed/x', join(home, 'users/store'), { user: 65534 }),
);
test('a full disk', { skip }, async () => {
  const disk = join(home, 'full');
  assert.equal(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', disk]).status, 0);
  await fill(join(disk, 'store'));
  spawnSync('dd', ['if=/dev/zero', `of=${join(disk, 'filler')}`, 'bs=4k']);
  await all('a:1', 'web', 'full/x', join(disk, 'store'));
});
test('Ctrl-C', { skip }, async () => {
  const root = join(home, 'interrupted');
  for (const stopMs of [40, 90]) await all('a:1', 'web', join(home, 'source'), root, { stopMs });
  assert.deepEqual(readdirSync(join(root, 'tmp')), []);
});
