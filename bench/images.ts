/** `npm run bench:images`: measures what plyfs does with an image beside podman, umoci and tar. See README.md here. */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { defaultCache } from '../src/bench/fixtures.js';
import { columns } from '../src/bench/report.js';
import { cacheDrops, describeMachine } from '../src/bench/results.js';
import { imageArchive, imageName } from './images/archive.js';
import { changedPlyfs, changedPodman, changedUmoci } from './images/changed.js';
import type { Built, Loaded } from './images/index-cost.js';
import { type Format, type ImageResults, Session } from './images/session.js';
import { type Places, startPlyfs, startPodman, startUmoci } from './images/start.js';
import { gapLines, imageTable, indexLines, introLines, memoryLines } from './images/table.js';

const usage = `usage: npm run bench:images -- [options]      (as root)
  --reps N      repetitions of what takes less than 3 seconds (default 3)
  --json FILE   where the results go (default bench/results/images.json)
  --cache DIR   where the image is kept and everything happens (default $PLYFS_BENCH_CACHE or $TMPDIR/plyfs-bench)
`;
const runPrefix = 'images-run-';
const subjects = ['plyfs', 'plyfs, index saved', 'podman', 'umoci'];
const indexSizes = [100_000, 1_000_000];
const formats: Format[] = ['plain', 'gzip'];

const { values } = parseArgs({
  options: {
    reps: { type: 'string', default: '3' },
    json: { type: 'string' },
    cache: { type: 'string' },
    help: { type: 'boolean' },
  },
});
const note = (text: string) => process.stderr.write(`${text}\n`);

function placesIn(home: string, archive: string, file: string): Places {
  const podman = `podman --root '${home}/podman' --runroot '${home}/podman-run' --storage-driver overlay`;
  return {
    plyfs: join(home, 'plyfs'),
    podman,
    mount: join(home, 'mount'),
    archives: { plain: archive, gzip: join(home, 'gzip.tar') },
    layout: join(home, 'layout'),
    bundle: join(home, 'bundle'),
    file,
    changedList: join(home, 'changed'),
    image: imageName,
  };
}

/** The same image with gzip layers, and the plain one as an OCI layout. */
function makeForms(session: Session, at: Places): void {
  session.prepare(
    `"$PLYFS" load -q -i '${at.archives.plain}'; "$PLYFS" save -q -o '${at.layout}' --format oci-dir '${at.image}'`,
  );
  session.prepare(`"$PLYFS" save -q --compress gzip -o '${at.archives.gzip}' '${at.image}'`);
  session.results.image.gzipBytes = statSync(at.archives.gzip).size;
}

function measureIndexes(session: Session, home: string): void {
  const script = fileURLToPath(new URL('images/index-cost.js', import.meta.url));
  const file = join(home, 'index');
  for (const size of indexSizes) {
    const built = JSON.parse(session.prepare(`node '${script}' ${size} '${file}'`)) as Built; // as: that script prints one
    const loads = Array.from(
      { length: session.repetitions },
      () => JSON.parse(session.prepare(`node '${script}' '${file}'`)) as Loaded, // as: so
    );
    session.results.index.push({
      names: built.names,
      bytesPerName: built.bytes / built.names,
      buildSeconds: built.seconds,
      loadSeconds: loads.map((each) => each.seconds),
      rssBytesPerName: Math.max(...loads.map((each) => each.rssBytes)) / built.names,
    });
  }
}

function measure(session: Session, at: Places): void {
  makeForms(session, at);
  for (const format of formats) session.attempt(`start, ${format}`, 'plyfs', () => startPlyfs(session, at, format));
  session.attempt('changes', 'plyfs', () => changedPlyfs(session, at));
  for (const format of formats) session.attempt(`start, ${format}`, 'podman', () => startPodman(session, at, format));
  session.attempt('changes', 'podman', () => changedPodman(session, at));
  session.attempt('start', 'umoci', () => startUmoci(session, at));
  session.attempt('changes', 'umoci', () => changedUmoci(session, at));
}

/** Ends what is mounted below `home`, also what a failed step has left, and takes it away. */
function clean(home: string, podman: string): void {
  const script = `mountpoint -q '${home}/mount' && "$1" umount --lazy '${home}/mount'
    [ -d '${home}/podman' ] && { ${podman} rm -af; ${podman} image unmount -af; ${podman} rmi -af; } > /dev/null 2>&1
    for at in '${home}/podman/overlay' '${home}/podman'; do mountpoint -q "$at" && umount -l "$at"; done; true`;
  spawnSync('sh', ['-c', script, 'sh', plyfs], { timeout: 60_000, stdio: ['ignore', 'ignore', 'inherit'] });
  rmSync(home, { recursive: true, force: true });
}

const plyfs = fileURLToPath(new URL('../../bin/plyfs', import.meta.url));

/** What a run left behind that was killed. */
function cleanStale(cache: string): void {
  mkdirSync(cache, { recursive: true });
  for (const entry of readdirSync(cache)) {
    if (!entry.startsWith(runPrefix) || existsSync(`/proc/${entry.slice(runPrefix.length)}`)) continue;
    const home = join(cache, entry);
    clean(home, placesIn(home, '', '').podman);
  }
}

function main(): void {
  const cache = values.cache ?? defaultCache();
  cleanStale(cache);
  const home = join(cache, `${runPrefix}${process.pid}`);
  mkdirSync(home, { recursive: true });
  const archive = imageArchive(cache, note);
  const at = placesIn(home, archive.path, archive.files[0] ?? '');
  mkdirSync(at.mount);
  writeFileSync(at.changedList, `${archive.files.slice(1, 101).join('\n')}\n`);
  const drops = cacheDrops();
  const results: ImageResults = {
    machine: describeMachine(loadavg()[0] ?? 0),
    isQuick: false,
    repetitions: Number(values.reps),
    subjects,
    stacks: [{ name: 'image', layers: archive.facts.layers, objects: archive.facts.entries }],
    measurements: [],
    memory: [],
    gaps: [],
    image: { ...archive.facts, gzipBytes: 0 },
    index: [],
  };
  const session = new Session(results, results.repetitions, { ...process.env, PLYFS: plyfs, PLYFS_ROOT: at.plyfs }, note);
  try {
    measureIndexes(session, home);
    measure(session, at);
    results.machine.cacheDrops = cacheDrops() - drops;
    keep(results, values.json ?? 'bench/results/images.json');
  } finally {
    clean(home, at.podman);
  }
}

function keep(results: ImageResults, json: string): void {
  mkdirSync(dirname(json), { recursive: true });
  writeFileSync(json, `${JSON.stringify(results, null, 1)}\n`);
  for (const line of [...introLines(results), '', ...columns(imageTable(results)), '', ...indexLines(results)]) console.log(line);
  for (const line of [...memoryLines(results), ...gapLines(results)]) console.log(line);
}

if (values.help) process.stdout.write(usage);
else main();
