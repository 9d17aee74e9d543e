/** From a path to a node. */

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { errno } from '../../../src/base/errno.js';
import type { Name } from '../../../src/base/name.js';
import { type NodeId, rootNode } from '../../../src/vfs/filesystem.js';
import { findNode, leave, namesOf } from '../../../src/vfs/walk.js';
import { MirrorFs } from '../../support/mirror-fs.js';
import { refuses } from '../../support/scratch.js';

/** A mirror that counts the references it has handed out. */
class CountingFs extends MirrorFs {
  readonly held = new Map<NodeId, number>();

  override lookup(parent: NodeId, name: Name): NodeId | undefined {
    const node = super.lookup(parent, name);
    if (node !== undefined) this.held.set(node, (this.held.get(node) ?? 0) + 1);
    return node;
  }

  override forget(node: NodeId, references: number): void {
    this.held.set(node, (this.held.get(node) ?? 0) - references);
    super.forget(node, references);
  }

  get total(): number {
    return [...this.held.values()].reduce((sum, count) => sum + count, 0);
  }
}

function withTree(use: (fs: CountingFs) => void): () => void {
  return () => {
    const root = mkdtempSync(join(tmpdir(), 'plyfs-walk-'));
    mkdirSync(join(root, 'a/b'), { recursive: true });
    writeFileSync(join(root, 'a/b/c'), '');
    const fs = new CountingFs(root, true);
    try {
      use(fs);
      assert.equal(fs.total, 0, 'references are left');
    } finally {
      fs.destroy();
      rmSync(root, { recursive: true });
    }
  };
}

const find = (fs: CountingFs, path: string) => findNode(fs, namesOf(path as Name));

test(
  'a path leads to its node and holds that node alone',
  withTree((fs) => {
    const node = find(fs, '/a/b/c');
    assert.ok(node !== undefined && node !== rootNode);
    assert.equal(fs.total, 1);
    assert.equal(fs.held.get(node), 1);
    leave(fs, node);
  }),
);

test(
  'the path / is the root, which needs no reference',
  withTree((fs) => {
    assert.equal(find(fs, '/'), rootNode);
    leave(fs, rootNode);
  }),
);

test(
  'a missing name is no node, and one below a file is refused',
  withTree((fs) => {
    assert.equal(find(fs, '/a/x/c'), undefined);
    refuses(errno.ENOTDIR, () => find(fs, '/a/b/c/d'));
  }),
);
