/** Credentials: where they are found, how they are kept, and the helpers of docker. */

import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import type { Credential } from '../../../src/registry/credential-files.js';
import { forgetCredential, keepCredential } from '../../../src/registry/credential-store.js';
import { Credentials } from '../../../src/registry/credentials.js';
import { failsWith, RegistryStage } from '../../support/registry-stage.js';

const stage = new RegistryStage();
beforeEach(() => stage.clear());
after(() => stage.remove());

const config = 'home/.docker/config.json';
const ann: Credential = { kind: 'password', user: 'ann', secret: 'pa:ss' };

function auth(user: string, secret: string) {
  return { auth: Buffer.from(`${user}:${secret}`).toString('base64') };
}

function find(domain: string, path = '', env: Record<string, string> = {}): Promise<Credential | undefined> {
  return new Credentials(stage.settings(env)).find(domain, path);
}

test("docker's keys stand for their host, podman's for what lies below them", async () => {
  const auths = {
    'https://index.docker.io/v1/': auth('hub', '1'),
    'https://a.example/v2/': auth('a', '2'),
    'b.example:5000': auth('b', 'x:y:z'),
    'c.example': auth('c', '4'),
    'c.example/team': auth('team', '5'),
    'c.example/team/app': auth('app', '6'),
    'd.example': {},
    'e.example': { username: 'e', password: 'plain' },
    'f.example': { auth: Buffer.from('f:padded\0\0').toString('base64') },
    'g.example': { ...auth('<token>', ''), identitytoken: 'idt' },
    'h.example': { registrytoken: 'rt' },
    '[::1]:5000': auth('six', '9'),
  };
  stage.write(config, JSON.stringify({ auths }));
  const table: readonly (readonly [domain: string, path: string, expected: string | undefined])[] = [
    ['docker.io', 'library/x', 'hub 1'],
    ['index.docker.io', '', 'hub 1'],
    ['a.example', 'x', 'a 2'],
    ['b.example:5000', 'x', 'b x:y:z'],
    ['b.example', 'x', undefined],
    ['c.example', 'other', 'c 4'],
    ['c.example', 'team/x', 'team 5'],
    ['c.example', 'team/app', 'app 6'],
    ['c.example', 'teams', 'c 4'],
    ['d.example', 'x', undefined],
    ['e.example', 'x', 'e plain'],
    ['f.example', 'x', 'f padded'],
    ['g.example', 'x', 'identity-token idt'],
    ['h.example', 'x', 'registry-token rt'],
    ['[::1]:5000', 'x', 'six 9'],
    ['nowhere.example', 'x', undefined],
  ];
  for (const [domain, path, expected] of table) {
    const found = await find(domain, path);
    const text = found === undefined ? undefined : `${found.kind === 'password' ? found.user : found.kind} ${found.secret}`;
    assert.equal(text, expected, `${domain}/${path}`);
  }
});

test('the places are looked into in order: REGISTRY_AUTH_FILE, docker, podman', async () => {
  const file = (name: string, user: string) => stage.write(name, JSON.stringify({ auths: { 'a.example': auth(user, 's') } }));
  const own = file('own.json', 'own');
  const userOf = async (env: Record<string, string>) => {
    const found = await find('a.example', '', env);
    return found?.kind === 'password' ? found.user : undefined;
  };
  const run = join(stage.path, 'run');
  assert.equal(await userOf({}), undefined);
  file('home/.config/containers/auth.json', 'home');
  assert.equal(await userOf({}), 'home');
  file('run/containers/auth.json', 'run');
  assert.equal(await userOf({ XDG_RUNTIME_DIR: run }), 'run');
  file(config, 'docker');
  assert.equal(await userOf({ XDG_RUNTIME_DIR: run }), 'docker');
  file('elsewhere/config.json', 'elsewhere');
  assert.equal(await userOf({ DOCKER_CONFIG: join(stage.path, 'elsewhere') }), 'elsewhere');
  assert.equal(await userOf({ REGISTRY_AUTH_FILE: own }), 'own');
});

test('a file that is damaged is named, and nothing of it is shown', async () => {
  for (const text of [
    '{"auths": {"a": {"auth": "c2VjcmV0"',
    '{"auths": {"a.example": {"auth": 5, "x": "c2VjcmV0"}}}',
    '["c2VjcmV0"]',
  ]) {
    stage.write(config, text);
    const failure = await failsWith('registry-config', /config\.json.*: correct (it|the file) or move it away/, () =>
      find('a.example'),
    );
    assert.doesNotMatch(failure.message + String(failure.cause), /c2VjcmV0/);
  }
});

test('what is kept leaves the rest of the file as it was, for the owner alone', async () => {
  stage.write(
    config,
    '{\n\t"psFormat": "x",\n\t"auths": {\n\t\t"b.example": {"auth": "eDp5"}\n\t},\n\t"HttpHeaders": {"A": "b"}\n}',
    0o644,
  );
  assert.deepEqual(await keepCredential(stage.settings(), 'a.example', ann), { plainPath: join(stage.path, config) });
  const text = readFileSync(join(stage.path, config), 'utf8');
  assert.deepEqual(Object.keys(JSON.parse(text)), ['psFormat', 'auths', 'HttpHeaders']);
  assert.deepEqual(JSON.parse(text).auths, { 'b.example': { auth: 'eDp5' }, 'a.example': auth('ann', 'pa:ss') });
  assert.equal(statSync(join(stage.path, config)).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(join(stage.path, 'home/.docker')), ['config.json']);
  assert.deepEqual(await find('a.example'), ann);
  assert.equal(await forgetCredential(stage.settings(), 'a.example'), true);
  assert.equal(await forgetCredential(stage.settings(), 'a.example'), false);
  assert.deepEqual(JSON.parse(readFileSync(join(stage.path, config), 'utf8')).auths, { 'b.example': { auth: 'eDp5' } });
});

