/** registries.conf, daemon.json, short names: where a name leads. */

import assert from 'node:assert/strict';
import { after, beforeEach, test } from 'node:test';
import { RegistrySession } from '../../../src/registry/client.js';
import { homeOf, isBlocked, isInsecure, sitesOf } from '../../../src/registry/hosts.js';
import { type RegistriesConf, readRegistriesConf } from '../../../src/registry/registries-conf.js';
import { meaningsOf } from '../../../src/registry/short-names.js';
import { HostileRegistry, on, refuse, send } from '../../support/hostile-registry.js';
import { collected, failsWith, patternBytes, RegistryStage } from '../../support/registry-stage.js';

const stage = new RegistryStage();
beforeEach(() => stage.clear());
after(() => stage.remove());

function conf(text: string, env: Record<string, string> = {}): RegistriesConf {
  stage.write('etc/containers/registries.conf', text);
  return readRegistriesConf(stage.settings(env));
}

/** `authority/path` of each place, `~` before a mirror. */
function places(parsed: RegistriesConf, name: string, kind: 'tag' | 'digest' = 'tag'): string[] {
  const [domain = '', ...path] = name.split('/');
  return sitesOf(parsed, domain, path.join('/'), kind).map((site) => `${site.isMirror ? '~' : ''}${site.authority}/${site.path}`);
}

const rules = `
unqualified-search-registries = ["docker.io", "quay.io"]
short-name-mode = "enforcing"
[aliases]
fedora = "registry.fedoraproject.org/fedora"
"team/tool" = "ghcr.io/team/tool"

[[registry]]
prefix = "docker.io"
location = "docker.io"
[[registry.mirror]]
location = "mirror.example:5000/hub"
[[registry.mirror]]
location = "second.example"
insecure = true
pull-from-mirror = "digest-only"
[[registry.mirror]]
location = "third.example"
pull-from-mirror = "tag-only"

[[registry]]
prefix = "docker.io/alpine"
location = "alpine.example/base/alpine"

[[registry]]
prefix = "example.com/foo"
location = "internal.example:8443/bar/"
insecure = true

[[registry]]
location = "blocked.example"
blocked = true

[[registry]]
prefix = "*.wild.example"
insecure = true
mirror-by-digest-only = true
[[registry.mirror]]
location = "wild-mirror.example/copy"

[[registry]]
prefix = "ghcr.io"
[[registry.mirror]]
location = "[fd00::1]:5000"
`;

test('mirrors come first in their order, the registry itself last; the longest prefix counts', () => {
  const parsed = conf(rules);
  const table: readonly (readonly [name: string, kind: 'tag' | 'digest', places: readonly string[]])[] = [
    [
      'docker.io/library/busybox',
      'tag',
      ['~mirror.example:5000/hub/library/busybox', '~third.example/library/busybox', 'registry-1.docker.io/library/busybox'],
    ],
    [
      'docker.io/library/busybox',
      'digest',
      ['~mirror.example:5000/hub/library/busybox', '~second.example/library/busybox', 'registry-1.docker.io/library/busybox'],
    ],
    ['docker.io/library/alpine', 'tag', ['alpine.example/base/alpine']],
    [
      'docker.io/library/alpine-extra',
      'tag',
      [
        '~mirror.example:5000/hub/library/alpine-extra',
        '~third.example/library/alpine-extra',
        'registry-1.docker.io/library/alpine-extra',
      ],
    ],
    ['example.com/foo/app', 'tag', ['internal.example:8443/bar/app']],
    ['example.com/food', 'tag', ['example.com/food']],
    ['a.wild.example/app', 'tag', ['a.wild.example/app']],
    ['a.wild.example/app', 'digest', ['~wild-mirror.example/copy/app', 'a.wild.example/app']],
    ['wild.example/app', 'digest', ['wild.example/app']],
    ['ghcr.io/team/app', 'tag', ['~[fd00::1]:5000/team/app', 'ghcr.io/team/app']],
    ['localhost:5000/x', 'tag', ['localhost:5000/x']],
  ];
  for (const [name, kind, expected] of table) assert.deepEqual(places(parsed, name, kind), expected, `${name} ${kind}`);
});

