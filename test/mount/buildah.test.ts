/** Images by buildah, read in the two formats that it writes: the mount is what umoci unpacks and what buildah itself mounts. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openImage } from '../../src/image/open-image.js';
import { needsTools, treeOfDirectory } from '../support/image-fixture.js';

const cli = new URL('../../../bin/plyfs', import.meta.url).pathname;
const dumper = new URL('../support/dump.js', import.meta.url).pathname;
const hasBuildah = spawnSync('buildah', ['--version'], { stdio: 'ignore' }).status === 0;
const skip = needsTools !== false ? needsTools : reasonWithout();

function reasonWithout(): string | false {
  if (!hasBuildah) return 'needs buildah (apt install buildah)';
  return existsSync('/dev/fuse') ? false : 'needs /dev/fuse';
}

/** `b` is buildah with a storage of its own, `step` a new container on the last image, `$m` its root, and `keep` commits it. */
const build = `
b() { buildah --root "$PWD/storage" --runroot "$PWD/run" --storage-driver vfs "$@"; }
step() { c=$(b from --pull-never "$1"); m=$(b mount "$c"); }
keep() { b umount "$c" >/dev/null; b commit -q "$@" "$c" "$name" >/dev/null; b rm "$c" >/dev/null; }
mkdir -p base/bin base/etc/conf.d base/old/deep
cp /bin/busybox base/bin; ln base/bin/busybox base/bin/sh; setcap cap_net_raw+ep base/bin/busybox
printf 'one\\n' > base/etc/a; ln base/etc/a base/etc/conf.d/a2; echo gone > base/etc/gone; echo x > base/old/deep/x; ln -s ../etc base/old/link
setfattr -n user.color -v 0x00ff0a base/etc/conf.d; setfacl -m u:7:r base/etc/gone; chown -R 12:34 base/old; chmod 4755 base/bin/busybox
setcap cap_net_raw+ep base/bin/busybox
name=one; step scratch; b copy -q "$c" base /; b config --cmd /bin/sh --env A=b "$c"; mknod "$m/null" c 1 3; keep
name=two; step one; echo two >> "$m/etc/conf.d/a2"; rm "$m/etc/gone"; rm -r "$m/old"; mkdir "$m/old"; echo n > "$m/old/new"; keep --format docker
name=three; step two; ln "$m/bin/sh" "$m/bin/ls"; rm "$m/null"; mkdir "$m/null"; echo f > "$m/null/file"
setfattr -n user.note -v later "$m/old/new"; touch "$m/$(printf 'bytes-\\377')" "$m/$(printf '%0255d' 0)"; keep
name=four; step three; rm "$m/bin/sh"; chmod 0711 "$m/etc"; mkfifo "$m/pipe"; keep
step four; ${process.execPath} ${dumper} "$m" > mounted.tree; b rm "$c" >/dev/null
b push -q four oci-archive:oci.tar:demo:1; b push -q four docker-archive:docker.tar:demo:1
skopeo copy -q oci-archive:oci.tar oci:layout:v1; umoci unpack --image layout:v1 bundle
`;

let directory = '';
before(() => {
  if (skip !== false) return;
  directory = mkdtempSync(join(tmpdir(), 'plyfs-buildah-'));
  mkdirSync(join(directory, 'mnt'));
  sh(build);
});
after(() => {
  if (skip !== false) return;
  sh('mountpoint -q mnt && umount -l mnt; true');
  rmSync(directory, { recursive: true, force: true });
});

function sh(script: string): string {
  const env = { ...process.env, PLYFS_ROOT: join(directory, 'store') };
  const { status, stdout, stderr } = spawnSync('timeout', ['60', 'sh', '-ec', script], { cwd: directory, env, encoding: 'utf8' });
  assert.equal(status, 0, `${stdout}${stderr}`);
  return stdout.trimEnd();
}

for (const archive of ['oci.tar', 'docker.tar']) {
  test(`buildah's ${archive}, mounted, shows what umoci unpacks and what buildah mounts`, { skip, timeout: 60_000 }, async () => {
    const path = join(directory, archive);
    using image = await openImage(path, { root: join(directory, 'store') });
    assert.equal(image.layers.length, 4);
    const shown = sh(`${cli} mount ${path} mnt; ${process.execPath} ${dumper} mnt; ${cli} umount mnt`);
    assert.equal(shown, treeOfDirectory(join(directory, 'bundle/rootfs')), 'umoci');
    // The layers say nothing of the root: each storage driver makes it as it likes.
    assert.equal(withoutRoot(shown), withoutRoot(sh('cat mounted.tree')), 'buildah');
    assert.match(shown, /file bin\/busybox 04755 .*security\.capability/);
  });
}

function withoutRoot(tree: string): string {
  return tree.replace(/^dir \..*\n/, '');
}
