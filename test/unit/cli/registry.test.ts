/** plyfs login, logout, search, tags with a real registry: what they print, keep and end with. */

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { SearchResult } from '../../../src/registry/search.js';
import { HostileRegistry, on, sendJson } from '../../support/hostile-registry.js';
import { needsRegistry, type RegistryServer, registryUser, startRegistry } from '../../support/registry-server.js';
import { RegistryStage } from '../../support/registry-stage.js';

const program = fileURLToPath(new URL('../../../../bin/plyfs', import.meta.url));
const stage = new RegistryStage();
let server: RegistryServer | undefined;
let hostile: HostileRegistry;

before(async () => {
  hostile = await HostileRegistry.start();
  if (!needsRegistry) server = await startRegistry({ tls: true, password: true });
});
after(async () => {
  await hostile.stop();
  await server?.stop();
  stage.remove();
});
beforeEach(() => {
  stage.clear();
  hostile.rules = [];
});

interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Not synchronously: the hostile registry is in this process. */
function run(command: string, words: readonly string[], input = ''): Promise<Ended> {
  const home = join(stage.path, 'home');
  const env = {
    PATH: process.env.PATH,
    HOME: home,
    TERM: 'dumb',
    CONTAINERS_REGISTRIES_CONF: '/dev/null',
    CONTAINERS_REGISTRIES_CONF_DIR: '/nonexistent',
    PLYFS_TRACE: 'registry',
  };
  const child = spawn(command, words, { env, timeout: 30_000 });
  const ended: Ended = { status: null, stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    ended.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    ended.stderr += text;
  });
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  return new Promise((resolve) => child.on('close', (status) => resolve({ ...ended, status })));
}

const plyfs = (words: readonly string[], input?: string): Promise<Ended> => run(program, words, input);

/** stderr without the trace. */
function said(ended: Ended): string {
  return ended.stderr.replaceAll(/^[<>] .*\n/gm, '');
}

test('login tries the password and keeps it, logout forgets it', { skip: needsRegistry }, async () => {
  const host = server?.authority ?? '';
  const login = ['login', '-u', registryUser.user, '--password-stdin', host];
  const wrong = await plyfs(login, 'wrong\n');
  assert.deepEqual([wrong.status, wrong.stdout], [1, '']);
  assert.equal(said(wrong), `plyfs: ${host}: unauthorized: incorrect username or password: nothing was saved, try again\n`);
  const right = await plyfs(login, `${registryUser.secret}\n`);
  assert.deepEqual([right.status, right.stdout], [0, 'Login Succeeded\n']);
  assert.match(said(right), /^WARNING! Your password will be stored unencrypted in .*\/home\/\.docker\/config\.json\./);
  const again = await plyfs(['login', host]);
  assert.deepEqual(
    [again.status, again.stdout, said(again)],
    [0, 'Login Succeeded\n', 'Authenticating with existing credentials...\n'],
  );
  assert.deepEqual(
    [(await plyfs(['logout', `https://${host}/v2/`])).stdout, (await plyfs(['logout', host])).stdout],
    [`Removing login credentials for ${host}\n`, `Not logged in to ${host}\n`],
  );
  for (const { stdout, stderr } of [wrong, right, again]) {
    assert.doesNotMatch(
      stdout + stderr,
      new RegExp(`${registryUser.secret}|${Buffer.from(registryUser.secret).toString('base64').slice(3, 20)}`),
    );
  }
});

test('login asks on a terminal, and the password does not appear', { skip: needsRegistry || withoutScript() }, async () => {
  const host = server?.authority ?? '';
  const env = { ...process.env, HOME: join(stage.path, 'home'), DOCKER_CONFIG: join(stage.path, 'docker') };
  const child = spawn('script', ['-qec', `${program} login ${host}`, '/dev/null'], { env, timeout: 30_000 });
  const answers = [/Username: $/, registryUser.user, /Password: $/, registryUser.secret];
  let shown = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
    const [question, answer] = answers;
    if (!(question instanceof RegExp) || !question.test(shown)) return;
    answers.splice(0, 2);
    child.stdin.write(`${String(answer)}\r`);
  });
  const status = await new Promise((resolve) => child.on('close', resolve));
  assert.equal(status, 0, shown);
  assert.match(shown, /^Username: ann\s+Password: \s+WARNING[\s\S]*Login Succeeded\s+$/);
  assert.match(readFileSync(join(stage.path, 'docker/config.json'), 'utf8'), /"auth"/);
});

function withoutScript(): string | false {
  return spawnSync('script', ['--version'], { stdio: 'ignore' }).status === 0 ? false : 'needs script (apt install bsdutils)';
}

