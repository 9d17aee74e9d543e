// Runs the commands that people wait for, on a tiny image, so that what V8 compiles for them is kept beside the bundles. A command that
// fails here costs the next start its speed, nothing else: this machine may have no FUSE.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const commands = [
  'import ROOT warm:1',
  'create --name warm warm:1',
  'mount warm MOUNT',
  'commit -q warm warm:2',
  'sleep',
  'umount MOUNT',
  'commit -q warm warm:2',
  'diff warm',
  'export warm -o OUT/export.tar',
  'export warm',
  'save -q -o OUT/image.tar warm:1 warm:2',
  'rm warm',
  'rmi warm:1',
  'rmi warm:2',
  'mount OUT/image.tar#warm:2 MOUNT',
  'sleep',
  'umount MOUNT',
  'load -q -i OUT/image.tar',
  'images',
  'history warm:2',
  'inspect warm:2',
  'layers warm:2',
  'ls warm:2 /a',
  'cat warm:2 /a/file0',
  'find warm:2',
  'tag warm:2 warm:3',
  'ps -a',
  'mounts',
  'prune -af',
];

/** PRE: the bundles are there. */
export function warmUp(root) {
  const home = mkdtempSync(join(tmpdir(), 'plyfs-build-'));
  const places = { ROOT: join(home, 'root'), MOUNT: join(home, 'mount'), OUT: home };
  mkdirSync(join(places.ROOT, 'a/b'), { recursive: true });
  mkdirSync(places.MOUNT);
  for (let i = 0; i < 20; i++) writeFileSync(join(places.ROOT, `a/file${i}`), `${i}\n`.repeat(i * 400));
  const env = { ...process.env, PLYFS_ROOT: join(home, 'store'), PLYFS_KEEP_COMPILED: join(root, 'dist/bundle') };
  const run = (line) => {
    // Until a mount's process has kept its own.
    if (line === 'sleep') return void spawnSync('sleep', ['0.6']);
    const words = line.split(' ').map((word) => word.replace(/^[A-Z]+/, (place) => places[place] ?? place));
    spawnSync(join(root, 'bin/plyfs'), words, { env, stdio: 'ignore', timeout: 20_000 });
  };
  // With a handler a signal waits until the last command has ended: a build that is stopped leaves no mount and no directory.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => undefined);
  try {
    for (const line of commands) {
      run(line);
      if (line.startsWith('create')) changeUpper(join(home, 'store/containers'));
    }
  } finally {
    run('umount --lazy MOUNT');
    rmSync(home, { recursive: true, force: true });
  }
}

function changeUpper(containers) {
  for (const id of readdirSync(containers)) {
    mkdirSync(join(containers, id, 'upper/a'), { recursive: true });
    writeFileSync(join(containers, id, 'upper/a/file3'), 'changed\n');
  }
}
