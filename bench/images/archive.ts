/** The image to measure on: a docker-archive of ten layers with 55,000 small files of this machine, some replaced and some removed by
 *  upper layers; and the archive that `plyfs save --compress gzip` makes of it. Built once, kept outside the repository. */

import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { PlyfsError } from '../../src/base/errors.js';
import { nameFromText } from '../../src/base/name.js';
import { seededRandom, shuffle } from '../../src/bench/statistics.js';
import { type FileData, TarWriter } from '../../src/tar/writer.js';

/** Raised when something is built otherwise: an older image is then not used. */
const version = 1;
const layerCount = 10;
const fileCount = 55_000;
const fileBytesMax = 16 * 1024;
const [replacedEach, removedEach] = [200, 50];
const mtimeSec = 1_700_000_000;

export const imageName = 'bench.local/image:1';

export interface ImageFacts {
  layers: number;
  /** What the merged view holds. */
  files: number;
  /** Entries of all layers. */
  entries: number;
  bytes: number;
}

export interface Archive {
  path: string;
  facts: ImageFacts;
  /** Paths in the view, in an order of chance; one line each in `fileList` too. */
  files: string[];
}

/** The archive below `cache`, built if it is not there. */
export function imageArchive(cache: string, note: (text: string) => void): Archive {
  const home = join(cache, `image-v${version}`);
  const at = { path: join(home, 'image.tar'), facts: join(home, 'facts.json'), list: join(home, 'files') };
  if (!existsSync(at.facts)) {
    note(`building ${at.path}`);
    rmSync(home, { recursive: true, force: true });
    mkdirSync(home, { recursive: true });
    const { facts, files } = build(home, at.path);
    writeFileSync(at.list, `${files.join('\n')}\n`);
    writeFileSync(at.facts, JSON.stringify(facts));
  }
  const facts = JSON.parse(readFileSync(at.facts, 'utf8')) as ImageFacts; // as: written above
  return { path: at.path, facts, files: readFileSync(at.list, 'utf8').trimEnd().split('\n') };
}

function build(home: string, archive: string): { facts: ImageFacts; files: string[] } {
  const random = seededRandom(20_261_123);
  const sources: string[] = [];
  for (const root of ['/usr', '/opt']) collect(root, sources);
  shuffle(sources, random);
  sources.splice(fileCount);
  if (sources.length < 1000) throw new PlyfsError('bench', `only ${sources.length} files below /usr to make an image from`);
  const visible = new Set<string>();
  const layers: LayerFile[] = [];
  let entries = 0;
  for (let layer = 0; layer < layerCount; layer++) {
    const below = shuffle([...visible], random);
    const replaced = layer === 0 ? [] : below.splice(0, replacedEach);
    const removed = layer === 0 ? [] : below.splice(0, removedEach);
    // The bottom layer is as large as five others, as images have it.
    const share = sources.splice(0, Math.ceil((fileCount * (layer === 0 ? 5 : 1)) / (layerCount + 4)));
    const contents = new Map(share.map((path) => [path, path]));
    for (const [i, path] of replaced.entries()) contents.set(path, share[i % Math.max(share.length, 1)] ?? path);
    const file = join(home, `layer${layer}.tar`);
    const written = writeLayer(file, contents, removed);
    entries += written.entries;
    layers.push({ file, diffId: written.diffId });
    for (const path of share) visible.add(path);
    for (const path of removed) visible.delete(path);
  }
  const bytes = writeArchive(archive, layers);
  for (const { file } of layers) rmSync(file);
  const files = shuffle([...visible], random).map((path) => path.slice(1));
  return { facts: { layers: layerCount, files: files.length, entries, bytes }, files };
}

interface LayerFile {
  file: string;
  diffId: string;
}

/** Small regular files that a tar of any program can name. */
function collect(directory: string, found: string[]): void {
  if (!existsSync(directory)) return;
  const entries = readdirSync(directory, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries) {
    const path = `${directory}/${entry.name}`;
    if (/[\ufffd\n]/.test(path)) continue;
    if (entry.isDirectory()) collect(path, found);
    else if (entry.isFile() && isWanted(path)) found.push(path);
  }
}

