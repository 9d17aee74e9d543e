/** Images for tests, made once by real tools (umoci, skopeo) from a small root, in every format that skopeo writes; and the trees to
 *  compare: what an image shows by plyfs, and a directory that umoci unpacked. */

import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Image, WalkEntry } from '../../src/image/open-image.js';
import { dumpTree } from './dump.js';
import { digestOf, formatTree, type TreeKind, type TreeLine } from './tree.js';

/** Why tests with real tools do not run here, or false. */
export const needsTools: string | false = reasonWithoutTools();

function reasonWithoutTools(): string | false {
  if (process.geteuid?.() !== 0) return 'needs root: umoci keeps owners and devices only then';
  for (const tool of ['umoci', 'skopeo']) {
    if (spawnSync(tool, ['--version'], { stdio: 'ignore' }).status !== 0) return `needs ${tool} (apt install ${tool})`;
  }
  return false;
}

export function run(command: string, ...words: string[]): string {
  return execFileSync(command, words, { encoding: 'utf8', timeout: 60_000, stdio: ['ignore', 'pipe', 'pipe'] });
}

export interface BuiltImages {
  readonly directory: string;
  /** Path of each archive or layout by what it is. */
  readonly paths: Readonly<Record<string, string>>;
  /** The layout by umoci, image `v1`, and where umoci unpacked it. */
  readonly layout: string;
  readonly unpacked: string;
  remove(): void;
}