test('mirrors are for reads, and their credentials are their own', () => {
  const parsed = conf(rules);
  assert.equal(homeOf(parsed, 'docker.io', 'library/busybox').authority, 'registry-1.docker.io');
  assert.deepEqual(
    sitesOf(parsed, 'docker.io', 'library/busybox', 'tag').map(({ domain }) => domain),
    ['mirror.example:5000', 'third.example', 'docker.io'],
  );
});

test('blocked and insecure are what the files say, and loopback', () => {
  const parsed = conf(rules);
  assert.ok(isBlocked(parsed, 'blocked.example', 'x'));
  assert.ok(!isBlocked(parsed, 'example.com', 'x'));
  stage.write('etc/docker/daemon.json', '{"insecure-registries":["plain.example:5000","10.1.0.0/16","fd00::/8"]}');
  const insecure = readRegistriesConf(stage.settings());
  const table: readonly (readonly [authority: string, expected: boolean])[] = [
    ['localhost:5000', true],
    ['127.9.8.7', true],
    ['[::1]:5000', true],
    ['localhost.example', false],
    ['internal.example:8443', true],
    ['internal.example', false],
    ['second.example', true],
    ['mirror.example:5000', false],
    ['a.wild.example:1', true],
    ['plain.example:5000', true],
    ['plain.example', false],
    ['10.1.2.3:5000', true],
    ['10.2.2.3', false],
    ['[fd00::1]:5000', true],
    ['ghcr.io', false],
  ];
  for (const [authority, expected] of table) assert.equal(isInsecure(insecure, authority), expected, authority);
});

test("drop-ins come after the file in their order, and the user's file replaces the one of the machine", () => {
  stage.write(
    'etc/containers/registries.conf.d/20-b.conf',
    '[[registry]]\nlocation = "a.example"\nblocked = true\n[aliases]\nx = "b.example/x"\n',
  );
  stage.write(
    'etc/containers/registries.conf.d/10-a.conf',
    '[[registry]]\nlocation = "a.example"\ninsecure = true\n[aliases]\nx = "a.example/x"\n',
  );
  stage.write('etc/containers/registries.conf.d/README', 'not toml');
  const machine = conf('unqualified-search-registries = ["one.example"]\n');
  assert.deepEqual(
    machine.rules.map(({ prefix, isBlocked: blocked, isInsecure: insecure }) => [prefix, blocked, insecure]),
    [['a.example', true, false]],
  );
  assert.equal(machine.aliases.get('x'), 'b.example/x');
  assert.deepEqual(machine.searched, ['one.example']);
  stage.write('home/.config/containers/registries.conf', 'unqualified-search-registries = ["two.example"]\n');
  assert.deepEqual(readRegistriesConf(stage.settings()).searched, ['two.example']);
  const other = stage.write('other.conf', 'unqualified-search-registries = ["three.example"]\n');
  assert.deepEqual(readRegistriesConf(stage.settings({ CONTAINERS_REGISTRIES_CONF: other })).searched, ['three.example']);
});

test('a name without a registry means Docker Hub, an alias, or what registries.conf searches', () => {
  const parsed = conf(rules);
  const table: readonly (readonly [name: string, names: readonly string[], mustAsk: boolean])[] = [
    ['fedora:41', ['registry.fedoraproject.org/fedora:41'], false],
    ['team/tool@sha256:ab', ['ghcr.io/team/tool@sha256:ab'], false],
    ['busybox', ['docker.io/busybox', 'quay.io/busybox'], true],
    ['team/other:1', ['docker.io/team/other:1', 'quay.io/team/other:1'], true],
    ['localhost/busybox', ['localhost/busybox'], false],
    ['ghcr.io/fedora', ['ghcr.io/fedora'], false],
  ];
  for (const [name, names, mustAsk] of table) assert.deepEqual(meaningsOf(name, parsed), { names, mustAsk }, name);
  assert.deepEqual(meaningsOf('busybox:1', conf('')), { names: ['docker.io/busybox:1'], mustAsk: false });
});

