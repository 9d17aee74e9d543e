/** Images made by real tools, mounted in every format that skopeo writes, against what umoci unpacks. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type BuiltImages, buildImages, needsTools, treeOfDirectory } from '../support/image-fixture.js';

const skip = needsTools !== false ? needsTools : existsSync('/dev/fuse') ? false : 'needs /dev/fuse';
const cli = new URL('../../src/cli/main.js', import.meta.url).pathname;
const dumper = new URL('../support/dump.js', import.meta.url).pathname;

let images: BuiltImages;
let target: string;

before(() => {
  if (skip !== false) return;
  images = buildImages();
  target = join(images.directory, 'mnt');
  mkdirSync(target);
});
after(() => {
  if (skip !== false) return;
  run('umount', '-l', target);
  images.remove();
});

function run(command: string, ...words: string[]): { status: number | null; stdout: string; stderr: string } {
  const env = { ...process.env, PLYFS_ROOT: join(images.directory, 'store') };
  return spawnSync('timeout', ['60', command, ...words], { encoding: 'utf8', env, maxBuffer: 64 << 20 });
}

/** The lines of a dump by another process, without what a mount cannot know of directories: their link counts. */
function dumpOfMount(): string {
  const { status, stdout, stderr } = run(process.execPath, dumper, target);
  assert.equal(status, 0, stderr);
  return stdout.trimEnd();
}

test('every format, mounted, shows what umoci unpacks', { skip, timeout: 120_000 }, () => {
  const expected = treeOfDirectory(images.unpacked);
  for (const [format, path] of Object.entries(images.paths)) {
    const mounted = run(process.execPath, cli, 'mount', path, target);
    assert.equal(mounted.status, 0, `${format}: ${mounted.stderr}`);
    try {
      assert.equal(dumpOfMount(), expected, format);
    } finally {
      assert.equal(run(process.execPath, cli, 'umount', target).status, 0, format);
    }
  }
});