/** An image of four layers: a base with every kind of object, changes, deletions, and a directory replaced. */
export function buildImages(): BuiltImages {
  const directory = mkdtempSync(join(tmpdir(), 'plyfs-images-'));
  const at = (...parts: string[]): string => join(directory, ...parts);
  const layout = at('layout');
  run('umoci', 'init', '--layout', layout);
  run('umoci', 'new', '--image', `${layout}:v1`);
  run('umoci', 'unpack', '--image', `${layout}:v1`, at('bundle'));
  const root = at('bundle', 'rootfs');
  steps.forEach((step, number) => {
    step(root);
    run(
      'umoci',
      'repack',
      '--refresh-bundle',
      '--history.created_by',
      `RUN step ${number + 1}`,
      '--image',
      `${layout}:v1`,
      at('bundle'),
    );
  });
  run(
    'umoci',
    'config',
    '--image',
    `${layout}:v1`,
    '--config.env',
    'A=b',
    '--config.label',
    'team=blue',
    '--config.cmd',
    '/bin/sh',
  );
  run('umoci', 'unpack', '--image', `${layout}:v1`, at('unpacked'));
  const from = `oci:${layout}:v1`;
  const copy = (to: string, ...options: string[]): string => run('skopeo', 'copy', '-q', ...options, from, to);
  copy(`docker-archive:${at('docker.tar')}:demo/app:1`);
  copy(`oci-archive:${at('oci.tar')}:demo/app:1`);
  copy(`oci:${at('oci-zstd')}:demo/app:1`, '--dest-compress-format', 'zstd', '--dest-compress');
  copy(`oci-archive:${at('oci-zstd.tar')}:demo/app:1`, '--dest-compress-format', 'zstd', '--dest-compress');
  run('gzip', '-k', at('docker.tar'));
  run('zstd', '-q', '-k', at('oci.tar'));
  return {
    directory,
    layout,
    unpacked: at('unpacked', 'rootfs'),
    paths: {
      'docker-archive by skopeo': at('docker.tar'),
      'docker-archive, gzip': at('docker.tar.gz'),
      'OCI layout directory, gzip layers': layout,
      'OCI archive, gzip layers': at('oci.tar'),
      'OCI archive, gzip layers, zstd around': at('oci.tar.zst'),
      'OCI layout directory, zstd layers': at('oci-zstd'),
      'OCI archive, zstd layers': at('oci-zstd.tar'),
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

const steps: readonly ((root: string) => void)[] = [
  (root) => {
    for (const name of ['bin', 'etc', 'etc/conf.d', 'var/lib/data', 'old/deep']) mkdirSync(join(root, name), { recursive: true });
    cpSync('/bin/busybox', join(root, 'bin/busybox'));
    symlinkSync('busybox', join(root, 'bin/sh'));
    symlinkSync('/etc/../etc/os-release', join(root, 'etc/release'));
    writeFileSync(join(root, 'etc/os-release'), 'NAME=demo\n');
    writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0::/:/bin/sh\n');
    for (const name of ['a', 'b', 'c']) writeFileSync(join(root, 'etc/conf.d', name), `${name}\n`);
    writeFileSync(join(root, 'old/deep/file'), 'x'.repeat(5000));
    writeFileSync(join(root, 'var/lib/data/one'), 'linked');
    linkSync(join(root, 'var/lib/data/one'), join(root, 'var/lib/two'));
    writeFileSync(join(root, 'n'.repeat(255)), 'long name');
    writeFileSync(Buffer.from(`${root}/bytes-\xff\xfe`, 'latin1'), 'not UTF-8');
    writeFileSync(join(root, 'sparse'), 'head');
    truncateSync(join(root, 'sparse'), 1_000_000);
    utimesSync(join(root, 'etc/passwd'), 1, 1);
    run('setfattr', '-n', 'user.color', '-v', 'blue\ngreen', join(root, 'etc/passwd'));
    run('mknod', join(root, 'null'), 'c', '1', '3');
    run('mkfifo', join(root, 'fifo'));
    run('chown', '-h', '1000:2000', join(root, 'bin/sh'));
    run('chown', '65534:70000', join(root, 'etc/conf.d'));
    run('chmod', '4751', join(root, 'bin/busybox'));
    run('chmod', '1777', join(root, 'var/lib'));
  },
  (root) => {
    writeFileSync(join(root, 'etc/os-release'), 'NAME=demo2\n');
    rmSync(join(root, 'etc/conf.d/b'));
    writeFileSync(join(root, 'etc/conf.d/d'), 'd\n');
  },
  (root) => {
    rmSync(join(root, 'old'), { recursive: true });
    rmSync(join(root, 'etc/os-release'));
    rmSync(join(root, 'null'));
    mkdirSync(join(root, 'null'));
    writeFileSync(join(root, 'null/in'), 'was a device');
  },
  (root) => {
    mkdirSync(join(root, 'old'));
    writeFileSync(join(root, 'old/new'), 'new');
    writeFileSync(join(root, 'etc/os-release'), 'NAME=demo4\n');
    run('chmod', '0700', join(root, 'var'));
  },
];

/** What the image shows, in the tree language; directories without their link counts, which images do not tell. */
export function treeOfImage(image: Image): string {
  const first = new Map<number, string>();
  const root = image.stat('/');
  const rootLine = lineOf(
    image,
    { path: '/', pathBytes: Buffer.from('/'), name: '', nameBytes: Buffer.alloc(0), kind: 'dir', stat: root },
    first,
  );
  return formatTree([rootLine, ...[...image.walk()].map((entry) => lineOf(image, entry, first))]);
}

/** What lies in a real directory, in the same form. */
export function treeOfDirectory(path: string): string {
  const { lines, problems } = dumpTree(path);
  if (problems.length > 0) throw new Error(problems.join('; '));
  return formatTree(lines.map((line) => (line.kind === 'dir' ? withoutLinks(line) : line)));
}

function withoutLinks({ nlink: _, ...line }: TreeLine): TreeLine {
  return line;
}

function lineOf(image: Image, entry: WalkEntry, first: Map<number, string>): TreeLine {
  const path = entry.pathBytes.toString('latin1').slice(1);
  const { stat } = entry;
  const known = first.get(stat.ino);
  if (entry.kind !== 'dir' && known !== undefined) return { kind: 'link', path, target: known, xattrs: new Map() };
  first.set(stat.ino, path);
  const at = entry.pathBytes;
  const line: TreeLine = {
    kind: entry.kind as TreeKind, // the kinds of the library are those of the tree language
    path,
    mode: stat.mode & 0o7777,
    uid: stat.uid,
    gid: stat.gid,
    mtime: `${stat.mtimeSec}.${String(stat.mtimeNsec).padStart(9, '0')}`,
    xattrs: image.xattrs(at),
  };
  if (entry.kind === 'symlink') line.target = Buffer.from(image.readlink(at)).toString('latin1');
  if (entry.kind === 'chr' || entry.kind === 'blk') line.rdev = `${stat.deviceMajor}:${stat.deviceMinor}`;
  if (entry.kind === 'file') {
    line.nlink = stat.nlink;
    line.size = stat.size;
    const content = image.readFile(at);
    if (content.length > 4096) line.digest = digestOf(content);
    else line.content = content;
  }
  return line;
}