/** Words that are refused before anybody is asked. */
const refused: readonly (readonly [words: readonly string[], status: number, sentence: RegExp])[] = [
  [
    ['login', 'localhost:5000'],
    1,
    /cannot ask for user and password of localhost:5000: no terminal; use --username and --password-stdin/,
  ],
  [['login', '--password-stdin', 'localhost:5000'], 2, /--password-stdin needs --username/],
  [['login', '-u', 'a', '-p', 'b', '--password-stdin'], 2, /mutually exclusive/],
  [['login', 'not a host'], 2, /"not a host" is not a registry/],
  [['search', '--limit', '101', 'x'], 2, /--limit 101 is outside the range of 1 to 100/],
  [['search', '--filter', 'stars=many', 'x'], 2, /--filter stars=many is not is-official=true/],
  [['search'], 2, /missing required argument 'term'/],
  [['tags', 'localhost:5000/app:1'], 2, /has a tag or digest: name the repository alone/],
  [['tags', 'Capital'], 2, /repository names are lower-case/],
  [['tags', '127.0.0.1:9/app'], 1, /127\.0\.0\.1:9\/app: 127\.0\.0\.1:9 refuses the connection/],
];

for (const [words, status, sentence] of refused) {
  test(`plyfs ${words.join(' ')}: a sentence and status ${status}`, async () => {
    const ended = await plyfs(words);
    assert.match(said(ended), sentence);
    assert.deepEqual([ended.status, ended.stdout], [status, '']);
  });
}

const results = [
  {
    name: 'team/one',
    description: 'The first of its kind, with a description that is longer than the column',
    star_count: 5,
    is_official: false,
  },
  { name: 'two', description: 'b', star_count: 70, is_official: true, is_automated: true },
  { name: 'three', description: '', star_count: 0 },
];

test("search prints docker's columns, filters, formats, and names that can be pulled", async () => {
  hostile.rules = [on(/^GET \/v1\/search\?q=e&n=25/, (_, response) => sendJson(response, 200, { results }))];
  const host = hostile.authority;
  const search = async (...words: string[]) => (await plyfs(['search', ...words, `${host}/e`])).stdout;
  const lines = (await search()).split('\n').map((line) => line.split(/ {3,}/));
  assert.deepEqual(lines, [
    ['NAME', 'DESCRIPTION', 'STARS', 'OFFICIAL'],
    [`${host}/two`, 'b', '70', '[OK]'],
    [`${host}/team/one`, `${results[0]?.description.slice(0, 44)}…`, '5'],
    [`${host}/three`, '0'],
    [''],
  ]);
  assert.match(await search('--no-trunc'), /longer than the column/);
  const names = async (...words: string[]) =>
    (await search('--format', '{{.Name}}', ...words)).replaceAll(`${host}/`, '').trim().split('\n');
  assert.deepEqual(await names('--filter', 'is-official=true'), ['two']);
  assert.deepEqual(await names('--filter', 'is-official=false', '-f', 'stars=3'), ['team/one']);
  assert.deepEqual(await names('-s', '1'), ['two', 'team/one']);
  assert.deepEqual(await names('--automated'), ['two']);
  const json: SearchResult[] = JSON.parse(await search('--json'));
  assert.deepEqual(json[0], { name: `${host}/two`, description: 'b', stars: 70, isOfficial: true, isAutomated: true });
});

test('tags prints one a line, over all pages', async () => {
  hostile.rules = [
    on(/last=b/, (_, response) => sendJson(response, 200, { tags: ['c'] })),
    on(/tags\/list/, (_, response) =>
      sendJson(response, 200, { tags: ['a', 'b'] }, { Link: '</v2/team/app/tags/list?last=b&n=2>; rel="next"' }),
    ),
  ];
  const name = `${hostile.authority}/team/app`;
  assert.equal((await plyfs(['tags', name])).stdout, 'a\nb\nc\n');
  assert.equal((await plyfs(['tags', `docker://${name}`, '--json'])).stdout, '[\n  "a",\n  "b",\n  "c"\n]\n');
});

test('Ctrl-C ends a command that waits for a registry with a sentence', async () => {
  let isAsked = (): void => {};
  const asked = new Promise<void>((resolve) => {
    isAsked = resolve;
  });
  hostile.rules = [on(/tags/, () => isAsked())];
  const child = spawn(program, ['tags', `${hostile.authority}/team/app`], {
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: 20_000,
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  await asked;
  child.kill('SIGINT');
  const status = await new Promise((resolve) => child.on('close', resolve));
  assert.deepEqual([status, stderr], [130, 'plyfs: interrupted: nothing was changed\n']);
});
