/** podman with plyfs as mount program shows and stores the owners that it has with the kernel's overlay, in every form of user namespace. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { cannotPodman, PodmanStage, program } from '../support/podman-stage.js';

const skip = cannotPodman('newuidmap', 'setpriv');

/** What the container sees and does: owners of the image, of what podman itself puts there, of what is made, and a change of owner. */
const script = `stat -c '%u:%g %n' / /etc /home/u /etc/group /etc/mtab; id -u; for d in /home/u /tmp; do
  if touch $d/x 2>/dev/null; then stat -c '%u:%g %n' $d/x; else echo "$d refused"; fi; done
  if chown 3:4 /etc/passwd 2>/dev/null; then stat -c '%u:%g %n' /etc/passwd; else echo "chown refused"; fi`;

const forms = {
  root: ['', '--uidmap 0:100000:5000', '--uidmap 0:100000:5000 --gidmap 0:200000:5000', '--userns=auto'],
  user: ['', '--userns=keep-id', '--userns=keep-id:uid=1000,gid=1000', '--userns=nomap', '--userns=auto'],
} as const;

for (const who of ['root', 'user'] as const) {
  const stages: PodmanStage[] = [];
  before(() => {
    if (skip === false) stages.push(...[undefined, program].map((mountProgram) => new PodmanStage(mountProgram, who === 'user')));
    for (const stage of stages) stage.importBase();
  });
  after(() => {
    for (const stage of stages) stage.remove();
  });
  for (const form of forms[who]) {
    test(`podman run ${form} as ${who}: owners are those of the kernel's overlay`, { skip, timeout: 120_000 }, () => {
      const [ofKernel, ofPlyfs] = stages.map((stage) =>
        stage.ok(`podman run --rm --ulimit host --network none ${form} -i base sh -s <<'END'\n${script}\nEND\n`),
      );
      assert.equal(ofPlyfs, ofKernel);
      assert.match(ofPlyfs ?? '', /^0:0 \/\n0:0 \/etc\n1000:1000 \/home\/u\n7:8 \/etc\/group\n0:0 \/etc\/mtab\n/);
      const type = stages[1]?.ok(`podman run --rm --ulimit host --network none ${form} base busybox stat -f -c %t /`);
      assert.equal(type?.trim(), '65735546');
      assert.deepEqual(stages[1]?.left(), { layers: 1, mounts: [] });
    });
  }
}
