/** What the index of a layer of N names costs, measured in a process of its own: `node dist/bench/images/index-cost.js N FILE` builds it
 *  from a tar that is never on disk, saves it in FILE, and prints JSON; without N it loads FILE, as the first mount of a process does. */

import { readFileSync, writeFileSync } from 'node:fs';
import { nameFromText } from '../../src/base/name.js';
import { TarIndex } from '../../src/layers/tar/tar-index.js';
import { TarIndexBuilder } from '../../src/layers/tar/tar-index-builder.js';
import { TarWriter } from '../../src/tar/writer.js';

/** Printed as JSON, one of them. */
export interface Built {
  names: number;
  bytes: number;
  seconds: number;
}
export interface Loaded {
  names: number;
  seconds: number;
  /** How much larger the process became. */
  rssBytes: number;
}

const filesEach = 100;

function buildIndex(names: number, file: string): Built {
  const writer = new TarWriter();
  const builder = new TarIndexBuilder();
  const common = { mode: 0o644, uid: 0, gid: 0, mtimeSec: 1_700_000_000, mtimeNsec: 0 };
  let seconds = 0;
  const push = (chunk: Buffer) => {
    const start = process.hrtime.bigint();
    builder.push(chunk);
    seconds += Number(process.hrtime.bigint() - start) / 1e9;
  };
  for (let i = 0; i < names; i++) {
    const directory = `usr/share/module${Math.floor(i / filesEach)}`;
    const path = i % filesEach === 0 ? directory : `${directory}/component-${i}.js`;
    const type = i % filesEach === 0 ? 'dir' : 'file';
    for (const chunk of writer.add({ ...common, type, path: nameFromText(path) })) push(chunk);
  }
  for (const chunk of writer.finish()) push(chunk);
  const start = process.hrtime.bigint();
  const index = builder.finish();
  seconds += Number(process.hrtime.bigint() - start) / 1e9;
  writeFileSync(file, index.bytes);
  return { names: index.entries, bytes: index.bytes.length, seconds };
}

function loadIndex(file: string): Loaded {
  const before = process.memoryUsage.rss();
  const start = process.hrtime.bigint();
  const index = TarIndex.load(readFileSync(file));
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  return { names: index.entries, seconds, rssBytes: process.memoryUsage.rss() - before };
}

const [first = '', second] = process.argv.slice(2);
process.stdout.write(JSON.stringify(second === undefined ? loadIndex(first) : buildIndex(Number(first), second)));
