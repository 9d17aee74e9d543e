/** images and ps: which rows docker's filters leave, and docker's fields of containers. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { newContainer } from '../../../src/container/create.js';
import { type ListingOptions, listedContainers } from '../../../src/container/listing.js';
import { filterImages, listImages } from '../../../src/image/listing.js';
import { tagImage } from '../../../src/store/images.js';
import { Store } from '../../../src/store/store.js';
import { storeImage } from '../../support/stored-image.js';

const scratch = mkdtempSync(join(tmpdir(), 'plyfs-listings-'));
const program = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url));
const store = new Store(join(scratch, 'store'));
after(() => rmSync(scratch, { recursive: true, force: true }));

before(async () => {
  const at = (year: number) => `${year}-01-01T00:00:00Z`;
  await storeImage(store, 'base:1', ['file a = A'], { created: at(2020) });
  await storeImage(store, 'team/app:1.0', ['file a = A', 'file b = B'], {
    created: at(2021),
    config: {
      Entrypoint: ['/bin/app'],
      Cmd: ['--port', '80', 'a long argument'],
      Labels: { tier: 'web', 'com.example.team': 'x' },
    },
  });
  await tagImage(store, 'team/app:1.0', 'team/app:1.1');
  const id = await storeImage(store, 'gone:1', ['file c = C'], { created: at(2022), config: { Labels: { tier: 'db' } } });
  await storeImage(store, 'gone:1', ['file d = D'], { created: at(2023) });
  const one = await newContainer(store, 'team/app:1.0', 'web');
  writeFileSync(join(one.upper, 'written'), 'x'.repeat(1234));
  for (const [image, name] of [
    ['base:1', 'db'],
    [id, 'last'],
  ] as const)
    await newContainer(store, image, name);
});

function plyfs(...words: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [program, ...words], {
    encoding: 'utf8',
    timeout: 60_000,
    env: { ...process.env, PLYFS_ROOT: store.root },
  });
}

function rows(...words: string[]): string[] {
  const { stdout, stderr, status } = plyfs(...words);
  assert.equal(status, 0, stderr);
  return stdout.split('\n').filter((line) => line !== '');
}

const named = ['gone:1', 'team/app:1.0', 'team/app:1.1', 'base:1'];
const imageCases: [filters: string[], found: string[]][] = [
  [['dangling=1'], ['<none>:<none>']],
  [['dangling=false'], named],
  [['reference=team/*'], ['team/app:1.0', 'team/app:1.1']],
  [['reference=*:1'], ['gone:1', 'base:1']],
  [
    ['reference=*/*:*[1-9]', 'reference=base'],
    ['team/app:1.1', 'base:1'],
  ],
  [['label=tier'], ['<none>:<none>', 'team/app:1.0', 'team/app:1.1']],
  [
    ['label=tier=web', 'label=com.example.team=x'],
    ['team/app:1.0', 'team/app:1.1'],
  ],
  [['before=team/app:1.0'], ['base:1']],
  [['since=team/app:1.0', 'dangling=false'], ['gone:1']],
  [['until=2020-06-01'], ['base:1']],
  [['until=1.5h', 'reference=base'], ['base:1']],
];

test('images keeps what docker keeps', () => {
  for (const [filters, found] of imageCases) {
    const kept = filterImages(store, listImages(store), filters);
    assert.deepEqual(
      kept.map(({ repository = '<none>', tag = '<none>' }) => `${repository}:${tag}`),
      found,
      filters.join(' '),
    );
  }
  const asWords = rows('images', '--format', '{{.Repository}}:{{.Tag}}', '-f', 'dangling=0', 'team/app:1.?');
  assert.deepEqual(asWords, ['team/app:1.0', 'team/app:1.1']);
});

