/** The container layer: commit, diff and export after 100 files have changed. */

import type { Session } from './session.js';
import type { Places } from './start.js';

const commit = 'commit of 100 changed files';
const tarOfTree = 'tar c of the tree';
const container = 'plyfs-bench';

function change(root: string, list: string): string {
  return `while read -r path; do echo changed >> '${root}'"/$path"; done < '${list}'`;
}

function measureTrees(session: Session, subject: string, root: string, programs: Record<string, string>, fuse?: string): void {
  for (const [step, script] of Object.entries(programs))
    session.repeat(() => {
      const cost = session.run(script, fuse);
      session.record(step, 'plain', subject, cost);
      return cost.seconds;
    });
  session.repeat(() => {
    const cost = session.run(`tar -C '${root}' -cf - . | cat > /dev/null`, fuse);
    session.record(tarOfTree, 'plain', subject, cost);
    return cost.seconds;
  });
}

export function changedPlyfs(session: Session, at: Places): void {
  const second = `${at.image}-changed`;
  session.prepare(
    `rm -rf '${at.plyfs}'; "$PLYFS" load -q -i '${at.archives.plain}'; "$PLYFS" create --name ${container} '${at.image}'`,
  );
  session.prepare(`"$PLYFS" mount ${container} '${at.mount}'`);
  try {
    session.prepare(change(at.mount, at.changedList));
    session.repeat(() => {
      const cost = session.run(`"$PLYFS" commit -q ${container} '${second}'`, at.mount);
      session.record(commit, 'plain', 'plyfs', cost);
      session.prepare(`"$PLYFS" rmi '${second}'`);
      return cost.seconds;
    });
    const programs = { diff: `"$PLYFS" diff ${container}`, export: `"$PLYFS" export ${container} | cat > /dev/null` };
    measureTrees(session, 'plyfs', at.mount, programs, at.mount);
  } finally {
    session.prepare(`"$PLYFS" umount '${at.mount}'`);
  }
}

/** PRE: podman's storage holds nothing. POST: as before. */
export function changedPodman(session: Session, at: Places): void {
  const second = `${at.image}-changed`;
  const { podman } = at;
  session.prepare(`${podman} load -q -i '${at.archives.plain}'; ${podman} create --name ${container} '${at.image}' sh`);
  const root = session.prepare(`${podman} mount ${container}`);
  session.prepare(change(root, at.changedList));
  session.repeat(() => {
    const cost = session.run(`${podman} commit -q ${container} '${second}'`);
    session.record(commit, 'plain', 'podman', cost);
    session.prepare(`${podman} rmi '${second}'`);
    return cost.seconds;
  });
  const programs = { diff: `${podman} diff ${container}`, export: `${podman} export ${container} | cat > /dev/null` };
  measureTrees(session, 'podman', root, programs);
  session.prepare(`${podman} umount ${container}; ${podman} rm ${container}; ${podman} rmi '${at.image}'`);
}

/** PRE: the bundle. */
export function changedUmoci(session: Session, at: Places): void {
  session.prepare(change(`${at.bundle}/rootfs`, at.changedList));
  session.record(commit, 'plain', 'umoci', session.run(`umoci repack --image '${at.layout}:2' '${at.bundle}'`));
  measureTrees(session, 'umoci', `${at.bundle}/rootfs`, {});
}
