/** podman with plyfs as mount program: builds of all forms and short runs in a row, without an error, and nothing is left in the storage but
 *  what the images need. PLYFS_PODMAN_COUNT=60 makes it a soak. */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { cannotPodman, PodmanStage, program } from '../support/podman-stage.js';

const skip = cannotPodman();
const count = Number(process.env.PLYFS_PODMAN_COUNT ?? 3);

/** Two stages; names made, deleted, replaced and moved, in lower and new directories. */
const containerfile = `FROM base AS maker
ARG round
RUN mkdir -p /out/deep && echo $round > /out/deep/f && rm /etc/group && ln /out/deep/f /out/again
FROM base
COPY --from=maker /out /out
RUN mv /home/u /home/v && touch /home/v/new && echo more >> /etc/passwd
RUN rm -r /home/v /out/again && mkdir /home/v && touch /home/v/new && chmod 0700 /etc
CMD ["sh", "-c", "cat /out/deep/f; ls /home/v; stat -c %a /etc"]
`;
const forms = ['--layers', '--layers=false', '--squash', '--squash-all', '--layers --no-cache'];

let stage: PodmanStage | undefined;
before(() => {
  if (skip !== false) return;
  stage = new PodmanStage(program);
  stage.importBase();
  writeFileSync(join(stage.path, 'own/Containerfile'), containerfile);
});
after(() => stage?.remove());

test(`${count} builds in a row, with layers, squashed and without cache: no error, no mount, no layer too much`, {
  skip,
  timeout: count * 30_000,
}, () => {
  for (let round = 0; round < count; round++) {
    const form = forms[round % forms.length];
    // With layers kept between builds the tag moves on: prune what nothing needs, and only what images have may stay.
    const ended = stage?.sh(`podman build -q --isolation chroot ${form} --build-arg round=${round} -t built . &&
      podman run --rm --ulimit host --network none built && podman rmi -f built >/dev/null && podman image prune -f >/dev/null`);
    assert.equal(ended?.status, 0, `build ${round} ${form}: ${ended?.stdout}${ended?.stderr}`);
    assert.match(ended?.stdout ?? '', new RegExp(`\n${round}\nnew\n700\n$`));
    assert.doesNotMatch(ended?.stderr ?? '', /[Ee]rror/);
    assert.deepEqual(stage?.left(), { layers: 1, mounts: [] }, `after build ${round} ${form}`);
  }
});

test(`${count} runs in a row that change files: no error, no mount and no container's directory is left`, {
  skip,
  timeout: count * 30_000,
}, () => {
  for (let round = 0; round < count; round++) {
    const ended = stage?.sh(
      `podman run --rm --ulimit host --network none base sh -c 'rm /etc/group; echo ${round} > /tmp/x; mv /home/u /home/v; cat /tmp/x'`,
    );
    assert.deepEqual(ended, { status: 0, stdout: `${round}\n`, stderr: '' });
    assert.deepEqual(stage?.left(), { layers: 1, mounts: [] }, `after run ${round}`);
  }
});