function isWanted(path: string): boolean {
  const { size, mode } = lstatSync(path);
  return size > 0 && size <= fileBytesMax && (mode & 0o444) !== 0 && !basename(path).startsWith('.wh.');
}

/** A tar of `contents` (path in the image, file that has its bytes) with their directories, and whiteouts for `removed`. */
function writeLayer(
  path: string,
  contents: ReadonlyMap<string, string>,
  removed: readonly string[],
): { diffId: string; entries: number } {
  const whiteouts = removed.map((each) => `${dirname(each)}/.wh.${basename(each)}`);
  const directories = new Set<string>();
  let entries = 0;
  const { digest } = writeTar(path, function* (writer) {
    for (const each of [...contents.keys(), ...whiteouts].sort()) {
      for (const directory of missingParents(each, directories)) {
        entries++;
        yield* writer.add({ ...common, type: 'dir', path: nameFromText(directory.slice(1)), mode: 0o755 });
      }
      entries++;
      const source = contents.get(each);
      const entry = { ...common, type: 'file', path: nameFromText(each.slice(1)), mode: 0o644 } as const;
      if (source === undefined) yield* writer.add(entry);
      else yield* addFile(writer, entry, source);
    }
  });
  return { diffId: `sha256:${digest}`, entries };
}

const common = { uid: 0, gid: 0, mtimeSec, mtimeNsec: 0 };

function missingParents(path: string, known: Set<string>): string[] {
  const parents: string[] = [];
  for (let at = dirname(path); at !== '/' && !known.has(at); at = dirname(at)) {
    known.add(at);
    parents.push(at);
  }
  return parents.reverse();
}

/** The layout of docker 1.10 to 24: layer tars beside a manifest.json. */
function writeArchive(path: string, layers: readonly LayerFile[]): number {
  const config = JSON.stringify({
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    config: { Cmd: ['/bin/sh'] },
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer.diffId) },
    history: layers.map((_, i) => ({ created: '2026-01-01T00:00:00Z', created_by: `layer ${i}` })),
    created: '2026-01-01T00:00:00Z',
  });
  const configName = `${createHash('sha256').update(config).digest('hex')}.json`;
  const manifest = [{ Config: configName, RepoTags: [imageName], Layers: layers.map((layer) => basename(layer.file)) }];
  return writeTar(path, function* (writer) {
    for (const [name, text] of [
      ['manifest.json', JSON.stringify(manifest)],
      [configName, config],
    ] as const)
      yield* writer.add({ ...common, type: 'file', path: nameFromText(name), mode: 0o644 }, dataOf(Buffer.from(text)));
    for (const { file } of layers)
      yield* addFile(writer, { ...common, type: 'file', path: nameFromText(basename(file)), mode: 0o644 }, file);
  }).bytes;
}

function* addFile(writer: TarWriter, entry: Parameters<TarWriter['add']>[0], source: string): Generator<Buffer, void> {
  const fd = openSync(source, 'r');
  try {
    const { size } = fstatSync(fd);
    yield* writer.add(entry, { size, read: (buffer, at, length, offset) => readSync(fd, buffer, at, length, offset) });
  } finally {
    closeSync(fd);
  }
}

function dataOf(bytes: Buffer): FileData {
  return { size: bytes.length, read: (buffer, at, length, offset) => bytes.copy(buffer, at, offset, offset + length) };
}

function writeTar(path: string, fill: (writer: TarWriter) => Generator<Buffer, void>): { digest: string; bytes: number } {
  const writer = new TarWriter();
  const hash = createHash('sha256');
  const fd = openSync(path, 'w');
  const put = (chunk: Buffer) => {
    hash.update(chunk);
    for (let done = 0; done < chunk.length; ) done += writeSync(fd, chunk, done);
  };
  try {
    for (const chunk of fill(writer)) put(chunk);
    for (const chunk of writer.finish()) put(chunk);
  } finally {
    closeSync(fd);
  }
  return { digest: hash.digest('hex'), bytes: writer.position };
}
