/** WWW-Authenticate, Retry-After, NO_PROXY: what others write, read as it is meant. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pauseFrom } from '../../../src/registry/attempts.js';
import { parseChallenges } from '../../../src/registry/challenge.js';
import { proxyFor } from '../../../src/registry/proxies.js';

const challenges: readonly (readonly [
  header: string,
  expected: readonly (readonly [scheme: string, parameters: Record<string, string>])[],
])[] = [
  ['Basic realm="a"', [['basic', { realm: 'a' }]]],
  ['Basic', [['basic', {}]]],
  [
    'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"',
    [['bearer', { realm: 'https://auth.docker.io/token', service: 'registry.docker.io', scope: 'repository:a/b:pull,push' }]],
  ],
  ['bearer REALM = "x" , Service="y"', [['bearer', { realm: 'x', service: 'y' }]]],
  [
    'Basic realm="a", Bearer realm="b",scope="c d"',
    [
      ['basic', { realm: 'a' }],
      ['bearer', { realm: 'b', scope: 'c d' }],
    ],
  ],
  [
    'Negotiate, Bearer realm="b"',
    [
      ['negotiate', {}],
      ['bearer', { realm: 'b' }],
    ],
  ],
  ['Bearer realm="a \\"quoted\\" word, and more"', [['bearer', { realm: 'a "quoted" word, and more' }]]],
  ['Bearer realm=https://a.example/token,service=x', [['bearer', { realm: 'https://a.example/token', service: 'x' }]]],
  ['Bearer realm="not closed', [['bearer', { realm: 'not closed' }]]],
  ['realm="x"', []],
  ['', []],
  [',,= "', []],
];

test('challenges are read as RFC 9110 writes them, and malformed ones as far as they make sense', () => {
  for (const [header, expected] of challenges) {
    const found = parseChallenges([header]).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);
    assert.deepEqual(found, expected, header);
  }
  assert.equal(parseChallenges(['Basic realm="a"', 'Bearer realm="b"']).length, 2);
});

test('a challenge of a megabyte is read in no time', () => {
  parseChallenges([`Bearer ${'a='.repeat(500_000)}`]);
  parseChallenges([`Bearer realm="${'\\'.repeat(1_000_000)}`]);
});

test('Retry-After is seconds or a date', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  const table: readonly (readonly [header: string | undefined, expected: number | undefined])[] = [
    ['7', 7000],
    ['0', 0],
    ['Thu, 01 Jan 2026 00:00:30 GMT', 30_000],
    ['Thu, 01 Jan 2020 00:00:30 GMT', 0],
    ['soon', undefined],
    [undefined, undefined],
  ];
  for (const [header, expected] of table) assert.equal(pauseFrom(header, now), expected, header);
});

const exempt: readonly (readonly [list: string, url: string, straight: boolean])[] = [
  ['', 'https://a.example/', false],
  ['*', 'https://a.example/', true],
  ['a.example', 'https://a.example/', true],
  ['a.example', 'https://b.a.example:5000/', true],
  ['a.example', 'https://ba.example/', false],
  ['.a.example', 'https://a.example/', false],
  ['.a.example', 'https://b.a.example/', true],
  ['*.a.example', 'https://b.a.example/', true],
  ['x, a.example:443', 'https://a.example/', true],
  ['a.example:5000', 'https://a.example/', false],
  ['10.0.0.0/8', 'https://10.1.2.3/', true],
  ['10.0.0.0/8', 'https://11.1.2.3/', false],
  ['10.1.2.3', 'https://10.1.2.3:5000/', true],
  ['fd00::/8', 'https://[fd00::1]:5000/', true],
  ['[fd00::1]:5000', 'https://[fd00::1]:5000/', true],
  ['fd00::1', 'https://[fd00::1]:5000/', true],
  ['A.Example', 'https://a.example/', true],
  ['', 'https://localhost:5000/', true],
  ['', 'https://127.0.0.1/', true],
];

test('NO_PROXY exempts as Go reads it, and loopback is never asked through a proxy', () => {
  for (const [list, url, straight] of exempt) {
    const proxy = proxyFor(new URL(url), { HTTPS_PROXY: 'http://proxy.example:3128', NO_PROXY: list });
    assert.equal(proxy === undefined, straight, `${list} ${url}`);
  }
});

test('proxies are named in either case, per scheme, with or without theirs', () => {
  assert.equal(
    proxyFor(new URL('https://a.example/'), { https_proxy: 'proxy.example:3128' })?.href,
    'http://proxy.example:3128/',
  );
  assert.equal(proxyFor(new URL('http://a.example/'), { https_proxy: 'proxy.example:3128' }), undefined);
  assert.equal(proxyFor(new URL('http://a.example/'), { HTTP_PROXY: 'https://proxy.example' })?.protocol, 'https:');
  assert.throws(() => proxyFor(new URL('https://a.example/'), { HTTPS_PROXY: 'socks5://user:word@x' }), {
    code: 'registry-config',
    message: 'HTTPS_PROXY does not name an http or https proxy: write it as http://HOST:PORT',
  });
});
