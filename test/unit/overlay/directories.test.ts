/** Directories that live long: as queues, read while they change, and what a hundred thousand files leave behind. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dirType } from '../../../src/base/mode.js';
import type { Name } from '../../../src/base/name.js';
import { Branches } from '../../../src/layers/union/branches.js';
import { Directory, Tree } from '../../../src/layers/union/tree.js';
import type { OverlayFs } from '../../../src/overlay/overlay-fs.js';
import { type Caller, type NodeId, rootNode } from '../../../src/vfs/filesystem.js';
import { withEngine } from '../../support/engine-stage.js';
import { openEngine } from '../../support/in-process.js';
import { needsRoot, openDescriptors } from '../../support/scratch.js';

const root: Caller = { uid: 0, gid: 0, pid: 1, umask: 0 };
const file = (dirType.reg << 12) | 0o644;

test('a directory used as a queue stays as small as what is in it', () => {
  const tree = new Tree();
  const directory = tree.addDirectory(dirType.dir, 0, 1, Branches.none());
  const add = (i: number) => tree.addEntry(directory, `n${i}` as Name, tree.nodes.add(dirType.reg, 0, 0, i), 0);
  const oldest = add(-1);
  for (let i = 0; i < 100; i++) add(i);
  for (let i = 100; i < 50_000; i++) {
    add(i);
    const gone = tree.names.find(directory.node, `n${i - 100}` as Name);
    const node = tree.names.node(gone);
    tree.removeEntry(directory, gone);
    tree.removeNode(node);
  }
  assert.ok(directory.children.length < 2000, `${directory.children.length} places`);
  assert.equal(directory.children[0], oldest);
  const names = Array.from(directory.children.subarray(0, directory.used)).filter((entry) => entry !== 0);
  assert.deepEqual(
    names.map((entry) => tree.names.name(entry)),
    ['n-1', ...Array.from({ length: 100 }, (_, i) => `n${49_900 + i}`)],
  );
});

test('positions begin anew when they run out', () => {
  const directory = new Directory(1, Branches.none());
  const positions = new Map<number, number>();
  const push = (entry: number) =>
    positions.set(
      entry,
      directory.push(entry, (moved, at) => positions.set(moved, at)),
    );
  for (let entry = 1; entry <= 100; entry++) push(entry);
  for (let entry = 1; entry <= 90; entry++) directory.take(positions.get(entry)!);
  const squeezed = directory as unknown as { positions: Uint32Array }; // to come near the end without four billion calls
  squeezed.positions[directory.used - 1] = 2 ** 32 - 9;
  positions.set(100, 2 ** 32 - 9);
  push(101);
  push(102);
  assert.deepEqual([positions.get(91), positions.get(100), positions.get(101), positions.get(102)], [0, 9, 10, 11]);
  directory.take(positions.get(100)!);
  assert.deepEqual(Array.from(directory.children.subarray(0, directory.used)), [91, 92, 93, 94, 95, 96, 97, 98, 99, 0, 101, 102]);
});

test('whoever reads a directory while names come and go sees each name that stays, and none twice', { skip: needsRoot }, () =>
  withEngine({ lower: [Array.from({ length: 1500 }, (_, i) => `file f${i}`).join(';')] }, async ({ view: { fs } }) => {
    const seen: string[] = [];
    let offset = 0;
    for (let round = 0; ; round++) {
      const before = offset;
      fs.readdir(rootNode, offset, (name, _node, _ino, _type, next) => {
        if (next - before > 100 && before !== offset) return false;
        seen.push(name);
        offset = next;
        return seen.length % 50 !== 0;
      });
      if (offset === before) break;
      for (let i = round * 60; i < round * 60 + 58 && i < 1500; i++) {
        if (fs.lookup(rootNode, `f${i}` as Name) !== undefined) fs.unlink(rootNode, `f${i}` as Name);
      }
      if (round < 10) fs.mknod(rootNode, `new${round}` as Name, file, 0, root);
    }
    assert.equal(new Set(seen).size, seen.length, 'a name came twice');
    const left: string[] = [];
    fs.readdir(rootNode, 0, (name) => left.push(name) > 0);
    assert.deepEqual(
      left.filter((name) => !seen.includes(name) && !name.startsWith('new')),
      [],
    );
  }),
);

test('whoever renames each name that a directory tells, there and back too, comes to an end', { skip: needsRoot }, () =>
  withEngine(
    {
      lower: [Array.from({ length: 100 }, (_, i) => `file low${i}`).join(';')],
      upper: Array.from({ length: 100 }, (_, i) => `file up${i}`).join(';'),
    },
    async ({ view: { fs } }) => {
      for (const change of ['to another name', 'there and back'] as const) {
        const seen: Name[] = [];
        for (let offset = 0; seen.length < 1000; ) {
          let next = offset;
          fs.readdir(rootNode, offset, (name, _node, _ino, _type, after) => {
            if (next !== offset) return false;
            if (name !== '.' && name !== '..') seen.push(name);
            next = after;
            return true;
          });
          if (next === offset) break;
          offset = next;
          const name = seen.at(-1);
          if (name === undefined) continue;
          fs.rename(rootNode, name, rootNode, `${name}x` as Name, 0, root);
          if (change === 'there and back') fs.rename(rootNode, `${name}x` as Name, rootNode, name, 0, root);
        }
        assert.equal(seen.length, 200, change);
      }
    },
  ),
);

test('files that came and went leave no memory, no number and no descriptor', { skip: needsRoot }, () =>
  withEngine({ lower: ['dir d; file d/keep'] }, async (engine) => {
    engine.view.close();
    engine.view = openEngine(engine.stage.paths);
    const fs = engine.view.fs as OverlayFs; // what openEngine opens
    const d = fs.lookup(rootNode, 'd' as Name) as NodeId; // the lower has it
    const cycle = (i: number) => {
      const name = `f${i}` as Name;
      const node = fs.mknod(d, name, file, 0, root);
      if (i % 3 === 0) fs.link(node, d, `l${i}` as Name);
      if (i % 5 === 0) fs.rename(d, name, d, `m${i}` as Name, 0);
      if (i % 3 === 0) fs.unlink(d, `l${i}` as Name);
      fs.unlink(d, (i % 5 === 0 ? `m${i}` : name) as Name);
      fs.forget(node, i % 3 === 0 ? 2 : 1);
      if (i % 10 === 0) {
        const made = fs.mkdir(d, 's' as Name, 0o755, root);
        fs.rmdir(d, 's' as Name);
        fs.forget(made, 1);
      }
    };
    for (let i = 0; i < 100; i++) cycle(i);
    const { tree } = fs.state;
    const before = [tree.nodes.count, tree.names.count, tree.nodes.byteLength, tree.names.byteLength, openDescriptors()];
    for (let i = 0; i < 4000; i++) cycle(i);
    const after = [tree.nodes.count, tree.names.count, tree.nodes.byteLength, tree.names.byteLength, openDescriptors()];
    assert.deepEqual(after, before);
  }),
);
