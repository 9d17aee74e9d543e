/** Layers whose entries go through symlinks of their own layer, and markers where there is no directory: one tree in every form that plyfs
 *  gives an image, equal to what umoci unpacks where it says nothing else. Cases after reports on umoci, buildkit and containerd. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { archiveOf, ociArchive, partsOf } from '../support/archive-bytes.js';
import { needsTools } from '../support/image-fixture.js';
import { type RawEntry, rawTar } from '../support/tar-bytes.js';

const skip = needsTools !== false ? needsTools : existsSync('/dev/fuse') ? false : 'needs /dev/fuse';
const cli = new URL('../../../bin/plyfs', import.meta.url).pathname;

interface Case {
  readonly name: string;
  /** Bottom first. */
  readonly layers: readonly (readonly RawEntry[])[];
  /** A line for each object: kind letter of find(1), path, target or content. */
  readonly expected: string;
  /** Why umoci shows something else. */
  readonly umoci?: string;
}

const dir = (name: string): RawEntry => ({ name: `${name}/`, type: '5', mode: 0o755 });
const file = (name: string, data = name): RawEntry => ({ name, data });
const link = (name: string, target: string): RawEntry => ({ name, type: '2', link: target });
const wh = (name: string): RawEntry => ({ name });

const cases: readonly Case[] = [
  {
    name: 'a file below a symlink of the same layer lies in its target',
    layers: [[dir('usr'), dir('usr/lib'), file('usr/lib/m', 'm'), link('lib', 'usr/lib'), file('lib/c', 'c')]],
    expected: 'l lib -> usr/lib; d usr; d usr/lib; f usr/lib/c = c; f usr/lib/m = m',
  },
  {
    name: 'through a chain of symlinks, absolute and relative',
    layers: [[dir('a'), link('s', '/a'), link('s2', 's'), file('s2/x', '1'), file('s2/b/y', '2')]],
    expected: 'd a; d a/b; f a/b/y = 2; f a/x = 1; l s -> /a; l s2 -> s',
  },
  {
    name: 'never out of the root',
    layers: [[link('up', '../../../tmp/out'), file('up/x', '1')]],
    expected: 'd tmp; d tmp/out; f tmp/out/x = 1; l up -> ../../../tmp/out',
  },
  {
    name: 'the target of the symlink lies in a lower layer',
    layers: [
      [dir('usr'), dir('usr/bin'), file('usr/bin/a', 'a')],
      [link('bin', 'usr/bin'), file('bin/tool', 't')],
    ],
    expected: 'l bin -> usr/bin; d usr; d usr/bin; f usr/bin/a = a; f usr/bin/tool = t',
  },
  {
    name: 'a hard link, a device and a directory below such a symlink, and a hard link to a name through one',
    layers: [
      [
        dir('d'),
        link('l', 'd'),
        file('l/f', 'f'),
        { name: 'h', type: '1', link: 'l/f' },
        dir('l/sub'),
        { name: 'l/p', type: '6' },
      ],
    ],
    expected: 'd d; f d/f = f; p d/p; d d/sub; f h = f; l l -> d',
  },
  {
    name: 'a marker below what has become a file, as umoci repack writes it',
    layers: [
      [dir('b'), dir('b/d2f'), file('b/d2f/c', 'c')],
      [dir('b'), file('b/d2f', 'now'), wh('b/d2f/.wh.c')],
    ],
    expected: 'd b; f b/d2f = now',
  },
  {
    name: 'a marker below what has become a symlink',
    layers: [
      [dir('b'), dir('b/d2l'), file('b/d2l/c', 'c')],
      [dir('b'), link('b/d2l', '/nowhere'), wh('b/d2l/.wh.c')],
    ],
    expected: 'd b; l b/d2l -> /nowhere',
  },
  {
    name: 'a whiteout of a directory and one of a name in it, either first',
    layers: [
      [dir('d'), file('d/f'), dir('e'), file('e/f'), file('keep', 'k')],
      [wh('.wh.d'), wh('d/.wh.f'), wh('e/.wh.f'), wh('.wh.e')],
    ],
    expected: 'f keep = k',
  },
  {
    name: 'a marker in a directory that nobody has makes none',
    layers: [[file('keep', 'k')], [wh('ghost/.wh.x'), wh('ghost2/sub/.wh..wh..opq')]],
    expected: 'f keep = k',
  },
  {
    name: 'a whiteout in a middle layer of what a higher one only marks',
    layers: [[dir('d'), file('d/f')], [wh('.wh.d')], [wh('d/.wh.f')], [file('keep', 'k')]],
    expected: 'f keep = k',
  },
  {
    name: 'an opaque mark and a whiteout of one directory together',
    layers: [
      [dir('d'), file('d/f'), file('keep', 'k')],
      [wh('.wh.d'), wh('d/.wh..wh..opq')],
    ],
    expected: 'f keep = k',
  },
  {
    name: 'a marker below a lower file leaves the file',
    layers: [[file('f', 'file')], [wh('f/.wh.zz'), wh('f/sub/.wh..wh..opq')]],
    expected: 'f f = file',
  },
  {
    name: 'a marker where a lower layer has a directory acts on it and on nothing else',
    layers: [[dir('d'), file('d/f'), file('d/g', 'g')], [wh('d/.wh.f')]],
    expected: 'd d; f d/g = g',
  },
  {
    name: 'a marker through a symlink of the same layer acts on nothing',
    layers: [
      [dir('d'), file('d/f', 'f')],
      [link('l', 'd'), wh('l/.wh.f')],
    ],
    expected: 'd d; f d/f = f; l l -> d',
    umoci: 'it removes d/f through the link, which the other tools do not',
  },
  {
    name: 'hard links into what AUFS kept (images of 2014)',
    layers: [
      [{ name: '.wh..wh.plnk/', type: '5' }, file('.wh..wh.plnk/1.2', 'x'), { name: 'f', type: '1', link: '.wh..wh.plnk/1.2' }],
    ],
    expected: 'f f = x',
    umoci: 'it knows nothing of AUFS',
  },
];

