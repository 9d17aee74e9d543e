/** From an archive on disk to its first byte and to a finished `find`; loading and removing. The archive lies in the page cache. */

import { existsSync } from 'node:fs';
import { daemonsOf, useOf } from '../../src/bench/subjects.js';
import type { Cost, Format, Session } from './session.js';

/** Where everything of a run is. */
export interface Places {
  plyfs: string;
  podman: string;
  mount: string;
  archives: Record<Format, string>;
  /** An OCI layout directory with the same layers, for umoci. */
  layout: string;
  bundle: string;
  /** A file of the image. */
  file: string;
  /** Of 100 files of the image. */
  changedList: string;
  image: string;
}

const [firstByte, finished] = ['first byte', 'find finished'];

export function startPlyfs(session: Session, at: Places, format: Format): void {
  const measure = (subject: string): number => {
    const mounted = session.run(`"$PLYFS" mount '${at.archives[format]}' '${at.mount}'`);
    try {
      const daemon = { ...mounted, seconds: 0, client: 0, daemon: useOf(daemonsOf(at.mount)).cpu };
      const read = session.run(`head -c1 '${at.mount}/${at.file}'`, at.mount);
      session.record(firstByte, format, subject, mounted, daemon, read);
      const found = session.run(`find '${at.mount}' | wc -l`, at.mount);
      session.record(finished, format, subject, mounted, daemon, read, found);
      keepMemory(session, at, format, subject);
      return mounted.seconds + read.seconds + found.seconds;
    } finally {
      session.run(`"$PLYFS" umount '${at.mount}'`);
    }
  };
  session.repeat(() => {
    session.prepare(`rm -rf '${at.plyfs}'`);
    return measure('plyfs');
  });
  session.repeat(() => measure('plyfs, index saved'));
  session.repeat(() => {
    session.prepare(`rm -rf '${at.plyfs}'`);
    const load = session.run(`"$PLYFS" load -q -i '${at.archives[format]}'`);
    session.record('load', format, 'plyfs', load);
    const removal = session.run(`"$PLYFS" rmi '${at.image}'`);
    session.record('rmi', format, 'plyfs', removal);
    return load.seconds + removal.seconds;
  });
}

function keepMemory(session: Session, at: Places, format: Format, subject: string): void {
  const { rss, pss } = useOf(daemonsOf(at.mount));
  const { memory } = session.results;
  if (memory.some((each) => each.stack === format && each.subject === subject)) return;
  memory.push({ workload: finished, stack: format, subject, rss, pss });
}

/** PRE: podman's storage holds nothing. POST: as before. */
export function startPodman(session: Session, at: Places, format: Format): void {
  session.repeat(() => {
    const load = session.run(`${at.podman} load -q -i '${at.archives[format]}'`);
    session.record('load', format, 'podman', load);
    const mounted = session.run(`${at.podman} image mount '${at.image}'`);
    const root = mounted.output.trim();
    const { read, found } = touch(session, root, at.file);
    session.record(firstByte, format, 'podman', load, mounted, read);
    session.record(finished, format, 'podman', load, mounted, read, found);
    session.prepare(`${at.podman} image unmount -f '${at.image}'`);
    session.record('rmi', format, 'podman', session.run(`${at.podman} rmi '${at.image}'`));
    return load.seconds;
  });
}

/** POST: the bundle is there. */
export function startUmoci(session: Session, at: Places): void {
  session.repeat(() => {
    if (existsSync(at.bundle)) session.prepare(`rm -rf '${at.bundle}'`);
    const unpacked = session.run(`umoci unpack --image '${at.layout}:1' '${at.bundle}'`);
    const { read, found } = touch(session, `${at.bundle}/rootfs`, at.file);
    session.record(firstByte, 'plain', 'umoci', unpacked, read);
    session.record(finished, 'plain', 'umoci', unpacked, read, found);
    return unpacked.seconds;
  });
}

function touch(session: Session, root: string, file: string): { read: Cost; found: Cost } {
  return { read: session.run(`head -c1 '${root}/${file}'`), found: session.run(`find '${root}' | wc -l`) };
}
