/** Copy-ups that run in another thread: what happens to the file and its names while the bytes move. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errno } from '../../../src/base/errno.js';
import { dirType } from '../../../src/base/mode.js';
import type { Name } from '../../../src/base/name.js';
import { type Caller, Deferred, type FileSystem, type NodeId, rootNode } from '../../../src/vfs/filesystem.js';
import { withEngine } from '../../support/engine-stage.js';
import { doJob } from '../../support/in-process.js';
import { needsRoot, openDescriptors, refuses } from '../../support/scratch.js';
import { patternBytes } from '../../support/tree.js';

const size = 3_000_000;
const lower = `dir d; file d/big pattern=1:${size}; link d/other -> d/big; file d/gone pattern=2:${size}; file small = s`;
const root: Caller = { uid: 0, gid: 0, pid: 1, umask: 0 };

function find(fs: FileSystem, path: string): NodeId {
  return path.split('/').reduce((at: NodeId, name) => {
    const node = fs.lookup(at, name as Name);
    assert.ok(node !== undefined, path);
    return node;
  }, rootNode);
}

/** Runs `act`, which has to wait. */
function deferred(act: () => unknown): Deferred {
  try {
    act();
  } catch (error) {
    if (error instanceof Deferred) return error;
    throw error;
  }
  return assert.fail('it did not wait');
}

function finish(job: Deferred, failure = 0): void {
  const done = failure === 0 ? doJob(job) : { failure, result: 0 };
  job.finish(done.failure, done.result);
}

const one = Buffer.from('1');
const write = (fs: FileSystem, node: NodeId) => fs.write(node, 0, one, 0, 1, false);

function contentOf(fs: FileSystem, node: NodeId): Buffer {
  const bytes = Buffer.alloc(size + 1);
  return bytes.subarray(0, fs.read(node, 0, bytes, 0, bytes.length));
}

function changed(seed: number): Buffer {
  const bytes = patternBytes(seed, size);
  bytes[0] = one[0]!;
  return bytes;
}

test('writers, truncations and attribute changes of a file wait for one copy, and all take effect', { skip: needsRoot }, () =>
  withEngine({ lower: [lower] }, async ({ view: { fs } }) => {
    const big = find(fs, 'd/big');
    const job = deferred(() => write(fs, big));
    assert.equal(
      deferred(() => fs.setattr(big, { mode: 0o600 }, root)),
      job,
    );
    assert.equal(
      deferred(() => fs.setattr(big, { size: 5 }, root)),
      job,
    );
    assert.equal(
      deferred(() => fs.link(big, rootNode, 'link' as Name)),
      job,
    );
    finish(job);
    write(fs, big);
    fs.link(big, rootNode, 'link' as Name);
    assert.deepEqual(contentOf(fs, find(fs, 'd/other')), changed(1));
    assert.deepEqual(contentOf(fs, find(fs, 'link')), changed(1));
  }),
);

test(
  'a file that loses all names while it is copied is changed for those who hold it, and leaves nothing',
  { skip: needsRoot },
  () =>
    withEngine({ lower: [lower] }, async (engine) => {
      const { fs } = engine.view;
      const before = openDescriptors();
      const node = find(fs, 'd/gone');
      const job = deferred(() => write(fs, node));
      fs.unlink(find(fs, 'd'), 'gone' as Name);
      finish(job);
      write(fs, node);
      assert.deepEqual(contentOf(fs, node), changed(2));
      fs.forget(node, 1);
      assert.ok(openDescriptors() <= before + 3, 'directories and a whiteout may stay open, files may not');
      engine.shows(`dir d; file d/big pattern=1:${size}; link d/other -> d/big; file small = s`);
    }),
);

test(
  'the number of a file that goes while it is copied is not given to another before the copy has ended',
  { skip: needsRoot },
  () =>
    withEngine({ lower: [lower] }, async (engine) => {
      const { fs } = engine.view;
      const node = find(fs, 'd/gone');
      const job = deferred(() => write(fs, node));
      const d = find(fs, 'd');
      fs.unlink(d, 'gone' as Name);
      fs.forget(node, 1);
      const made = fs.mknod(d, 'new' as Name, (dirType.reg << 12) | 0o644, 0, root);
      assert.notEqual(made, node);
      finish(job);
      fs.write(made, 0, one, 0, 1, false);
      engine.shows(`dir d; file d/big pattern=1:${size}; link d/other -> d/big; file d/new = 1; file small = s`);
    }),
);

test('names move and go while a file is copied: the copy gets those that are left', { skip: needsRoot }, () =>
  withEngine({ lower: [lower] }, async (engine) => {
    const { fs } = engine.view;
    const node = find(fs, 'd/big');
    const job = deferred(() => write(fs, node));
    fs.rename(rootNode, 'd' as Name, rootNode, 'e' as Name, 0, root);
    fs.unlink(find(fs, 'e'), 'big' as Name);
    finish(job);
    write(fs, node);
    assert.deepEqual(contentOf(fs, find(fs, 'e/other')), changed(1));
    await engine.run('unlink e/gone\nremount\nls e -> other\nget e/other nlink -> 1');
    const again = engine.view.fs;
    assert.deepEqual(contentOf(again, find(again, 'e/other')), changed(1));
  }),
);

test('a copy that fails is an error for all that waited, changes nothing, and a later one succeeds', { skip: needsRoot }, () =>
  withEngine({ lower: [lower] }, async (engine) => {
    const { fs } = engine.view;
    const before = openDescriptors();
    const node = find(fs, 'd/gone');
    const job = deferred(() => write(fs, node));
    refuses(errno.ENOSPC, () => finish(job, errno.ENOSPC));
    assert.ok(openDescriptors() <= before + 3, 'directories and the lower file may stay open, the copy may not');
    assert.deepEqual(contentOf(fs, node), patternBytes(2, size));
    finish(deferred(() => write(fs, node)));
    write(fs, node);
    assert.deepEqual(contentOf(fs, node), changed(2));
  }),
);
