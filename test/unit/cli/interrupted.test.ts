/** Ctrl-C and its like: no unfinished file stays, the line of progress goes, and the exit status tells the signal. */

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { needsRoot } from '../../support/scratch.js';

const program = fileURLToPath(new URL('../../../../bin/plyfs', import.meta.url));
const home = mkdtempSync(join(process.env.PLYFS_TEST_DIR ?? tmpdir(), 'plyfs-interrupted-'));
const environment = { ...process.env, PLYFS_ROOT: join(home, 'store'), PLYFS_BENCH_CACHE: join(home, 'cache') };

before(() => {
  // More than anybody waits for; only its holes are real.
  for (const [name, size] of Object.entries({ endless: 2 ** 40, large: 2 ** 28 })) {
    mkdirSync(join(home, name));
    writeFileSync(join(home, name, 'file'), '');
    truncateSync(join(home, name, 'file'), size);
  }
  mkdirSync(join(home, 'out'));
  for (const words of [
    ['import', 'large', 'a:1'],
    ['create', '--name', 'web', 'a:1'],
  ])
    assert.equal(spawnSync(program, words, { cwd: home, env: environment }).status, 0);
});
after(() => rmSync(home, { recursive: true, force: true }));

/** What lies in the places for unfinished files. */
function unfinished(): string[] {
  const places = ['out', 'out/layout', 'store/tmp'];
  return places.flatMap((place) => {
    try {
      return readdirSync(join(home, place)).filter((name) => !['layout', 'blobs'].includes(name));
    } catch {
      return []; // not made yet
    }
  });
}

const statuses = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

const commands: readonly (readonly [words: string, signal: keyof typeof statuses])[] = [
  ['export -o out/root.tar ./endless', 'SIGINT'],
  ['import ./endless b:1', 'SIGINT'],
  ['import - b:1', 'SIGHUP'],
  ['load', 'SIGTERM'],
  ['commit --upper endless --onto a:1 c:1', 'SIGINT'],
  ['squash a:1 s:1', 'SIGTERM'],
  ['save -o out/a.tar a:1', 'SIGINT'],
  ['save --compress gzip -o out/a.tar a:1', 'SIGHUP'],
  ['save --format oci-dir -o out/layout a:1', 'SIGINT'],
];

for (const [words, signal] of commands) {
  test(`${signal} leaves nothing unfinished of plyfs ${words}`, { skip: needsRoot, timeout: 60_000 }, async () => {
    const child = spawn(program, words.split(' '), { cwd: home, env: environment, stdio: ['pipe', 'pipe', 'pipe'] });
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    // The stream has begun and does not end.
    child.stdin.on('error', () => {});
    child.stdin.write(Buffer.alloc(1024));
    while (unfinished().length === 0 && child.exitCode === null) await sleep(2);
    child.kill(signal);
    assert.deepEqual([await ended, stderr], [statuses[signal], '']);
    assert.deepEqual(unfinished(), []);
  });
}

test('the line of progress is cleared', { skip: needsRoot }, () => {
  const script = `${program} import ./endless b:1 & sleep 1; kill -INT $!; wait $!; echo "ended $?"`;
  const ran = spawnSync('script', ['-qec', `bash -c '${script}'`, '/dev/null'], {
    cwd: home,
    env: environment,
    encoding: 'utf8',
  });
  assert.match(ran.stdout, /Importing/);
  assert.ok(ran.stdout.includes('\r\x1b[Kended 130'), JSON.stringify(ran.stdout.slice(-300)));
});
