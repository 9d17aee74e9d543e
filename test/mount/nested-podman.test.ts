/** Images built in a container: buildah with plyfs or fuse-overlayfs, in a podman container whose root is a plyfs mount, with nothing of the
 *  inner storage on a volume. */

import assert from 'node:assert/strict';
import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { cannotPodman, PodmanStage, program } from '../support/podman-stage.js';

const skip = cannotPodman('buildah', 'fuse-overlayfs');
const project = dirname(dirname(program));

let stage: PodmanStage | undefined;
before(() => {
  if (skip !== false) return;
  stage = new PodmanStage(program);
  stage.importBase();
});
after(() => stage?.remove());

/** Layers that add, change, delete, replace and move what those below have. The last one says what is there. */
const dockerfileWith = (made: string): string => `FROM scratch
COPY bin /bin
RUN mkdir -p /data/gone /data/kept && echo 1 > /data/a && echo 2 > /data/gone/b && echo 3 > /data/kept/k
RUN rm /data/a && rm -r /data/gone && mkdir /data/${made} && echo 4 > /data/${made}/new && mv /data/kept /data/moved
RUN rm /data/moved/k && chown 3:4 /data/${made}/new
RUN ls -R /data && stat -c %u:%g /data/${made}/new && stat -f -c %t /`;

/** As in `podman run -v`: the programs of this machine, which has more of them than an image of a test. */
const volumes = [
  '/usr',
  '/lib',
  '/lib64',
  '/etc/alternatives',
  project,
  realpathSync(join(project, 'node_modules')),
  dirname(process.execPath),
];

const inners = [
  { inner: program, made: 'gone' },
  // fuse-overlayfs 1.10 loses that a directory was made anew, also on the kernel's overlay.
  { inner: '/usr/bin/fuse-overlayfs', made: 'fresh' },
];

for (const { inner, made } of inners) {
  test(`buildah with ${inner === program ? 'plyfs' : 'fuse-overlayfs'} builds in a container on plyfs`, {
    skip,
    timeout: 240_000,
  }, () => {
    const build = `set -e; mkdir -p /root /var/tmp /c /etc/containers && cd /c
      echo "{\\"default\\": [{\\"type\\": \\"insecureAcceptAnything\\"}]}" > /etc/containers/policy.json
      cp -r /bin bin && cat > Dockerfile
      export PATH=/usr/bin:/usr/sbin:/usr/local/bin HOME=/root XDG_RUNTIME_DIR=/run
      b() { buildah --root /s --runroot /r --storage-driver overlay --storage-opt overlay.mount_program=${inner} "$@"; }
      b bud --layers --isolation chroot -t one . >&2
      c=$(b from --pull-never one) && m=$(b mount $c) && ls -R $m/data && b rm $c >/dev/null`;
    const binds = [...new Set(volumes)].map((path) => `-v ${path}:${path}:ro`).join(' ');
    const script = `podman run --rm --ulimit host --network none --privileged --device /dev/fuse ${binds} -i base sh -c '${build}' <<'END'\n${dockerfileWith(made)}\nEND\n`;
    const ended = stage?.sh(script, 200);
    assert.equal(ended?.status, 0, `${ended?.stdout}${ended?.stderr}`);
    const shown = (root: string) => `${root}/data:\n${made}\nmoved\n\n${root}/data/${made}:\nnew\n\n${root}/data/moved:\n`;
    assert.ok(ended?.stderr.includes(`${shown('')}3:4\n65735546\n`), ended?.stderr);
    assert.match(ended?.stdout ?? '', new RegExp(`^${shown('.*')}$`));
    assert.deepEqual(stage?.left(), { layers: 1, mounts: [] });
  });
}