test('a file that makes no sense is named with its field', () => {
  const table: readonly (readonly [name: string, text: string, sentence: RegExp])[] = [
    ['etc/containers/registries.conf', '[[registry]\n', /registries\.conf is not TOML: .*: correct it or move it away/],
    ['etc/containers/registries.conf', '[registries.search]\nregistries = []\n', /version 1; plyfs reads version 2/],
    ['etc/containers/registries.conf', '[[registry]]\nprefix = 5\n', /registry\[0\]\.prefix is not a string: correct the file/],
    ['etc/containers/registries.conf', '[[registry]]\ninsecure = true\n', /registry\[0\]\.location is missing/],
    ['etc/containers/registries.conf', 'short-name-mode = "maybe"\n', /short-name-mode is not enforcing, permissive or disabled/],
    ['etc/docker/daemon.json', '{"registry-mirrors": ["ftp://x"]}', /registry-mirrors\[0\] is not an http or https address/],
    ['etc/docker/daemon.json', '{', /daemon\.json is not JSON/],
  ];
  for (const [name, text, sentence] of table) {
    stage.clear();
    stage.write(name, text);
    assert.throws(() => readRegistriesConf(stage.settings()), { code: 'registry-config', message: sentence }, text);
  }
});

test('mirrors of the Hub in daemon.json may lie below a path, and with http are asked without TLS', () => {
  stage.write('etc/docker/daemon.json', '{"registry-mirrors": ["https://m.example/hub/v2/", "http://n.example:8080"]}');
  const parsed = readRegistriesConf(stage.settings());
  assert.deepEqual(places(parsed, 'docker.io/library/alpine'), [
    '~m.example/hub/library/alpine',
    '~n.example:8080/library/alpine',
    'registry-1.docker.io/library/alpine',
  ]);
  assert.deepEqual([isInsecure(parsed, 'n.example:8080'), isInsecure(parsed, 'm.example')], [true, false]);
  assert.deepEqual(places(parsed, 'quay.io/x'), ['quay.io/x']);
});

test('what a mirror has not, refuses or breaks comes from the next place; a blocked registry is not asked', async () => {
  const mirror = await HostileRegistry.start();
  const registry = await HostileRegistry.start();
  const bytes = patternBytes(100_000);
  const digest = registry.putBlob(bytes);
  registry.putManifest('team/app', '1');
  stage.write(
    'etc/containers/registries.conf',
    `[[registry]]\nprefix = "logical.example"\nlocation = "${registry.authority}"\n[[registry.mirror]]\nlocation = "${mirror.authority}/copy"\n` +
      '[[registry]]\nlocation = "blocked.example"\nblocked = true\n',
  );
  stage.logIn('logical.example', 'ann', 'secret');
  const told: string[] = [];
  const session = new RegistrySession({ settings: stage.settings(), onRetry: (sentence) => told.push(sentence) });
  try {
    const app = session.repository({ domain: 'logical.example', path: 'team/app' });
    await app.getManifest('1');
    assert.equal(mirror.asked(/copy\/team\/app\/manifests\/1/).length, 1);
    assert.match(told.join('\n'), /logical\.example\/team\/app:1: 127.* does not have it .*; going on to the next place/);
    mirror.rules = [
      on(/blobs/, (_, response) => refuse(response, 401, 'UNAUTHORIZED', { 'WWW-Authenticate': 'Basic realm="x"' })),
    ];
    assert.ok((await collected(app.openBlob(digest, { size: bytes.length }))).equals(bytes));
    assert.ok(mirror.seen.every(({ headers }) => headers.authorization === undefined));
    mirror.rules = [on(/blobs/, (_, response) => send(response, 200, {}, bytes))];
    registry.seen.length = 0;
    assert.ok((await collected(app.openBlob(digest, { size: bytes.length }))).equals(bytes));
    assert.equal(registry.seen.length, 0);
    await failsWith('registry-blocked', /^blocked\.example\/x: registries\.conf blocks this registry/, async () =>
      session.repository({ domain: 'blocked.example', path: 'x' }),
    );
  } finally {
    session.close();
    await mirror.stop();
    await registry.stop();
  }
});