/** What `directory` shows, without the root, by a process of its own. */
function shapeOf(directory: string): string {
  const script = `find . -mindepth 1 -printf '%y\\t%P\\t%l\\n' | LC_ALL=C sort -t $'\t' -k 2 | while IFS=$'\t' read -r kind path target; do
    printf '%s %s' "$kind" "$path"; [ "$kind" = l ] && printf ' -> %s' "$target"; [ "$kind" = f ] && printf ' = %s' "$(cat "$path")"; echo; done`;
  const { status, stdout, stderr } = spawnSync('timeout', ['30', 'bash', '-c', script], { cwd: directory, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return stdout.trimEnd().replaceAll('\n', '; ');
}

class Forms {
  readonly scratch = mkdtempSync(join(tmpdir(), 'plyfs-tar-trees-'));
  private count = 0;
  private readonly env = { ...process.env, PLYFS_ROOT: join(this.scratch, 'store') };

  run(command: string, ...words: string[]): string {
    const { status, stdout, stderr } = spawnSync('timeout', ['60', command, ...words], { encoding: 'utf8', env: this.env });
    assert.equal(status, 0, `${command} ${words.join(' ')}: ${stderr}`);
    return stdout;
  }

  path(): string {
    const made = join(this.scratch, `${++this.count}`);
    mkdirSync(made);
    return made;
  }

  mounted(image: string): string {
    const target = this.path();
    this.run(cli, 'mount', image, target);
    try {
      return shapeOf(target);
    } finally {
      this.run(cli, 'umount', target);
    }
  }

  exported(image: string): string {
    const target = this.path();
    const tar = `${target}.tar`;
    this.run(cli, 'export', '-o', tar, image);
    this.run('tar', '-C', target, '-xf', tar);
    return shapeOf(target);
  }

  unpackedByUmoci(archive: string): string {
    const layout = this.path();
    this.run('tar', '-C', layout, '-xf', archive);
    const bundle = join(layout, 'bundle');
    this.run('umoci', 'unpack', '--image', `${layout}:tag`, bundle);
    return shapeOf(join(bundle, 'rootfs'));
  }

  remove(): void {
    rmSync(this.scratch, { recursive: true, force: true });
  }
}

for (const { name, layers, expected, umoci } of cases) {
  test(`tar trees: ${name}`, { skip, timeout: 120_000 }, () => {
    const forms = new Forms();
    try {
      const archive = join(forms.scratch, 'image.tar');
      const parts = partsOf(...layers.map((entries) => rawTar(...entries)));
      writeFileSync(archive, archiveOf(ociArchive(parts, { 'org.opencontainers.image.ref.name': 'tag' })));
      forms.run(cli, 'load', '-q', '-i', archive);
      const [id = ''] = forms.run(cli, 'images', '-q', '--no-trunc').split('\n');
      forms.run(cli, 'tag', id, 'app:1');
      forms.run(cli, 'squash', '-q', 'app:1', 'app:flat');
      forms.run(cli, 'create', '--name', 'web', 'app:1');
      forms.run(cli, 'commit', '-q', 'web', 'app:2');
      const shown: Record<string, string> = {
        'the archive, mounted': forms.mounted(archive),
        'the stored image, mounted': forms.mounted('app:1'),
        'the archive, exported': forms.exported(archive),
        'squashed and mounted': forms.mounted('app:flat'),
        'a container, committed and exported': forms.exported('app:2'),
        ...(umoci === undefined && { 'umoci unpack': forms.unpackedByUmoci(archive) }),
      };
      for (const [form, shape] of Object.entries(shown)) assert.equal(shape, expected, form);
      const paths = expected.split('; ').map((line) => `/${line.split(' ')[1]}`);
      assert.deepEqual(
        forms
          .run(cli, 'find', 'app:1', '/')
          .trimEnd()
          .split('\n')
          .filter((path) => path !== '/')
          .sort(),
        paths.sort(),
      );
    } finally {
      forms.remove();
    }
  });
}