const containerCases: [options: ListingOptions, found: string[]][] = [
  [{}, []],
  [{ all: true }, ['last', 'db', 'web']],
  [{ last: 1 }, ['last']],
  [{ last: 2 }, ['last', 'db']],
  [{ all: true, filters: ['name=^/?d'] }, ['db']],
  [{ all: true, filters: ['name=web', 'name=db'] }, ['db', 'web']],
  [{ all: true, filters: ['label=tier=web'] }, ['web']],
  [{ all: true, filters: ['label=tier', 'name=last'] }, ['last']],
  [{ filters: ['status=created'] }, ['last', 'db', 'web']],
  [{ filters: ['status=mounted'] }, []],
  [{ all: true, filters: ['ancestor=team/app:1.1'] }, ['web']],
  [{ all: true, filters: ['ancestor=base:1'] }, ['db', 'web']],
  [{ all: true, filters: ['ancestor=nosuch'] }, []],
  [{ filters: ['before=last'] }, ['db', 'web']],
  [{ filters: ['since=web'] }, ['last', 'db']],
  [{ all: true, filters: ['health=none', 'name=db'] }, ['db']],
  [{ all: true, filters: ['exited=0'] }, []],
];

test('ps keeps what docker keeps', () => {
  for (const [options, found] of containerCases) {
    const kept = listedContainers(store, options);
    assert.deepEqual(
      kept.map(({ name }) => name),
      found,
      JSON.stringify(options),
    );
  }
  assert.deepEqual(rows('ps', '--format', '{{.Names}}', '-a', '-f', 'name=web', '-f', 'name=db'), ['db', 'web']);
  assert.deepEqual(rows('ps', '--format', '{{.Names}}', '-l'), ['last']);
  assert.deepEqual(rows('ps', '--format', '{{.Names}}', '-n', '2'), ['last', 'db']);
});

test("ps has docker's fields", () => {
  const fields = (template: string, ...words: string[]) => rows('ps', '-a', '-f', 'name=web', '--format', template, ...words)[0];
  assert.equal(fields('{{.Command}} {{.Labels}}'), '"/bin/app --port 80 …" com.example.team=x,tier=web');
  assert.equal(fields('{{.Command}}', '--no-trunc'), '"/bin/app --port 80 a long argument"');
  assert.equal(fields('{{.Label "tier"}}|{{.Label "none"}}|{{.Mounts}}|{{.Ports}}'), 'web|||');
  assert.match(fields('{{.RunningFor}}') ?? '', /ago$|^Less than/);
  assert.equal(fields('{{.Size}} {{.State}}'), '1.23kB (virtual 1.24kB) created');
  assert.match(plyfs('ps', '-a', '-s').stdout, /^CONTAINER ID .* SIZE\n/);
  assert.equal(fields('table {{.Names}}\t{{.Label "com.example.team"}}'), 'NAMES   team');
  const sizes = plyfs('inspect', '-s', '-f', '{{.SizeRw}} {{.SizeRootFs}}', 'web').stdout;
  assert.equal(sizes, '1234 1236\n');
});

test('prune takes only what fits', () => {
  assert.doesNotMatch(plyfs('prune', '-f', '--filter', 'label=tier=web').stdout, /deleted/);
  assert.equal(plyfs('rm', 'last').status, 0);
  assert.doesNotMatch(plyfs('prune', '-f', '--filter', 'label!=tier').stdout, /deleted/);
  assert.doesNotMatch(plyfs('prune', '-f', '--filter', 'until=2021-01-01').stdout, /deleted/);
  assert.match(plyfs('prune', '-f', '--filter', 'until=24h', '--filter', 'label=tier=db').stdout, /deleted: sha256:/);
});

test('a filter or number that is none is refused in one sentence', () => {
  const cases: [words: string[], stderr: RegExp][] = [
    [['images', '-f', 'nosuch=1'], /^plyfs: --filter nosuch=1: write dangling=true, .* or reference=PATTERN\n/],
    [['images', '-f', 'reference=[a'], /^plyfs: --filter reference=\[a: write/],
    [['ps', '-f', 'status=gone'], /^plyfs: --filter status=gone: write/],
    [['ps', '-f', 'name=['], /^plyfs: --filter name=\[: write/],
    [['ps', '-n', 'x'], /^plyfs: option '-n, --last <n>' argument 'x' is invalid\. It is a whole number\.\n/],
  ];
  for (const [words, stderr] of cases) {
    const found = plyfs(...words);
    assert.equal(found.status, 2, words.join(' '));
    assert.match(found.stderr, stderr);
  }
});