test('a first login makes the directory, a link is followed, and Docker Hub has its old name', async () => {
  await keepCredential(stage.settings(), 'docker.io', ann);
  assert.equal(statSync(join(stage.path, 'home/.docker')).mode & 0o777, 0o700);
  assert.deepEqual(Object.keys(JSON.parse(readFileSync(join(stage.path, config), 'utf8')).auths), [
    'https://index.docker.io/v1/',
  ]);
  const real = stage.write('dotfiles/docker.json', '{}');
  mkdirSync(join(stage.path, 'linked'));
  symlinkSync(real, join(stage.path, 'linked/config.json'));
  await keepCredential(stage.settings({ DOCKER_CONFIG: join(stage.path, 'linked') }), 'a.example', {
    kind: 'identity-token',
    secret: 't',
  });
  assert.equal(JSON.parse(readFileSync(real, 'utf8')).auths['a.example'].identitytoken, 't');
});

test('a directory that cannot be written is said so, and nothing changes', async () => {
  stage.write('file', '');
  const settings = stage.settings({ DOCKER_CONFIG: join(stage.path, 'file') });
  await failsWith('registry-config', /config\.json cannot be written \(E\w+\): nothing has changed/, () =>
    keepCredential(settings, 'a.example', ann),
  );
});

/** A helper in shell that keeps one credential in a file and what it was asked in another. */
function installHelper(name: string, script: string): Record<string, string> {
  const path = stage.write(`bin/docker-credential-${name}`, `#!/bin/sh\ncd '${stage.path}'\n${script}`);
  chmodSync(path, 0o755);
  return { PATH: `${join(stage.path, 'bin')}:${process.env.PATH}` };
}

const keeper = `read -r line
echo "$1 $line" >> asked
case $1 in
get) [ -e kept ] && cat kept || { echo 'credentials not found in native keychain'; exit 1; } ;;
store) printf '%s' "$line" > kept ;;
erase) rm kept ;;
esac
`;

test('a helper keeps, gives and forgets; the secret goes through pipes alone', async () => {
  const env = installHelper('keeper', keeper);
  stage.write(config, JSON.stringify({ credsStore: 'keeper' }));
  assert.equal(await find('a.example', '', env), undefined);
  assert.deepEqual(await keepCredential(stage.settings(env), 'a.example', ann), { plainPath: undefined });
  assert.deepEqual(JSON.parse(readFileSync(join(stage.path, config), 'utf8')), {
    credsStore: 'keeper',
    auths: { 'a.example': {} },
  });
  assert.deepEqual(await find('a.example', '', env), ann);
  assert.equal(await forgetCredential(stage.settings(env), 'a.example'), true);
  assert.equal(await find('a.example', '', env), undefined);
  const asked = readFileSync(join(stage.path, 'asked'), 'utf8').split('\n');
  assert.equal(asked[0], 'get a.example');
  assert.equal(asked[1], 'store {"ServerURL":"a.example","Username":"ann","Secret":"pa:ss"}');
  await find('docker.io', '', env);
  assert.match(readFileSync(join(stage.path, 'asked'), 'utf8'), /\nget https:\/\/index\.docker\.io\/v1\/\n$/);
});

test('credHelpers of a registry comes before credsStore, and <token> is an identity token', async () => {
  const env = installHelper('special', `cat > /dev/null; echo '{"ServerURL":"x","Username":"<token>","Secret":"idt"}'`);
  stage.write(config, JSON.stringify({ credsStore: 'missing', credHelpers: { 'a.example': 'special' } }));
  assert.deepEqual(await find('a.example', '', env), { kind: 'identity-token', secret: 'idt' });
});

test('a helper that is missing, fails or talks nonsense is named', async () => {
  const table: readonly (readonly [name: string, script: string | undefined, code: string, sentence: RegExp])[] = [
    ['absent', undefined, 'registry-credentials', /docker-credential-absent is not installed .*credsStore/],
    ['angry', 'echo locked; exit 1', 'registry-credentials', /docker-credential-angry failed at "get" with status 1/],
    ['mumbler', 'echo secret-word', 'registry-config', /docker-credential-mumbler did not answer in JSON/],
    ['../evil', undefined, 'registry-config', /"\.\.\/evil" is not the name of a credential helper/],
  ];
  for (const [name, script, code, sentence] of table) {
    stage.clear();
    const env = script === undefined ? {} : installHelper(name, script);
    stage.write(config, JSON.stringify({ credsStore: name }));
    const failure = await failsWith(code, sentence, () => find('a.example', '', env));
    assert.doesNotMatch(failure.message, /secret-word/);
  }
});
