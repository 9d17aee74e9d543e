/** Hard links of a layer to files of the layers below it (L-8): one file with several names, as where layers are unpacked onto each other. */

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openImage } from '../../src/image/open-image.js';
import { archiveOf, ociArchive, partsOf } from '../support/archive-bytes.js';
import { needsTools, run, treeOfDirectory, treeOfImage } from '../support/image-fixture.js';
import { type RawEntry, rawTar } from '../support/tar-bytes.js';

const skip = needsTools !== false ? needsTools : existsSync('/dev/fuse') ? false : 'needs /dev/fuse';
const cli = new URL('../../../bin/plyfs', import.meta.url).pathname;
const dumper = new URL('../support/dump.js', import.meta.url).pathname;

/** Bottom first. umoci applies entries one by one, so links come before the whiteouts of their targets. */
const layers: RawEntry[][] = [
  [
    { name: './', type: '5' },
    { name: 'bin/', type: '5' },
    { name: 'bin/tool', data: 'tool', mode: 0o4755, uid: 7, pax: [['SCHILY.xattr.user.k', 'v']] },
    { name: 'bin/same', type: '1', link: 'bin/tool' },
    { name: 'gone', data: 'gone' },
    { name: 'old', data: 'old' },
  ],
  [{ name: 'other', data: 'other' }],
  [
    { name: 'deep/', type: '5' },
    { name: 'deep/tool', type: '1', link: 'bin/tool' },
    { name: 'kept', type: '1', link: 'gone' },
    { name: '.wh.gone' },
    { name: 'old-too', type: '1', link: './old' },
  ],
  [
    { name: 'again', type: '1', link: 'deep/tool' },
    { name: 'old', data: 'new' },
    { name: 'deep/kept', type: '1', link: 'kept' },
  ],
];

let directory = '';
let archive = '';
before(() => {
  if (skip !== false) return;
  directory = mkdtempSync(join(tmpdir(), 'plyfs-links-'));
  archive = join(directory, 'links.tar');
  const tars = layers.map((entries) => rawTar(...entries));
  writeFileSync(archive, archiveOf(ociArchive(partsOf(...tars), { 'org.opencontainers.image.ref.name': 'v1' })));
  mkdirSync(join(directory, 'layout'));
  mkdirSync(join(directory, 'mnt'));
  execFileSync('tar', ['-C', join(directory, 'layout'), '-xf', archive]);
  run('umoci', 'unpack', '--image', `${directory}/layout:v1`, join(directory, 'bundle'));
});
after(() => {
  if (skip !== false) return;
  sh('mountpoint -q mnt && umount -l mnt; true');
  rmSync(directory, { recursive: true, force: true });
});

function sh(line: string): string {
  const script = `plyfs() { sh ${cli} "$@"; }; dump() { ${process.execPath} ${dumper} "$@"; }; ${line}`;
  const env = { ...process.env, PLYFS_ROOT: join(directory, 'store') };
  const { status, stdout, stderr } = spawnSync('timeout', ['60', 'sh', '-ec', script], { cwd: directory, env, encoding: 'utf8' });
  assert.equal(status, 0, `${line}: ${stdout}${stderr}`);
  return stdout.trimEnd();
}

test('a link to a lower layer is one file with its target, as umoci unpacks it', { skip }, async () => {
  const expected = treeOfDirectory(join(directory, 'bundle/rootfs'));
  using image = await openImage(archive, { root: join(directory, 'store') });
  assert.equal(treeOfImage(image), expected, 'the library');
  assert.equal(image.stat('/again').layer, 1, 'it comes from the layer that has the data');
  const described = (path: string) => sh(`plyfs stat ${archive} ${path} | tail -n +2`);
  assert.equal(described('/again'), described('/bin/tool'));
  assert.equal(sh(`plyfs mount ${archive} mnt; dump mnt; plyfs umount mnt`), expected, 'a mount');
  sh(`plyfs load -qi ${archive}; plyfs export -o root.tar ${archive}; mkdir out; tar -C out --xattrs -xpf root.tar`);
  assert.equal(treeOfDirectory(join(directory, 'out')), expected, 'an export');
});

test('a change through one name is a change of all, before and after a remount', { skip }, () => {
  sh(`plyfs mount --upper upper ${archive} mnt`);
  const inode = sh('stat -c %i mnt/deep/tool');
  sh('printf + >> mnt/again; rm mnt/bin/same; printf - >> mnt/old');
  const after = `tool+tool+tool+${inode} 3\n${inode} 3`;
  assert.equal(sh('cat mnt/bin/tool mnt/deep/tool mnt/again; stat -c "%i %h" mnt/bin/tool mnt/again'), after);
  assert.equal(sh('cat mnt/old mnt/old-too; stat -c %h mnt/old-too'), 'new-old1', 'what a layer replaced is another file');
  sh(`plyfs umount mnt; plyfs mount --upper upper ${archive} mnt`);
  assert.equal(sh('cat mnt/bin/tool mnt/deep/tool mnt/again; stat -c "%i %h" mnt/bin/tool mnt/again'), after);
  sh('plyfs umount mnt');
  assert.equal(sh('stat -c %h upper/again upper/bin/tool upper/deep/tool'), '3\n3\n3');
});
