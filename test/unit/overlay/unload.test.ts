import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { dirType } from '../../../src/base/mode.js';
import type { Name } from '../../../src/base/name.js';
import { Counters } from '../../../src/observe/counters.js';
import { openOverlay } from '../../../src/overlay/open.js';
import type { OverlayFs } from '../../../src/overlay/overlay-fs.js';
import { type NodeId, rootNode } from '../../../src/vfs/filesystem.js';

const directories = 200;
const filesEach = 50;
const namesMax = 2000;

function openWide(path: string): OverlayFs {
  mkdirSync(join(path, 'layer'));
  for (let d = 0; d < directories; d++) {
    mkdirSync(join(path, 'layer', `d${d}`));
    for (let f = 0; f < filesEach; f++) writeFileSync(join(path, 'layer', `d${d}`, `file-${f}`), '');
  }
  const config = {
    isVolatile: false,
    staticNlink: false,
    xino: 'auto',
    whNames: 'refuse',
    redirectDir: true,
    posixAcl: false,
    accessTimes: { files: 'relative', directories: 'relative' },
  } as const;
  return openOverlay({ ...config, layers: [join(path, 'layer')], namesMax }, new Counters());
}

/** Looks every name up as the kernel does, and returns the references, the directories' last. */
function walk(fs: OverlayFs, parent: NodeId, found: NodeId[]): string[] {
  const children: [Name, number][] = [];
  fs.readdir(parent, 0, (name, node, _ino, type) => {
    if (node !== undefined) children.push([name, type]);
    return true;
  });
  return children.flatMap(([name, type]) => {
    const node = fs.lookup(parent, name);
    assert.ok(node !== undefined);
    const below = type === dirType.dir ? walk(fs, node, found) : [];
    found.push(node);
    return [name, ...below.map((path) => `${name}/${path}`)];
  });
}

test('names that nobody refers to any more are given back, and are there again when asked for', () => {
  const path = mkdtempSync(join(tmpdir(), 'plyfs-memory-'));
  try {
    const fs = openWide(path);
    const { names, nodes } = fs.state.tree;
    const references: NodeId[] = [];
    const before = walk(fs, rootNode, references);
    assert.equal(before.length, directories * (filesEach + 1));
    assert.equal(names.count, before.length);
    for (const node of references) fs.forget(node, 1);
    assert.ok(names.count <= namesMax, `${names.count} names are still kept`);
    assert.equal(nodes.count, names.count + 1);
    assert.deepEqual(walk(fs, rootNode, []), before);
    fs.destroy();
  } finally {
    rmSync(path, { recursive: true });
  }
});

test('a name with its node takes at most 150 bytes of tables', () => {
  const path = mkdtempSync(join(tmpdir(), 'plyfs-memory-'));
  try {
    const fs = openWide(path);
    walk(fs, rootNode, []);
    const { names, nodes } = fs.state.tree;
    assert.ok(
      (names.byteLength + nodes.byteLength) / names.count < 150,
      `${names.byteLength} + ${nodes.byteLength} for ${names.count}`,
    );
    fs.destroy();
  } finally {
    rmSync(path, { recursive: true });
  }
});
